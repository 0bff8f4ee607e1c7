//! A file with documents of the Elixir engine.

use prana_template::{Map, Value};

use super::legacy::{Legacy, LegacyError};

/// Workflows and stored executions, as that engine writes them.
///
/// ```
/// let bundle = prana::elixir::Bundle::read(br#"{"id": "w", "nodes": [], "connections": {}}"#).unwrap();
/// assert_eq!((bundle.workflows.len(), bundle.executions.len()), (1, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// Workflows.
    pub workflows: Vec<Value>,
    /// Executions.
    pub executions: Vec<Value>,
}

impl Bundle {
    /// Reads JSON: a workflow, an execution, a list of either, or `{workflows: [...], executions: [...]}`.
    ///
    /// # Errors
    /// [`LegacyError::Malformed`] for what is none of these, and for an execution with a field that can't be read.
    pub fn read(json: &[u8]) -> Result<Self, LegacyError> {
        let wrong =
            |error| LegacyError::Malformed { place: "file".into(), problem: format!("is not JSON: {error}") };
        let value = Value::parse_json(json).map_err(wrong)?;
        let mut bundle = Bundle::default();
        match value.as_map() {
            Some(map) if is_bundle(map) => bundle.add_lists(map)?,
            _ => bundle.add(&value, "file")?,
        }
        Ok(bundle)
    }

    /// Takes in what another file has.
    pub fn append(&mut self, other: Bundle) {
        self.workflows.extend(other.workflows);
        self.executions.extend(other.executions);
    }

    fn add_lists(&mut self, map: &Map) -> Result<(), LegacyError> {
        for (key, value) in map.iter() {
            let known = matches!(&**key, "workflows" | "executions");
            let list = value.as_list().filter(|_| known).ok_or_else(|| LegacyError::Malformed {
                place: key.to_string(),
                problem:
                    "should not be here: beside `workflows` and `executions`, both lists, there is nothing"
                        .into(),
            })?;
            for (position, item) in list.iter().enumerate() {
                self.add(item, &format!("{key}[{position}]"))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, value: &Value, place: &str) -> Result<(), LegacyError> {
        match value {
            Value::List(list) => {
                list.iter().enumerate().try_for_each(|(position, item)| self.add(item, &format!("{place}[{position}]")))
            }
            Value::Map(map) if is_execution(map) => {
                Legacy::read(value).map_err(|error| error.within(place))?;
                self.executions.push(value.clone());
                Ok(())
            }
            Value::Map(map) if map.contains_key("nodes") => {
                self.workflows.push(value.clone());
                Ok(())
            }
            _ => Err(LegacyError::Malformed {
                place: place.to_owned(),
                problem: "is neither a workflow (with `nodes`) nor a stored execution (with `workflow_id` and `status`)".into(),
            }),
        }
    }
}

fn is_bundle(map: &Map) -> bool {
    !map.contains_key("id") && (map.contains_key("workflows") || map.contains_key("executions"))
}

fn is_execution(map: &Map) -> bool {
    map.contains_key("workflow_id") && map.contains_key("status")
}

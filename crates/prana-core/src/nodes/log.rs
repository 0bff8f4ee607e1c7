//! `core.log`: a line in the log.

use prana_template::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{params_of, present};
use crate::action::{Call, Descriptor, Effect, Failure, Outcome, PureAction};
use crate::registry::Registry;

/// The parameters of `core.log`.
///
/// They are kept in the record of the run, and from there the engine writes the line: the core itself writes nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogParams {
    /// How important it is.
    #[serde(default)]
    pub level: Level,
    /// What to say. A value that is no text is written as JSON.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub message: Option<Value>,
    /// Data to write with it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub data: Option<Value>,
}

impl LogParams {
    /// Reads the parameters out of the record of a run.
    ///
    /// # Errors
    /// Parameters of another action.
    ///
    /// ```
    /// use prana_core::nodes::log::{Level, LogParams};
    /// use prana_template::value;
    ///
    /// let line = LogParams::from_record(&value!({"message": {"rows": 3}})).unwrap();
    /// assert_eq!((line.level, line.text().as_str()), (Level::Info, r#"{"rows":3}"#));
    /// ```
    pub fn from_record(params: &Value) -> Result<Self, prana_template::ParamError> {
        prana_template::from_value(params)
    }

    /// The line, as text.
    pub fn text(&self) -> prana_template::Str {
        match &self.message {
            Some(message) => message.to_text(),
            None => "Log Action".into(),
        }
    }
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// The usual course of things.
    #[default]
    Info,
    /// Somebody may want to look.
    #[serde(alias = "warning")]
    Warn,
    /// Something is wrong.
    Error,
}

/// Writes a line and passes its input on.
pub struct Log;

/// Adds it.
pub fn register(registry: &mut Registry) {
    let descriptor = Descriptor::new::<LogParams>(
        "core.log",
        "Log",
        "Writes a line to the log and to the audit trail. Its output is its input.",
        Effect::Pure,
    )
    .aliases(&["prana_core.log"]);
    registry.pure(descriptor, Log);
}

impl PureAction for Log {
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure> {
        let _: LogParams = params_of(call)?;
        Ok(Outcome::output(call.input()))
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use crate::nodes::tests::Probe;

    #[test]
    fn passes_its_input_on() {
        for params in [value!({}), value!({"level": "warn", "message": "low", "data": {"ml": 3}})] {
            Probe::new("core.log", params.clone()).input(value!(5)).gives(value!(5));
            Probe::new("prana_core.log", params).input(value!(5)).gives(value!(5));
        }
    }

    #[test]
    fn refuses_unknown_levels() {
        Probe::new("core.log", value!({"level": "loud"})).refused("loud");
    }
}

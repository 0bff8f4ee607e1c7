//! Puts secrets into the parameters of a call, right before the action runs: the only place where they meet.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use prana_actions::{CallSecrets, Redactor, UsedSecret};
use prana_core::ErrorValue;
use prana_core::executor::EffectCall;
use prana_template::{
    DeferredError, Filters, Map, NameError, Names, PathItem, PathSegment, Resolved, Scope, Slot, Str, Value,
    path_text,
};

use super::{Revealed, SecretError, Secrets};

impl Secrets {
    /// Evaluates what a call's parameters were still waiting for, and says what must be kept out of the result: every secret that the workflow mentions, and
    /// what was made of those that are used here.
    pub(crate) async fn fill(
        &self,
        mentioned: &[Str],
        filters: &Filters,
        call: &mut EffectCall,
    ) -> Result<CallSecrets, ErrorValue> {
        if mentioned.is_empty() && call.deferred.is_empty() {
            return Ok(CallSecrets::default());
        }
        let mut all = Vec::with_capacity(mentioned.len());
        let redactor = Redactor::default();
        for name in mentioned {
            let revealed = self.reveal(name).await;
            match &revealed {
                Ok(revealed) => redactor.learn(revealed.text.reveal()),
                // Not to know it would be not to keep it out of the result.
                Err(error @ SecretError::Store(_)) => return Err(error.clone().into()),
                // Whoever needs it is told; others can't have it in their result.
                Err(_) => {}
            }
            all.push(revealed);
        }
        let known = Known::new(mentioned, &all);
        let mut values = Vec::with_capacity(call.deferred.len());
        for later in &call.deferred {
            let evaluated = later.evaluate(&call.params, &known, &known, filters);
            known.check_used(&all)?;
            let evaluated = evaluated.map_err(failed)?;
            evaluated.derived.iter().for_each(|derived| redactor.learn_value(derived));
            redactor.learn_value(&evaluated.value);
            values.push((later.path.as_slice(), evaluated.value));
        }
        let params = with_values(&call.params, values);
        let used = known.used(&all);
        call.params = params;
        call.deferred.clear();
        Ok(CallSecrets::new(used, redactor))
    }
}

impl From<SecretError> for ErrorValue {
    fn from(error: SecretError) -> Self {
        let is_passing = matches!(&error, SecretError::Store(store) if store.is_transient());
        let text = error.to_string();
        let code = error.code();
        let message = text.strip_prefix(&format!("{code}: ")).unwrap_or(&text);
        let value = ErrorValue::new(code.as_str(), message);
        if is_passing { value } else { value.not_retryable() }
    }
}

fn failed(error: DeferredError) -> ErrorValue {
    let mut details = Map::new();
    details.insert("template", error.template.as_str());
    details.insert("param", path_text(&error.path));
    if let Some(value_type) = error.value_type {
        details.insert("value_type", value_type);
    }
    let message = format!(
        "{}: a template with secrets can't be evaluated ({}); what it computes with isn't shown",
        path_text(&error.path),
        error.code
    );
    ErrorValue::new(error.code, message).with_details(Value::Map(details)).not_retryable()
}

/// The secrets that a workflow mentions, by number, and which of them were asked for.
struct Known<'a> {
    names: &'a [Str],
    values: Vec<Value>,
    used: RefCell<BTreeSet<usize>>,
}

impl<'a> Known<'a> {
    fn new(names: &'a [Str], all: &[Result<Revealed, SecretError>]) -> Self {
        let text = |revealed: &Result<Revealed, SecretError>| {
            revealed.as_ref().map(|revealed| Value::from(revealed.text.reveal())).unwrap_or_default()
        };
        Known { names, values: all.iter().map(text).collect(), used: RefCell::default() }
    }

    /// The first that was asked for and can't be had.
    fn check_used(&self, all: &[Result<Revealed, SecretError>]) -> Result<(), ErrorValue> {
        let used = self.used.borrow();
        match used.iter().find_map(|number| all[*number].as_ref().err()) {
            Some(error) => Err(error.clone().into()),
            None => Ok(()),
        }
    }

    fn used(&self, all: &[Result<Revealed, SecretError>]) -> Vec<UsedSecret> {
        let of = |number: &usize| {
            let allowed_hosts = all[*number].as_ref().ok()?.allowed_hosts.clone();
            Some(UsedSecret { name: self.names[*number].to_string(), allowed_hosts })
        };
        self.used.borrow().iter().filter_map(of).collect()
    }
}

impl Names for Known<'_> {
    fn resolve(&self, root: &str, path: &[PathItem]) -> Result<Resolved, NameError> {
        let number = match (root, path) {
            ("$secrets", [PathItem::Key(name), ..]) => self.names.iter().position(|known| known == name),
            _ => None,
        };
        let unknown = || NameError {
            code: "expression.unknown_name",
            message: format!("there is no `{root}` here"),
            help: None,
        };
        let number = number.ok_or_else(unknown)?;
        self.used.borrow_mut().insert(number);
        Ok(Resolved { slot: Slot(number as u32), consumed: 1 })
    }
}

impl Scope for Known<'_> {
    fn value(&self, slot: Slot) -> Cow<'_, Value> {
        self.values.get(slot.0 as usize).map_or(Cow::Owned(Value::Null), Cow::Borrowed)
    }
}

/// The parameters with these values at these places.
fn with_values(params: &Value, values: Vec<(&[PathSegment], Value)>) -> Value {
    let mut here = None;
    let mut below: BTreeMap<&PathSegment, Vec<(&[PathSegment], Value)>> = BTreeMap::new();
    for (path, value) in values {
        match path.split_first() {
            None => here = Some(value),
            Some((segment, rest)) => below.entry(segment).or_default().push((rest, value)),
        }
    }
    let mut child = |segment: PathSegment, old: &Value| match below.remove(&segment) {
        Some(values) => with_values(old, values),
        None => old.clone(),
    };
    match (here, params) {
        (Some(value), _) => value,
        (None, Value::List(items)) => {
            items.iter().enumerate().map(|(at, old)| child(at.into(), old)).collect()
        }
        (None, Value::Map(map)) => Value::Map(
            map.iter().map(|(key, old)| (key.clone(), child(PathSegment::Key(key.clone()), old))).collect(),
        ),
        (None, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    #[test]
    fn values_come_to_their_places() {
        let params = value!({"a": ["x", "y", {"k": 1}], "b": 2});
        let places: [&[PathSegment]; 3] =
            [&["a".into(), 2.into(), "k".into()], &["a".into(), 0.into()], &["gone".into()]];
        let values =
            places.iter().zip([value!("deep"), value!([0]), value!("nowhere")]).map(|(path, v)| (*path, v));
        assert_eq!(with_values(&params, values.collect()), value!({"a": [[0], "y", {"k": "deep"}], "b": 2}));
        assert_eq!(with_values(&params, vec![(&[], value!(1))]), value!(1));
    }
}

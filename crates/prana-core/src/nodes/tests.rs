//! Runs one pure action alone, with parameters as they are after rendering.

use prana_template::{Budget, EvalError, Filters, FixedNames, Params, ParamsOptions, Value};

use crate::action::{Call, Failure, InputPort, Outcome, Wakeup};
use crate::error::ErrorValue;
use crate::record::Completed;
use crate::registry::{Behaviour, Registry};
use crate::time::Timestamp;

/// One action with its surroundings.
pub(crate) struct Probe {
    type_name: &'static str,
    params: Value,
    arrived: Vec<Vec<Value>>,
    ports: Vec<InputPort>,
    connected: Vec<&'static str>,
    template: Option<(&'static str, &'static str)>,
    now: Timestamp,
}

impl Probe {
    pub fn new(type_name: &'static str, params: Value) -> Self {
        let registry = Registry::standard();
        let action = registry.action(type_name).expect("a registered action");
        let ports = action.descriptor.ports_for(&params).inputs;
        Probe {
            type_name,
            params,
            arrived: vec![],
            ports,
            connected: vec![],
            template: None,
            now: Timestamp::from_millis(0),
        }
    }

    pub fn input(self, input: Value) -> Self {
        self.arrive(0, [input])
    }

    pub fn arrive(mut self, port: usize, data: impl IntoIterator<Item = Value>) -> Self {
        self.arrived.resize_with(self.arrived.len().max(port + 1), Vec::new);
        self.arrived[port].extend(data);
        self
    }

    pub fn connected(mut self, port: &'static str) -> Self {
        self.connected.push(port);
        self
    }

    pub fn at(mut self, now: &str) -> Self {
        self.now = now.parse().expect("a time");
        self
    }

    /// A parameter that the action evaluates itself.
    pub fn item_field(mut self, field: &'static str, template: &'static str) -> Self {
        self.template = Some((field, template));
        self
    }

    fn with_action<R>(&self, use_it: impl FnOnce(&dyn crate::action::PureAction) -> R) -> R {
        let registry = Registry::standard();
        match &registry.action(self.type_name).expect("a registered action").behaviour {
            Behaviour::Pure(action) => use_it(action.as_ref()),
            _ => panic!("`{}` is not pure", self.type_name),
        }
    }

    pub fn run(&self) -> Result<Outcome, Failure> {
        self.with_action(|action| action.run(self))
    }

    pub fn resume(&self, wakeup: Wakeup) -> Result<Outcome, Failure> {
        self.with_action(|action| action.resume(self, wakeup))
    }

    #[track_caller]
    pub fn gives(&self, output: Value) {
        assert_eq!(self.run(), Ok(Outcome::Complete(Completed::new(output))));
    }

    #[track_caller]
    pub fn gives_on(&self, output: Value, port: &str) {
        assert_eq!(self.run(), Ok(Outcome::on_port(output, port)));
    }

    /// The action fails with this code, and a message that contains this.
    #[track_caller]
    pub fn fails(&self, code: &str, part: &str) {
        let error = self.error();
        assert_eq!(error.code, *code, "{error}");
        assert!(error.message.contains(part), "{error}");
    }

    /// The parameters are refused, with a message that contains this.
    #[track_caller]
    pub fn refused(&self, part: &str) {
        let registry = Registry::standard();
        let action = registry.action(self.type_name).expect("a registered action");
        let error = action.descriptor.validate(&self.params).expect_err("they should be refused");
        assert!(error.to_string().contains(part), "{error}");
    }

    #[track_caller]
    fn error(&self) -> ErrorValue {
        match self.run() {
            Err(Failure::Action(error) | Failure::Params(error)) => error,
            Ok(outcome) => panic!("it should fail, and gave {outcome:?}"),
        }
    }
}

impl Call for Probe {
    fn params(&self) -> &Value {
        &self.params
    }

    fn input(&self) -> Value {
        self.arrived.first().and_then(|data| data.last().cloned()).unwrap_or_default()
    }

    fn inputs(&self, port: usize) -> Vec<Value> {
        self.arrived.get(port).cloned().unwrap_or_default()
    }

    fn input_ports(&self) -> &[InputPort] {
        &self.ports
    }

    fn evaluate(&self, field: &str, item: &Value, index: usize) -> Result<Value, EvalError> {
        let Some((_, template)) = self.template.filter(|(name, _)| *name == field) else {
            return Ok(Value::Null);
        };
        let options = ParamsOptions { allow_item: &|_| true, ..ParamsOptions::default() };
        let names = FixedNames::new([""]);
        let params = Params::compile(&Value::from(template), &names, Filters::standard(), &options);
        let scope = [Value::Null];
        params.expect("a template").render_with_item(&scope, item, index as i64, &mut Budget::default())
    }

    fn has(&self, field: &str) -> bool {
        self.template.is_some_and(|(name, _)| name == field) || self.params.get(field).is_some()
    }

    fn is_connected(&self, port: &str) -> bool {
        self.connected.contains(&port)
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// Every declaration is whole, and its schema can be made.
#[test]
fn every_action_is_declared_in_full() {
    for action in Registry::standard().actions() {
        let descriptor = &action.descriptor;
        assert!(!descriptor.title.is_empty() && descriptor.description.ends_with('.'), "{descriptor:?}");
        assert!(descriptor.params_schema().is_object(), "{descriptor:?}");
    }
}

#[test]
fn the_older_names_are_known() {
    let registry = Registry::standard();
    for (alias, name) in [
        ("prana_core.for_each", "core.for_each"),
        ("prana_core.log", "core.log"),
        ("http.webhook", "webhook.trigger"),
        ("http.webhook_trigger", "webhook.trigger"),
        ("schedule.cron_trigger", "schedule.trigger"),
    ] {
        let action = registry.action(alias).unwrap_or_else(|| panic!("`{alias}` is unknown"));
        assert_eq!(action.descriptor.type_name, *name);
    }
}

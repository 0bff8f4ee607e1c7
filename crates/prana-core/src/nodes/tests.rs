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
        let error = action.descriptor.validate(&self.params, &|_| false).expect_err("they should be refused");
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
        ("http.webhook_respond", "webhook.respond"),
        ("schedule.cron_trigger", "schedule.trigger"),
    ] {
        let action = registry.action(alias).unwrap_or_else(|| panic!("`{alias}` is unknown"));
        assert_eq!(action.descriptor.type_name, *name);
    }
}

/// What compiling a node of this type with these parameters (in YAML) says; "" if nothing.
fn said(type_name: &str, params: &str) -> String {
    const START: &str = "- {key: start, type: manual.trigger}";
    let (start, connections) = match type_name {
        "data.merge" => (START, "[start -> node.input_a]"),
        name if name.contains("trigger") => ("", "[]"),
        _ => (START, "[start -> node]"),
    };
    let document = format!(
        "id: w\nnodes:\n  {start}\n  - {{key: node, type: {type_name}, params: {params}}}\nconnections: {connections}"
    );
    let loaded = crate::document::load("w.yaml", document.as_bytes()).expect("a document");
    let registry = Registry::standard();
    let compiled =
        crate::compile::compile(&loaded[0].workflow, &registry, crate::compile::Options::default());
    let said: Vec<String> =
        compiled.diagnostics.iter().map(|found| format!("{} {}", found.code, found.message)).collect();
    said.join("; ")
}

#[test]
fn templates_may_stand_in_the_place_of_any_parameter() {
    for (type_name, params) in [
        ("logic.if_condition", "{condition: '{{ $input.a }}'}"),
        ("logic.switch", "{value: '{{ $input }}', cases: '{{ $vars.cases }}'}"),
        ("logic.switch", "{cases: [{condition: '{{ $input.a }}', port: '{{ $input.p }}'}]}"),
        ("logic.switch", "{value: '{{ $input }}', cases: [{equals: null, port: a}]}"),
        ("data.filter", "{items: '{{ $input.rows }}', condition: '{{ $item.a > $index }}'}"),
        ("data.filter", "{condition: true}"),
        ("data.sort", "{by: '{{ $input.by }}'}"),
        ("data.sort", "{by: ['{{ $input.by }}', {field: '{{ $input.a }}', desc: '{{ $input.desc }}'}]}"),
        ("data.limit", "{count: '{{ $input.n }}', keep: '{{ $input.end }}'}"),
        ("data.unique", "{by: '{{ $input.by }}'}"),
        ("data.unique", "{by: [a, '{{ $input.by }}']}"),
        ("data.aggregate", "{by: '{{ $input.by }}', fields: '{{ $input.fields }}'}"),
        ("data.aggregate", "{fields: {n: {op: '{{ $input.op }}', field: '{{ $input.f }}'}}}"),
        (
            "data.merge",
            "{strategy: '{{ $input.input_a }}', key: '{{ $vars.key }}', input_a: '{{ $input.input_a }}'}",
        ),
        ("data.set_data", "{fields: '{{ $input.fields }}', mode: merge}"),
        ("data.set_data", "{fields: {a: 1}}"),
        ("data.set_data", "{mapping_map: '{{ $input }}'}"),
        ("core.log", "{level: '{{ $input.level }}', message: '{{ $input }}'}"),
        ("core.stop", "{status: '{{ $input.status }}', output: '{{ $input }}'}"),
        ("wait.wait", "{mode: '{{ $input.mode }}'}"),
        ("wait.wait", "{mode: interval, duration: '{{ $input.n }}', unit: '{{ $input.unit }}'}"),
        ("workflow.set_state", "{a: '{{ $input }}'}"),
        (
            "webhook.respond",
            "{status: '{{ $input.s }}', headers: {x-a: '{{ $input.a }}'}, body: '{{ $input }}'}",
        ),
        ("webhook.respond", "{respond_with: binary, body: '{{ $input.file }}'}"),
        ("webhook.respond", "{respond_with: redirect, location: '{{ $input.to }}'}"),
        ("schedule.trigger", "{every: 15m, jitter: 5s}"),
        ("schedule.cron_trigger", "{cron_pattern: '0 9 * * *', timezone: Europe/Rome}"),
        ("webhook.trigger", "{path: in, auth: {type: header, header: X, value: '{{ $secrets.hook }}'}}"),
    ] {
        let said = said(type_name, params);
        assert_eq!(said, "", "{type_name} {params}");
    }
}

#[test]
fn what_can_never_be_right_is_told_before_anything_runs() {
    for (type_name, params, part) in [
        ("logic.if_condition", "{}", "condition"),
        ("logic.switch", "{}", "cases"),
        ("logic.switch", "{cases: [{port: a}]}", "cases[0]: this case never holds"),
        ("logic.switch", "{cases: [{equals: 1, port: a}]}", "nothing to compare with"),
        ("data.filter", "{}", "condition"),
        ("data.filter", "{condition: true, where: 1}", "where"),
        ("data.limit", "{count: -1}", "count"),
        ("data.sort", "{by: [{feild: a}]}", "feild"),
        ("data.merge", "{inputs: '{{ $vars.n }}'}", "inputs: it can't be a template"),
        ("data.merge", "{inputs: 27}", "2 to 26"),
        ("data.merge", "{strategy: join_by_key}", "key: the field to join by is missing"),
        ("data.set_data", "{}", "`fields` is missing"),
        ("wait.wait", "{mode: interval}", "duration: it is missing"),
        ("wait.wait", "{mode: schedule}", "schedule_at: it is missing"),
        ("wait.wait", "{mode: '{{ $input }}', until: 5}", "until"),
        ("webhook.respond", "{respond_with: redirect}", "location: a redirect needs"),
        ("webhook.respond", "{status: 99}", "status: a status is"),
        ("webhook.respond", "{headers: {Set-Cookie: a}}", "headers: the header"),
        ("schedule.trigger", "{}", "when to start"),
        ("schedule.trigger", "{cron: '@daily', every: 5m}", "exclude each other"),
        ("schedule.trigger", "{cron: '0 24 * * *'}", "cron: `24` can't be the hours"),
        ("schedule.cron_trigger", "{cron_pattern: '0 0 30 2 *'}", "cron_pattern: no day is like that"),
        ("schedule.trigger", "{cron: '{{ $vars.cron }}'}", "cron: it can't be a template"),
        ("schedule.trigger", "{every: 1ms}", "every: the shortest interval"),
        ("schedule.trigger", "{every: 1h, timezone: Mars}", "timezone: there is no time zone `Mars`"),
        ("core.log", "{level: loud}", "loud"),
        ("manual.trigger", "{a: 1}", "a"),
    ] {
        let said = said(type_name, params);
        assert!(
            said.contains("workflow.invalid_params") && said.contains(part),
            "{type_name} {params}: {said}"
        );
    }
}

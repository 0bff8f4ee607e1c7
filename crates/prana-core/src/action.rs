//! What an action declares about itself, and how the pure ones run.
//!
//! From one declaration come validation, the reference docs, the palette and the forms of the UI.

use std::borrow::Cow;
use std::sync::Arc;

use prana_template::{EvalError, ParamError, Params, PathSegment, Str, Value};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::ErrorValue;
use crate::record::Completed;
use crate::suspension::Suspension;
use crate::time::Timestamp;

/// What an action is for, as the palette groups it. Only `Trigger` changes how a workflow is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Starts executions.
    Trigger,
    /// Does something.
    Action,
    /// Decides which way to go, or loops.
    Logic,
    /// Waits.
    Wait,
    /// Answers somebody.
    Output,
}

/// Whether running twice can be told from running once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The result depends on the inputs alone. It runs inside the core; where it takes too long for that, outside, and nothing is committed before it.
    Pure,
    /// It touches the world; the core asks for it, and the engine runs it after a commit.
    Effect,
}

/// An input port.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InputPort {
    /// Its name.
    pub name: Str,
    /// If nothing came on it, the node is skipped.
    pub required: bool,
}

impl From<&str> for InputPort {
    fn from(name: &str) -> Self {
        InputPort { name: name.into(), required: false }
    }
}

/// The ports of a node, which its parameters may decide.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ports {
    /// Input ports, the main one first.
    pub inputs: Vec<InputPort>,
    /// Output ports, in order of declaration.
    pub outputs: Vec<Str>,
    /// True if it may leave by ports that are not listed (code, or ports named by templates).
    pub any_output: bool,
}

type Schema = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;
type Validate = Arc<dyn Fn(&Value, &dyn Fn(&[PathSegment]) -> bool) -> Result<(), ParamError> + Send + Sync>;
type Check = Arc<dyn Fn(&Params) -> Result<(), ParamError> + Send + Sync>;
type PortsOf = fn(&Descriptor, &Value) -> Ports;

/// The declaration of an action.
#[derive(Clone)]
pub struct Descriptor {
    /// The full type name, such as `http.request`.
    pub type_name: Str,
    /// Other names it answers to.
    pub aliases: Vec<Str>,
    /// For the palette.
    pub title: Cow<'static, str>,
    /// What it does, in Markdown.
    pub description: Cow<'static, str>,
    /// What it is for.
    pub kind: Kind,
    /// Whether it touches the world.
    pub effect: Effect,
    /// Its ports, before parameters have a say.
    pub ports: Ports,
    /// The port it leaves by if it names none; none for logic and loop nodes.
    pub default_port: Option<Str>,
    /// Parameters that the action evaluates itself, once per item; `$item` and `$index` are known in them.
    pub item_fields: &'static [&'static str],
    /// Parameters that are never templates.
    pub literal_fields: &'static [&'static str],
    /// True if the parameters that are never templates are code that reads `$input` and the other names itself.
    pub reads_scope: bool,
    /// Where in the parameters the name of a stored credential stands: never a template, so that no data chooses whose name is used.
    pub credential_paths: &'static [&'static [&'static str]],
    /// The parameter that makes many calls of one, if the action has one: see [`Batch`].
    pub batch_field: Option<&'static str>,
    /// True if it may not be disabled though it has a default port.
    pub cannot_disable: bool,
    ports_of: Option<PortsOf>,
    schema: Schema,
    validate: Validate,
    check: Check,
}

impl Descriptor {
    /// An action of kind `Action` with ports `main -> main`, whose parameters are a `P`.
    pub fn new<P: DeserializeOwned + JsonSchema>(
        type_name: &str,
        title: &'static str,
        description: &'static str,
        effect: Effect,
    ) -> Self {
        Descriptor {
            type_name: type_name.into(),
            aliases: Vec::new(),
            title: title.into(),
            description: description.into(),
            kind: Kind::Action,
            effect,
            ports: Ports { inputs: vec!["main".into()], outputs: vec!["main".into()], any_output: false },
            default_port: Some("main".into()),
            item_fields: &[],
            literal_fields: &[],
            reads_scope: false,
            credential_paths: &[],
            batch_field: None,
            cannot_disable: false,
            ports_of: None,
            schema: Arc::new(|| schemars::schema_for!(P).to_value()),
            validate: Arc::new(|params, is_deferred| {
                prana_template::check_with_holes::<P>(params, is_deferred)
            }),
            check: Arc::new(|params| params.check::<P>()),
        }
    }

    /// An action whose parameters no Rust type describes: their JSON Schema, and what checks them, be they rendered or (with holes) as written.
    ///
    /// ```
    /// use prana_core::action::{Descriptor, Effect};
    /// use prana_template::{ParamError, value};
    ///
    /// let schema = serde_json::json!({"type": "object"});
    /// let action = Descriptor::of_schema("app.greet", "Greet", "Greets.", Effect::Effect, schema, |params, _| match params.get("name") {
    ///     Some(_) => Ok(()),
    ///     None => Err(ParamError { path: Vec::new(), message: "who?".to_owned(), help: None }),
    /// });
    /// assert!(action.validate(&value!({"name": "Ada"}), &|_| false).is_ok());
    /// assert!(action.validate(&value!({}), &|_| false).is_err());
    /// ```
    pub fn of_schema(
        type_name: &str,
        title: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
        effect: Effect,
        schema: serde_json::Value,
        validate: impl Fn(&Value, &dyn Fn(&[PathSegment]) -> bool) -> Result<(), ParamError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let validate: Validate = Arc::new(validate);
        let as_written = Arc::clone(&validate);
        Descriptor {
            title: title.into(),
            description: description.into(),
            schema: Arc::new(move || schema.clone()),
            validate,
            check: Arc::new(move |params| as_written(&params.skeleton(), &|path| params.is_hole(path))),
            ..Descriptor::new::<serde_json::Value>(type_name, "", "", effect)
        }
    }

    /// Sets the kind. A trigger has no input ports.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        if kind == Kind::Trigger {
            self.ports.inputs.clear();
        }
        self
    }

    /// Sets the input ports.
    #[must_use]
    pub fn inputs(mut self, names: &[&str]) -> Self {
        self.ports.inputs = names.iter().map(|name| InputPort::from(*name)).collect();
        self
    }

    /// Sets the output ports and the default one.
    #[must_use]
    pub fn outputs(mut self, names: &[&str], default_port: Option<&str>) -> Self {
        self.ports.outputs = names.iter().map(|name| Str::from(*name)).collect();
        self.default_port = default_port.map(Str::from);
        self
    }

    /// Adds other names for the type.
    #[must_use]
    pub fn aliases(mut self, names: &[&str]) -> Self {
        self.aliases = names.iter().map(|name| Str::from(*name)).collect();
        self
    }

    /// Names the parameters that the action evaluates itself, per item.
    #[must_use]
    pub fn item_fields(mut self, names: &'static [&'static str]) -> Self {
        self.item_fields = names;
        self
    }

    /// Names the parameters that are never templates.
    #[must_use]
    pub fn literal_fields(mut self, names: &'static [&'static str]) -> Self {
        self.literal_fields = names;
        self
    }

    /// Names the parameters that are code: never templates, and the action gets the values of all `$` names that stand in them.
    ///
    /// ```
    /// use prana_core::action::{Descriptor, Effect};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Params {
    ///     code: String,
    /// }
    ///
    /// let action = Descriptor::new::<Params>("app.code", "Code", "Runs code.", Effect::Pure).code_fields(&["code"]);
    /// assert!(action.reads_scope && action.is_literal(&["code".into()]));
    /// ```
    #[must_use]
    pub fn code_fields(mut self, names: &'static [&'static str]) -> Self {
        self.reads_scope = true;
        self.literal_fields(names)
    }

    /// Says where in the parameters the names of stored credentials stand.
    #[must_use]
    pub fn credential_paths(mut self, paths: &'static [&'static [&'static str]]) -> Self {
        self.credential_paths = paths;
        self
    }

    /// The credentials that these parameters, as written in the document, name.
    pub fn credentials_in<'p>(&self, params: &'p Value) -> Vec<(&'static [&'static str], &'p Value)> {
        let at = |path: &&'static [&'static str]| {
            let found = path.iter().try_fold(params, |value, key| value.get(key))?;
            (!found.is_null()).then_some((*path, found))
        };
        self.credential_paths.iter().filter_map(at).collect()
    }

    /// Says what a document may hold, where that is more than what is left after rendering: item fields are evaluated later.
    #[must_use]
    pub fn document_params<D: DeserializeOwned + JsonSchema>(mut self) -> Self {
        self.schema = Arc::new(|| schemars::schema_for!(D).to_value());
        self.check = Arc::new(|params| params.check::<D>());
        self
    }

    /// Adds a check of what the types of the parameters can't say: it sees them as written, templates not yet rendered.
    #[must_use]
    pub fn check_with(mut self, more: fn(&Params) -> Result<(), ParamError>) -> Self {
        let check = self.check;
        self.check = Arc::new(move |params| check(params).and_then(|()| more(params)));
        self
    }

    /// Names the parameter, a [`Batch`], that makes many calls of one.
    #[must_use]
    pub fn batch(mut self, name: &'static str) -> Self {
        self.batch_field = Some(name);
        self
    }

    /// Refuses to be disabled.
    #[must_use]
    pub fn cannot_disable(mut self) -> Self {
        self.cannot_disable = true;
        self
    }

    /// Lets the parameters, as written in the document, decide the ports.
    #[must_use]
    pub fn ports_from(mut self, ports_of: PortsOf) -> Self {
        self.ports_of = Some(ports_of);
        self
    }

    /// The ports of a node with these parameters (as written, before rendering).
    pub fn ports_for(&self, params: &Value) -> Ports {
        match self.ports_of {
            Some(ports_of) => ports_of(self, params),
            None => self.ports.clone(),
        }
    }

    /// The JSON Schema of the parameters.
    pub fn params_schema(&self) -> serde_json::Value {
        (self.schema)()
    }

    /// Are these rendered parameters ones that the action takes? Those that are evaluated later may be anything.
    ///
    /// # Errors
    /// The first place that doesn't fit.
    pub fn validate(
        &self,
        params: &Value,
        is_deferred: &dyn Fn(&[PathSegment]) -> bool,
    ) -> Result<(), ParamError> {
        (self.validate)(params, is_deferred)
    }

    /// Can these parameters, templates not yet rendered, be right?
    ///
    /// # Errors
    /// The first place that can't.
    pub fn check(&self, params: &Params) -> Result<(), ParamError> {
        (self.check)(params)
    }

    /// True if `$item` and `$index` are known in the parameter at this path, of a node with these parameters.
    pub fn allows_item(&self, path: &[PathSegment], params: &Value) -> bool {
        let [PathSegment::Key(key), ..] = path else { return false };
        let in_batch = |batch: &str| **key != *batch && params.get(batch).is_some();
        self.item_fields.contains(&&**key) || self.batch_field.is_some_and(in_batch)
    }

    /// True if the parameter at this path is text as it is, never a template.
    pub fn is_literal(&self, path: &[PathSegment]) -> bool {
        let is_field = matches!(path, [PathSegment::Key(key), ..] if self.literal_fields.contains(&&**key));
        is_field || self.credential_paths.iter().any(|names| is_at(path, names))
    }
}

fn is_at(path: &[PathSegment], names: &[&str]) -> bool {
    let same =
        |(segment, name): (&PathSegment, &&str)| matches!(segment, PathSegment::Key(key) if **key == **name);
    path.len() == names.len() && path.iter().zip(names).all(same)
}

impl std::fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Descriptor")
            .field("type_name", &self.type_name)
            .field("effect", &self.effect)
            .finish()
    }
}

/// Many calls with one node. The other parameters of the node are rendered once for each item, with `$item` and `$index`, and the action
/// gets `{requests: [parameters of each call], concurrency}` in the place of its own parameters.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// One call is made for each of these.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub items: prana_template::List,
    /// How many calls may be under way at once, 1 to 100.
    #[serde(default = "ten")]
    pub concurrency: u32,
}

fn ten() -> u32 {
    10
}

/// What a pure action sees of the execution while it runs.
pub trait Call {
    /// The rendered parameters, without those that the action evaluates itself.
    fn params(&self) -> &Value;
    /// The newest data on the main input port; null if nothing came.
    fn input(&self) -> Value;
    /// All data on a port, in arrival order. `port` counts from 0 in order of declaration.
    fn inputs(&self, port: usize) -> Vec<Value>;
    /// The input ports of this node.
    fn input_ports(&self) -> &[InputPort];
    /// Evaluates a parameter that the action kept for itself, with `$item` and `$index`. Null if it isn't given.
    ///
    /// # Errors
    /// The template's.
    fn evaluate(&self, field: &str, item: &Value, index: usize) -> Result<Value, EvalError>;
    /// True if the parameter is given.
    fn has(&self, field: &str) -> bool;
    /// True if something is connected to this output port.
    fn is_connected(&self, port: &str) -> bool;
    /// The time at which the node started.
    fn now(&self) -> Timestamp;
}

/// Why an action gave no result.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The action failed: retries and `on_error` apply.
    Action(ErrorValue),
    /// Its parameters were wrong: `on_error` applies, a retry would change nothing.
    Params(ErrorValue),
}

impl From<ErrorValue> for Failure {
    fn from(error: ErrorValue) -> Self {
        Failure::Action(error)
    }
}

impl From<ParamError> for Failure {
    fn from(error: ParamError) -> Self {
        Failure::Params(ErrorValue::new("workflow.invalid_params", error.to_string()).not_retryable())
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Failure::Params(evaluation_error(&error))
    }
}

/// The stored form of an error of a template.
pub fn evaluation_error(error: &EvalError) -> ErrorValue {
    let mut details = prana_template::Map::new();
    details.insert("template", Value::from(error.template.as_str()));
    details.insert("start", Value::Int(error.span.start as i64));
    details.insert("end", Value::Int(error.span.end as i64));
    if !error.path.is_empty() {
        details.insert("param", Value::from(prana_template::path_text(&error.path)));
    }
    if let Some(value_type) = error.value_type {
        details.insert("value_type", Value::from(value_type));
    }
    ErrorValue::new(error.code, error.to_string()).with_details(Value::Map(details)).not_retryable()
}

/// What an action gives back.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done.
    Complete(Completed),
    /// It waits.
    Suspend(Suspension),
    /// It ends the innermost for_each.
    Break(Value),
    /// It ends the execution: with an output, or with an error.
    Stop(Result<Value, ErrorValue>),
}

impl Outcome {
    /// Done, on the default port.
    pub fn output(output: Value) -> Self {
        Outcome::Complete(Completed::new(output))
    }

    /// Done, on this port.
    pub fn on_port(output: Value, port: impl Into<Str>) -> Self {
        Outcome::Complete(Completed { port: Some(port.into()), ..Completed::new(output) })
    }
}

impl Completed {
    /// An output on the default port, no updates.
    pub fn new(output: Value) -> Self {
        Completed {
            output,
            port: None,
            state_updates: prana_template::Map::new(),
            context_updates: prana_template::Map::new(),
            is_error: false,
        }
    }
}

/// How a wait ended, as the action that waited sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Wakeup {
    /// Somebody answered.
    Answer(Value),
    /// The time came: what was waited for, or the deadline.
    Time,
}

/// An action whose result depends on its inputs alone. It runs inside the core.
pub trait PureAction: Send + Sync {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure`]: the node's error.
    fn run(&self, call: &dyn Call) -> Result<Outcome, Failure>;

    /// Goes on after a wait that it asked for. By default an answer is the output, and time gives null.
    ///
    /// # Errors
    /// [`Failure`]: the node's error.
    fn resume(&self, _call: &dyn Call, wakeup: Wakeup) -> Result<Outcome, Failure> {
        Ok(Outcome::output(match wakeup {
            Wakeup::Answer(data) => data,
            Wakeup::Time => Value::Null,
        }))
    }
}

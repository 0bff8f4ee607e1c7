//! The actions that workflows can name.

use std::sync::Arc;

use indexmap::IndexMap;
use prana_template::{Filters, Str};

use crate::action::{Descriptor, Effect, PureAction};
use crate::nearest::nearest;

/// How an action runs.
#[derive(Clone)]
pub enum Behaviour {
    /// Inside the core.
    Pure(Arc<dyn PureAction>),
    /// Outside: the core asks for it.
    Effect,
    /// `core.for_each`: the executor itself.
    ForEach,
    /// `workflow.execute_workflow`: the executor itself.
    ExecuteWorkflow,
}

/// An action with its declaration.
#[derive(Clone)]
pub struct Registered {
    /// What it declares.
    pub descriptor: Descriptor,
    /// How it runs.
    pub behaviour: Behaviour,
}

impl Registered {
    /// True if it runs outside the core and touches the world there.
    pub fn touches_world(&self) -> bool {
        matches!(self.behaviour, Behaviour::Effect) && self.descriptor.effect == Effect::Effect
    }
}

/// The actions and filters that an application knows. Built once, then shared.
#[derive(Clone)]
pub struct Registry {
    actions: IndexMap<Str, Arc<Registered>, rustc_hash::FxBuildHasher>,
    aliases: IndexMap<Str, Str, rustc_hash::FxBuildHasher>,
    filters: Option<Arc<Filters>>,
}

impl Default for Registry {
    fn default() -> Self {
        Registry::standard()
    }
}

impl Registry {
    /// No actions at all, the standard filters.
    pub fn empty() -> Self {
        Registry { actions: IndexMap::default(), aliases: IndexMap::default(), filters: None }
    }

    /// The pure actions of the core.
    pub fn standard() -> Self {
        let mut registry = Registry::empty();
        crate::nodes::register(&mut registry);
        registry
    }

    /// Adds an action that runs inside the core, or replaces the one of that name.
    pub fn pure(&mut self, descriptor: Descriptor, action: impl PureAction + 'static) {
        self.add(Registered { descriptor, behaviour: Behaviour::Pure(Arc::new(action)) });
    }

    /// Declares an action that runs outside the core, or replaces the one of that name.
    pub fn effect(&mut self, mut descriptor: Descriptor) {
        descriptor.effect = Effect::Effect;
        self.add(Registered { descriptor, behaviour: Behaviour::Effect });
    }

    /// Declares an action that runs outside the core though its result depends on its inputs alone: nothing is committed before it, and after a crash it
    /// runs again, whatever `on_crash` says. It gets no secrets.
    pub fn computation(&mut self, mut descriptor: Descriptor) {
        descriptor.effect = Effect::Pure;
        self.add(Registered { descriptor, behaviour: Behaviour::Effect });
    }

    pub(crate) fn add(&mut self, registered: Registered) {
        let name = registered.descriptor.type_name.clone();
        for alias in &registered.descriptor.aliases {
            self.aliases.insert(alias.clone(), name.clone());
        }
        self.actions.insert(name, Arc::new(registered));
    }

    /// The action of this name or alias.
    pub fn action(&self, type_name: &str) -> Option<&Arc<Registered>> {
        self.actions.get(type_name).or_else(|| self.actions.get(self.aliases.get(type_name)?))
    }

    /// All actions, in order of registration.
    pub fn actions(&self) -> impl Iterator<Item = &Arc<Registered>> {
        self.actions.values()
    }

    /// The known name that looks most like this one.
    pub fn nearest(&self, type_name: &str) -> Option<&str> {
        nearest(type_name, self.actions.keys().chain(self.aliases.keys()).map(|name| &**name))
    }

    /// The filters of templates.
    pub fn filters(&self) -> &Filters {
        self.filters.as_deref().unwrap_or_else(|| Filters::standard())
    }

    /// Uses these filters in templates.
    pub fn set_filters(&mut self, filters: Filters) {
        self.filters = Some(Arc::new(filters));
    }
}

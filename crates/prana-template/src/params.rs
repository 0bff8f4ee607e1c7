//! [`Params`]: a tree of parameters.

use crate::{Budget, EvalError, Filters, Names, ParamError, ParamsError, PathSegment, Scope, Slot, Value};

/// What is special about some parameters.
pub struct ParamsOptions<'a> {
    /// Subtrees (by path from the root) whose strings are never templates.
    pub literal: &'a dyn Fn(&[PathSegment]) -> bool,
    /// Subtrees in which `$item`, `$index` and `$loop` may be used: the action renders them for each item itself.
    pub allow_item: &'a dyn Fn(&[PathSegment]) -> bool,
}

impl Default for ParamsOptions<'_> {
    fn default() -> Self {
        ParamsOptions { literal: &|_| false, allow_item: &|_| false }
    }
}

/// A whole tree of parameters: constants are built once, templates parsed once, directives compiled.
#[derive(Debug, Clone)]
pub struct Params;

impl Params {
    /// Compiles a tree of parameters.
    pub fn compile(
        params: &Value,
        names: &dyn Names,
        filters: &Filters,
        options: &ParamsOptions<'_>,
    ) -> Result<Params, Vec<ParamsError>> {
        let _ = (params, names, filters, options);
        Ok(Params)
    }
    /// Renders the whole tree.
    pub fn render(&self, scope: &dyn Scope, budget: &mut Budget) -> Result<Value, EvalError> {
        let _ = (scope, budget);
        Ok(Value::Null)
    }
    /// Renders all but some top-level fields, which are left out of the result.
    pub fn render_without(
        &self,
        skipped: &[&str],
        scope: &dyn Scope,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        let _ = (skipped, scope, budget);
        Ok(Value::Null)
    }
    /// Renders with `$item`, `$index` and `$loop`.
    pub fn render_with_item(
        &self,
        scope: &dyn Scope,
        item: &Value,
        index: i64,
        budget: &mut Budget,
    ) -> Result<Value, EvalError> {
        let _ = (item, index, scope, budget);
        Ok(Value::Null)
    }
    /// The value, when nothing in the tree is a template.
    pub fn constant(&self) -> Option<&Value> {
        None
    }
    /// The parameters of one top-level field.
    pub fn field(&self, name: &str) -> Option<&Params> {
        let _ = name;
        None
    }
    /// Slots that the templates refer to, sorted, each once.
    pub fn slots(&self) -> Vec<Slot> {
        Vec::new()
    }
    /// The tree with null in the place of each template.
    pub fn skeleton(&self) -> Value {
        Value::Null
    }
    /// Whether the value at a path is not known before rendering.
    pub fn is_hole(&self, path: &[PathSegment]) -> bool {
        let _ = path;
        false
    }
    /// Checks all that is known before rendering against the type that the rendered parameters are for.
    pub fn check<T: serde::de::DeserializeOwned>(&self) -> Result<(), ParamError> {
        crate::check_with_holes::<T>(&self.skeleton(), &|path| self.is_hole(path))
    }
}

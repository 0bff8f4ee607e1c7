//! The names that are in force at a place of a template.

use crate::value::Str;

/// Where local names come from, outermost first; each is a frame when the template is evaluated.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scopes(Vec<ScopeKind>);

#[derive(Debug, Clone)]
pub(crate) enum ScopeKind {
    /// `$item`, `$index`, `$loop`.
    Item,
    /// Parameters of a lambda.
    Params(Vec<Str>),
    /// Variables of tags, and the loops around.
    Variables { names: Vec<(Str, usize)>, count: usize, loops: usize },
}

/// Names and places, how many places there are, how many loops are around.
type Variables<'a> = (&'a mut Vec<(Str, usize)>, &'a mut usize, &'a mut usize);

impl Scopes {
    /// Only `$item`, `$index` and `$loop`, as many levels as given.
    pub(crate) fn with_items(levels: usize) -> Self {
        Scopes(vec![ScopeKind::Item; levels])
    }

    pub(super) fn push(&mut self, scope: ScopeKind) {
        self.0.push(scope);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    /// Frames up to each of the item scopes, innermost first.
    pub(super) fn items(&self) -> Vec<u16> {
        let is_item = |(_, scope): &(usize, &ScopeKind)| matches!(scope, ScopeKind::Item);
        self.0.iter().rev().enumerate().filter(is_item).map(|(up, _)| up as u16).collect()
    }

    /// A variable or parameter: frames up and place.
    pub(super) fn find(&self, name: &str) -> Option<(u16, u16)> {
        self.0.iter().rev().enumerate().find_map(|(up, scope)| {
            let index = match scope {
                ScopeKind::Item => None,
                ScopeKind::Params(params) => params.iter().rposition(|param| param.as_str() == name),
                ScopeKind::Variables { names, .. } => names
                    .iter()
                    .rev()
                    .find(|(variable, _)| variable.as_str() == name)
                    .map(|(_, index)| *index),
            };
            index.map(|index| (up as u16, index as u16))
        })
    }

    /// Names that could have been meant.
    pub(super) fn names(&self) -> Vec<Str> {
        let mut all = Vec::new();
        for scope in &self.0 {
            match scope {
                ScopeKind::Item => {}
                ScopeKind::Params(params) => all.extend(params.iter().cloned()),
                ScopeKind::Variables { names, .. } => all.extend(names.iter().map(|(name, _)| name.clone())),
            }
        }
        all
    }

    /// Frames up to the variables, and how many loops are around.
    pub(super) fn loops(&self) -> Option<(u16, usize)> {
        self.0.iter().rev().enumerate().find_map(|(up, scope)| match scope {
            ScopeKind::Variables { loops, .. } => Some((up as u16, *loops)),
            _ => None,
        })
    }

    fn variables(&mut self) -> Option<Variables<'_>> {
        match self.0.last_mut() {
            Some(ScopeKind::Variables { names, count, loops }) => Some((names, count, loops)),
            _ => None,
        }
    }

    /// The place of a variable that is assigned: its own if it has one already.
    pub(super) fn assign(&mut self, name: &Str) -> usize {
        let Some((names, count, _)) = self.variables() else { return 0 };
        if let Some((_, index)) = names.iter().rev().find(|(variable, _)| variable == name) {
            return *index;
        }
        names.push((name.clone(), *count));
        *count += 1;
        *count - 1
    }

    /// Enters a loop, whose variables hide others of the same names.
    pub(super) fn enter_loop(&mut self, new: &[&Str]) -> Vec<usize> {
        let Some((names, count, loops)) = self.variables() else { return Vec::new() };
        *loops += 1;
        let first = *count;
        *count += new.len();
        names.extend(new.iter().enumerate().map(|(i, name)| ((*name).clone(), first + i)));
        (first..*count).collect()
    }

    /// Leaves a loop: its variables have no names any more. Those assigned inside it stay.
    pub(super) fn leave_loop(&mut self, places: &[usize]) {
        if let Some((names, _, loops)) = self.variables() {
            *loops -= 1;
            names.retain(|(_, index)| !places.contains(index));
        }
    }

    /// How many variables there are in all.
    pub(super) fn variable_count(&mut self) -> usize {
        self.variables().map_or(0, |(_, count, _)| *count)
    }
}

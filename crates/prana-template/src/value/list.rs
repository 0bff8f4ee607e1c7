//! [`List`]: a shared, immutable-by-default list of values.

use std::{fmt, ops::Deref, sync::Arc};

use super::Value;

/// A list of values. Cloning is one reference count; changing a shared list copies it first.
///
/// ```
/// use prana_template::{List, Value};
/// let mut a: List = [1, 2].into_iter().map(Value::from).collect();
/// let b = a.clone();
/// a.push(Value::from(3));
/// assert_eq!((a.len(), b.len()), (3, 2));
/// ```
#[derive(Clone, Default)]
pub struct List(Option<Arc<Inner>>);

#[derive(Clone)]
struct Inner {
    items: Vec<Value>,
    depth: u32,
    weight: usize,
}

/// Bytes that a list takes beside its items.
const BASE: usize = size_of::<Inner>() + 16;

impl Inner {
    fn new(items: Vec<Value>) -> Self {
        let depth = items.iter().map(Value::depth).max().unwrap_or(0).saturating_add(1);
        let weight = items.iter().map(Value::weight).fold(BASE, usize::saturating_add);
        Inner { items, depth, weight }
    }
}

impl Default for Inner {
    fn default() -> Self {
        Inner::new(Vec::new())
    }
}

impl List {
    /// The empty list. Does not allocate.
    pub const fn new() -> Self {
        List(None)
    }

    /// Adds a value at the end, copying the list first when it is shared.
    pub fn push(&mut self, value: Value) {
        let inner = Arc::make_mut(self.0.get_or_insert_default());
        inner.depth = inner.depth.max(value.depth().saturating_add(1));
        inner.weight = inner.weight.saturating_add(value.weight());
        inner.items.push(value);
    }

    /// The items as a vector: without copying when nobody else holds the list.
    pub fn into_vec(self) -> Vec<Value> {
        let Some(inner) = self.0 else { return Vec::new() };
        Arc::try_unwrap(inner).map_or_else(|shared| shared.items.clone(), |inner| inner.items)
    }

    /// Levels of nesting: 1 for a list of scalars.
    #[inline]
    pub fn depth(&self) -> u32 {
        self.0.as_ref().map_or(1, |inner| inner.depth)
    }

    /// Approximate bytes, children included; saturating.
    #[inline]
    pub fn weight(&self) -> usize {
        self.0.as_ref().map_or(BASE, |inner| inner.weight)
    }

    /// True when both are the same allocation (or none), which implies equality.
    pub fn ptr_eq(&self, other: &List) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Deref for List {
    type Target = [Value];
    fn deref(&self) -> &[Value] {
        self.0.as_ref().map_or(&[], |inner| &inner.items)
    }
}

impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> Self {
        if items.is_empty() { List::new() } else { List(Some(Arc::new(Inner::new(items)))) }
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a List {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other) || **self == **other
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Value::List(self.clone()).to_json_string())
    }
}

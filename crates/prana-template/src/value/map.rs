//! [`Map`]: a shared map from text to values that keeps the order of insertion.

use std::{cmp::Ordering, fmt, sync::Arc};

use smallvec::SmallVec;

use super::{Str, Value};

/// A map from text to values in order of insertion. Cloning is one reference count; changing a shared map copies it first.
///
/// Up to 8 entries are searched one by one; above that an index of positions, sorted by key, is kept beside them, so
/// that no hash (and no choice of keys by a stranger) has a say in speed or order.
///
/// ```
/// use prana_template::{Map, Value};
/// let mut map = Map::new();
/// map.insert("b", 1);
/// map.insert("a", 2);
/// map.insert("b", 3); // keeps its place
/// assert_eq!(map.keys().map(|k| k.as_str()).collect::<Vec<_>>(), ["b", "a"]);
/// assert_eq!(map.get("b"), Some(&Value::from(3)));
/// ```
#[derive(Clone, Default)]
pub struct Map(Option<Arc<Inner>>);

#[derive(Clone)]
struct Inner {
    entries: Entries,
    /// Positions in `entries` sorted by key; empty while there are at most [`LINEAR`] entries.
    sorted: Vec<u32>,
    depth: u32,
    weight: usize,
}

/// One entry needs no allocation of its own: many maps of workflows have no more.
type Entries = SmallVec<[(Str, Value); 1]>;

/// A map that is being made, of entries whose keys are all different.
pub(crate) struct Entering(Inner);

impl Entering {
    #[inline]
    pub(crate) fn new() -> Self {
        Entering(Inner { entries: Entries::new(), sorted: Vec::new(), depth: 1, weight: BASE })
    }

    #[inline]
    pub(crate) fn push(&mut self, key: Str, value: Value) {
        self.0.push_new(key, value);
    }

    #[inline]
    pub(crate) fn finish(self) -> Map {
        if self.0.entries.is_empty() { Map::new() } else { Map::of(self.0) }
    }
}

/// Up to this many entries are searched one by one.
const LINEAR: usize = 8;
/// Bytes that a map takes beside its entries.
const BASE: usize = size_of::<Inner>() + 16;

fn entry_weight(key: &Str, value: &Value) -> usize {
    (size_of::<Str>() + 16 + key.len()).saturating_add(value.weight())
}

impl Default for Inner {
    fn default() -> Self {
        Inner::new(Entries::new(), Vec::new())
    }
}

impl Inner {
    /// `entries` must hold no key twice.
    fn new(entries: Entries, sorted: Vec<u32>) -> Self {
        let (mut depth, mut weight) = (0, BASE);
        for (key, value) in &entries {
            depth = value.depth().max(depth);
            weight = entry_weight(key, value).saturating_add(weight);
        }
        Inner { entries, sorted, depth: depth.saturating_add(1), weight }
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= LINEAR {
            return self.entries.iter().position(|(k, _)| k.as_str() == key);
        }
        self.search(key).ok().map(|at| self.sorted[at] as usize)
    }

    fn search(&self, key: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|&at| self.entries[at as usize].0.as_str().cmp(key))
    }

    #[inline]
    fn push_new(&mut self, key: Str, value: Value) {
        self.depth = self.depth.max(value.depth().saturating_add(1));
        self.weight = self.weight.saturating_add(entry_weight(&key, &value));
        self.entries.push((key, value));
        if self.entries.len() > LINEAR {
            self.index_last();
        }
    }

    /// Takes the newest entry into the index.
    #[cold]
    fn index_last(&mut self) {
        let position = self.entries.len() - 1;
        if position == LINEAR {
            self.sorted = sorted_positions(&self.entries);
        } else if let Err(at) = self.search(&self.entries[position].0) {
            self.sorted.insert(at, position as u32);
        }
    }

    fn remeasure(&mut self) {
        let measured = Inner::new(std::mem::take(&mut self.entries), std::mem::take(&mut self.sorted));
        *self = measured;
    }
}

/// Positions of `entries` by key, equal keys in order of appearance.
fn sorted_positions(entries: &[(Str, Value)]) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..entries.len() as u32).collect();
    let key = |&at: &u32| entries[at as usize].0.as_str();
    positions.sort_unstable_by(|a, b| match key(a).cmp(key(b)) {
        Ordering::Equal => a.cmp(b),
        other => other,
    });
    positions
}

/// Of a repeated key, the last value stays, in the place of the first.
fn without_repeats(entries: Vec<(Str, Value)>) -> (Vec<(Str, Value)>, Vec<u32>) {
    let sorted = sorted_positions(&entries);
    let repeated = |pair: &[u32]| entries[pair[0] as usize].0 == entries[pair[1] as usize].0;
    if !sorted.windows(2).any(repeated) {
        return (entries, sorted);
    }
    let mut kept: Vec<Option<(Str, Value)>> = entries.into_iter().map(Some).collect();
    let mut first = sorted[0] as usize;
    for &at in &sorted[1..] {
        let at = at as usize;
        let same = matches!((&kept[first], &kept[at]), (Some(a), Some(b)) if a.0 == b.0);
        if same {
            kept[first] = kept[at].take();
        } else {
            first = at;
        }
    }
    let entries: Vec<_> = kept.into_iter().flatten().collect();
    let sorted = if entries.len() > LINEAR { sorted_positions(&entries) } else { Vec::new() };
    (entries, sorted)
}

impl Map {
    /// The empty map. Does not allocate.
    pub const fn new() -> Self {
        Map(None)
    }

    fn of(inner: Inner) -> Self {
        Map(Some(Arc::new(inner)))
    }

    fn entries(&self) -> &[(Str, Value)] {
        self.0.as_ref().map_or(&[], |inner| inner.entries.as_slice())
    }

    /// The entries, to be changed: a shared map is copied first.
    fn inner_mut(&mut self) -> &mut Inner {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let inner = self.0.as_ref()?;
        inner.position(key).map(|at| &inner.entries[at].1)
    }

    /// Whether the key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets a key and returns what it had. An existing key keeps its place; a new one goes to the end.
    pub fn insert(&mut self, key: impl Into<Str>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        let inner = self.inner_mut();
        let Some(at) = inner.position(&key) else {
            inner.push_new(key, value);
            return None;
        };
        let old = std::mem::replace(&mut inner.entries[at].1, value);
        let new = &inner.entries[at].1;
        if old.depth() == new.depth() && inner.weight < usize::MAX / 2 {
            inner.weight = (inner.weight - old.weight().min(inner.weight)).saturating_add(new.weight());
        } else {
            inner.remeasure();
        }
        Some(old)
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.as_ref()?.position(key)?;
        let inner = self.inner_mut();
        let (_, old) = inner.entries.remove(at);
        inner.sorted =
            if inner.entries.len() > LINEAR { sorted_positions(&inner.entries) } else { Vec::new() };
        inner.remeasure();
        Some(old)
    }

    /// Sets many keys at once, as repeated [`insert`](Map::insert)s do, but faster for large maps.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = (Str, Value)>) {
        let mut all = std::mem::take(self).into_entries();
        all.extend(entries);
        *self = Map::from(all);
    }

    /// Entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Str, &Value)> + DoubleEndedIterator + Clone {
        self.entries().iter().map(|(key, value)| (key, value))
    }

    /// Keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Str> + DoubleEndedIterator {
        self.entries().iter().map(|(key, _)| key)
    }

    /// Values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator {
        self.entries().iter().map(|(_, value)| value)
    }

    /// The entry at a position.
    pub fn entry_at(&self, position: usize) -> Option<(&Str, &Value)> {
        self.entries().get(position).map(|(key, value)| (key, value))
    }

    /// Entries as a vector: without copying when nobody else holds the map.
    pub fn into_entries(self) -> Vec<(Str, Value)> {
        let Some(inner) = self.0 else { return Vec::new() };
        Arc::try_unwrap(inner).map_or_else(|shared| shared.entries.to_vec(), |inner| inner.entries.into_vec())
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Levels of nesting: 1 for a map of scalars.
    #[inline]
    pub fn depth(&self) -> u32 {
        self.0.as_ref().map_or(1, |inner| inner.depth)
    }

    /// Approximate bytes, keys and children included; saturating.
    #[inline]
    pub fn weight(&self) -> usize {
        self.0.as_ref().map_or(BASE, |inner| inner.weight)
    }

    /// True when both are the same allocation (or none), which implies equality.
    pub fn ptr_eq(&self, other: &Map) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Of a repeated key the last value stays, in the place of the first.
impl From<Vec<(Str, Value)>> for Map {
    fn from(entries: Vec<(Str, Value)>) -> Self {
        if entries.is_empty() {
            return Map::new();
        }
        if entries.len() > LINEAR {
            let (entries, sorted) = without_repeats(entries);
            return Map::of(Inner::new(entries.into(), sorted));
        }
        let repeats =
            entries.iter().enumerate().any(|(i, (key, _))| entries[..i].iter().any(|(k, _)| k == key));
        let entries = if repeats { without_repeats(entries).0 } else { entries };
        Map::of(Inner::new(entries.into(), Vec::new()))
    }
}

impl FromIterator<(Str, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(entries: I) -> Self {
        entries.into_iter().collect::<Vec<_>>().into()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.ptr_eq(other)
            || self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Value::Map(self.clone()).to_json_string())
    }
}

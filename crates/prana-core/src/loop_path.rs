//! Which iteration of which loops something belongs to: `pages:0/items:3`, outermost first.

use std::fmt;
use std::sync::Arc;

use prana_template::Str;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A loop path. Empty outside every `core.for_each`. A clone and one more element are O(1).
#[derive(Clone, Default)]
pub struct LoopPath(Option<Arc<Element>>);

/// One element of a path: iteration `index` of the for_each named `key`.
#[derive(Debug)]
pub struct Element {
    /// The key of the for_each.
    pub key: Str,
    /// The iteration, from 0.
    pub index: u32,
    length: u32,
    outer: LoopPath,
}

impl Element {
    /// The path without this element and all that follows it.
    pub fn outer(&self) -> &LoopPath {
        &self.outer
    }

    fn same(&self, other: &Element) -> bool {
        self.index == other.index && self.key == other.key
    }
}

impl LoopPath {
    /// The empty path: outside all loops.
    pub const EMPTY: LoopPath = LoopPath(None);

    /// This path plus iteration `index` of the for_each `key`.
    pub fn enter(&self, key: Str, index: u32) -> LoopPath {
        LoopPath(Some(Arc::new(Element { key, index, length: self.len() as u32 + 1, outer: self.clone() })))
    }

    /// True outside all loops.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many loops this is inside of.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |element| element.length as usize)
    }

    /// The last element: the innermost loop.
    pub fn innermost(&self) -> Option<&Element> {
        self.0.as_deref()
    }

    /// The elements from the innermost to the outermost.
    pub fn inside_out(&self) -> impl Iterator<Item = &Element> {
        std::iter::successors(self.0.as_deref(), |element| element.outer.0.as_deref())
    }

    /// The path cut to its first `length` elements.
    pub fn truncated(&self, length: usize) -> LoopPath {
        let mut path = self;
        while path.len() > length {
            match &path.0 {
                Some(element) => path = &element.outer,
                None => break,
            }
        }
        path.clone()
    }

    /// True if this path begins with all elements of `prefix` (a path begins with itself).
    pub fn starts_with(&self, prefix: &LoopPath) -> bool {
        let Some(wanted) = &prefix.0 else { return true };
        let mut path = self;
        while let Some(element) = &path.0 {
            if element.length < wanted.length {
                return false;
            }
            if element.length == wanted.length {
                return path == prefix;
            }
            path = &element.outer;
        }
        false
    }
}

impl PartialEq for LoopPath {
    fn eq(&self, other: &LoopPath) -> bool {
        let (mut left, mut right) = (self, other);
        loop {
            match (&left.0, &right.0) {
                (None, None) => return true,
                (Some(a), Some(b)) if Arc::ptr_eq(a, b) => return true,
                (Some(a), Some(b)) if a.length == b.length && a.same(b) => {
                    (left, right) = (&a.outer, &b.outer);
                }
                _ => return false,
            }
        }
    }
}

impl Eq for LoopPath {}

impl fmt::Display for LoopPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements: Vec<&Element> = self.inside_out().collect();
        for (position, element) in elements.iter().rev().enumerate() {
            let separator = if position == 0 { "" } else { "/" };
            write!(f, "{separator}{}:{}", element.key, element.index)?;
        }
        Ok(())
    }
}

impl fmt::Debug for LoopPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl std::str::FromStr for LoopPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut path = LoopPath::EMPTY;
        for part in text.split('/').filter(|part| !part.is_empty()) {
            let (key, index) = part.rsplit_once(':').ok_or_else(|| format!("`{part}` is not KEY:INDEX"))?;
            let index = index.parse().map_err(|_| format!("`{index}` is not an iteration number"))?;
            path = path.enter(Str::from(key), index);
        }
        Ok(path)
    }
}

impl Serialize for LoopPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LoopPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> LoopPath {
        text.parse().expect("a loop path")
    }

    #[test]
    fn text_reads_back() {
        for text in ["", "a:0", "pages:0/items:3", "a:1/b:2/c:4294967295"] {
            assert_eq!(path(text).to_string(), text);
        }
        assert!("a".parse::<LoopPath>().is_err());
    }

    #[test]
    fn prefixes() {
        let check = |whole: &str, prefix: &str, expected: bool| {
            assert_eq!(path(whole).starts_with(&path(prefix)), expected, "{whole:?} {prefix:?}");
        };
        check("", "", true);
        check("a:1", "", true);
        check("", "a:1", false);
        check("a:1/b:2", "a:1", true);
        check("a:1/b:2", "a:1/b:2", true);
        check("a:1/b:2", "a:0", false);
        check("a:1/b:2", "b:2", false);
        assert_eq!(path("a:1/b:2/c:3").truncated(1), path("a:1"));
    }
}

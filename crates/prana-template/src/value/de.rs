//! Typed parameters out of values: a serde deserializer that says where and what is wrong.

use serde::{
    de::{
        DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
        VariantAccess, Visitor,
    },
    forward_to_deserialize_any,
};

use super::{
    List, Map, Value,
    holes::HoleReader,
    param_error::{Failure, ParamError},
    serde_impl::{HANDED_OVER, stand_in},
};
use crate::names::PathSegment;

/// Reads a type out of a value, without coercion: `"1"` is no number, and 1.0 no int. A field of type [`Value`] shares what
/// the value holds.
///
/// # Errors
/// The first thing that doesn't fit, and where.
///
/// ```
/// use prana_template::{from_value, value};
/// #[derive(Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Case { port: u16 }
/// #[derive(Debug, serde::Deserialize)]
/// struct Params { cases: Vec<Case> }
///
/// let params: Params = from_value(&value!({"cases": [{"port": 80}]})).unwrap();
/// assert_eq!(params.cases[0].port, 80);
/// let error = from_value::<Params>(&value!({"cases": [{"port": "80"}]})).unwrap_err();
/// assert_eq!(error.to_string(), "cases[0].port: expected a whole number from 0 to 65535, found a string");
/// let error = from_value::<Params>(&value!({"cases": [{"prot": 80}]})).unwrap_err();
/// assert_eq!(error.to_string(), "cases[0].prot: unknown field `prot` (did you mean `port`?)");
/// ```
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, ParamError> {
    T::deserialize(Reader { value, trail: None, is_hole: None }).map_err(Failure::into_error)
}

/// Checks that a value fits a type, where some of the value is not known yet: `is_hole` says so of a path.
///
/// A hole fits whatever is asked for. What is not a hole is checked in full; should a type refuse what a hole offers it (such
/// as text in a format of its own), the rest is not looked at.
///
/// # Errors
/// The first thing that doesn't fit, and where.
///
/// ```
/// use prana_template::{check_with_holes, value, PathSegment};
/// #[derive(serde::Deserialize)]
/// struct Params { url: String, timeout_ms: u64 }
/// let is_hole = |path: &[PathSegment]| path == ["url".into()];
/// assert!(check_with_holes::<Params>(&value!({"url": null, "timeout_ms": 5}), &is_hole).is_ok());
/// assert!(check_with_holes::<Params>(&value!({"url": null, "timeout_ms": "5"}), &is_hole).is_err());
/// ```
pub fn check_with_holes<T: DeserializeOwned>(
    value: &Value,
    is_hole: &dyn Fn(&[PathSegment]) -> bool,
) -> Result<(), ParamError> {
    match T::deserialize(Reader { value, trail: None, is_hole: Some(is_hole) }) {
        Ok(_) => Ok(()),
        Err(failure) if failure.in_hole => Ok(()),
        Err(failure) => Err(failure.into_error()),
    }
}

/// How a reader got to where it is.
#[derive(Clone, Copy)]
struct Trail<'a> {
    before: Option<&'a Trail<'a>>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Key(&'a super::Str),
    Index(usize),
}

impl Trail<'_> {
    fn path(&self) -> Vec<PathSegment> {
        let mut path = self.before.map(Trail::path).unwrap_or_default();
        path.push(match self.segment {
            Segment::Key(key) => PathSegment::Key(key.clone()),
            Segment::Index(index) => PathSegment::Index(index),
        });
        path
    }
}

type IsHole<'a> = &'a dyn Fn(&[PathSegment]) -> bool;

#[derive(Clone, Copy)]
struct Reader<'a> {
    value: &'a Value,
    trail: Option<&'a Trail<'a>>,
    is_hole: Option<IsHole<'a>>,
}

impl<'a> Reader<'a> {
    /// The stand-in for a value that is not known yet.
    fn hole(&self) -> Option<HoleReader> {
        let path = self.is_hole.map(|_| self.trail.map(Trail::path).unwrap_or_default())?;
        self.is_hole?(&path).then(HoleReader::default)
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Int(n) => match u64::try_from(*n) {
                Ok(n) => visitor.visit_u64(n),
                Err(_) => visitor.visit_i64(*n),
            },
            Value::Float(x) => visitor.visit_f64(*x),
            Value::Str(text) => visitor.visit_str(text),
            Value::List(list) => visitor.visit_seq(Items { list, next: 0, reader: self }),
            Value::Map(map) => visitor.visit_map(Entries { map, next: 0, reader: self }),
        }
    }

    /// For what must be a map and would take a list as well.
    fn map_only<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Map(_) => self.any(visitor),
            other => Err(Failure::expected("a map", other.type_name())),
        }
    }
}

/// Methods that first look whether there is a hole.
macro_rules! unless_hole {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.hole() {
                Some(hole) => hole.$method(visitor),
                None => self.any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    unless_hole! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_seq deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.hole() {
            Some(hole) => hole.deserialize_option(visitor),
            None if self.value.is_null() => visitor.visit_none(),
            None => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if let Some(stand_in) = stand_in(name) {
            let value = if self.hole().is_some() { stand_in } else { self.value.clone() };
            HANDED_OVER.replace(Some(value));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        match self.hole() {
            Some(hole) => hole.deserialize_tuple(len, visitor),
            None => match self.value {
                Value::List(list) if list.len() != len => {
                    Err(serde::de::Error::invalid_length(list.len(), &visitor))
                }
                _ => self.any(visitor),
            },
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.hole() {
            Some(hole) => hole.deserialize_struct(name, fields, visitor),
            None => self.map_only(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if let Some(hole) = self.hole() {
            return hole.deserialize_enum(name, variants, visitor);
        }
        match self.value {
            Value::Str(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            Value::Map(map) if map.len() == 1 => visitor.visit_enum(Variant { map, reader: self }),
            other => {
                let expected = format!("one of {}", variants.join(", "));
                Err(Failure::expected(&expected, other.type_name()))
            }
        }
    }
}

struct Items<'a> {
    list: &'a List,
    next: usize,
    reader: Reader<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(value) = self.list.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        let trail = Trail { before: self.reader.trail, segment: Segment::Index(index) };
        let item = seed.deserialize(Reader { value, trail: Some(&trail), is_hole: self.reader.is_hole });
        item.map(Some).map_err(|failure| failure.inside(index.into()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len() - self.next)
    }
}

struct Entries<'a> {
    map: &'a Map,
    next: usize,
    reader: Reader<'a>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((key, _)) = self.map.entry_at(self.next) else { return Ok(None) };
        let read = seed.deserialize(KeyReader(key));
        read.map(Some).map_err(|failure| failure.inside(PathSegment::Key(key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let Some((key, value)) = self.map.entry_at(self.next) else {
            return Err(Failure::expected("a value", "nothing"));
        };
        self.next += 1;
        let trail = Trail { before: self.reader.trail, segment: Segment::Key(key) };
        let read = seed.deserialize(Reader { value, trail: Some(&trail), is_hole: self.reader.is_hole });
        read.map_err(|failure| failure.inside(PathSegment::Key(key.clone())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.map.len() - self.next)
    }
}

/// A key: text, or a number written as text for maps that have such keys.
struct KeyReader<'a>(&'a super::Str);

macro_rules! number_keys {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for KeyReader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_str(self.0)
    }

    number_keys! {
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(self.0.as_str().into_deserializer())
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// A variant with content: the only entry of a map.
struct Variant<'a> {
    map: &'a Map,
    reader: Reader<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Failure;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content<'a>), Failure> {
        let Some((key, value)) = self.map.entry_at(0) else {
            return Err(Failure::expected("a variant", "nothing"));
        };
        let inside = |failure: Failure| failure.inside(PathSegment::Key(key.clone()));
        let variant = seed.deserialize(KeyReader(key)).map_err(inside)?;
        Ok((variant, Content { key, value, reader: self.reader }))
    }
}

struct Content<'a> {
    key: &'a super::Str,
    value: &'a Value,
    reader: Reader<'a>,
}

impl Content<'_> {
    fn read<T>(self, read: impl FnOnce(Reader<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let trail = Trail { before: self.reader.trail, segment: Segment::Key(self.key) };
        let reader = Reader { value: self.value, trail: Some(&trail), is_hole: self.reader.is_hole };
        read(reader).map_err(|failure| failure.inside(PathSegment::Key(self.key.clone())))
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        self.read(|reader| serde::Deserialize::deserialize(reader))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        self.read(|reader| seed.deserialize(reader))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        self.read(|reader| reader.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.read(|reader| reader.deserialize_struct("", fields, visitor))
    }
}

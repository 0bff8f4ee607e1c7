//! A deserializer for values that are not known yet: it offers whatever is asked for.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{
    param_error::Failure,
    serde_impl::{HANDED_OVER, stand_in},
};

/// Types that contain themselves are followed this deep.
const MAX_DEPTH: u32 = 12;

/// Stands for a value that is not known yet. Whatever is wrong with what it offers is no mistake of the author.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HoleReader {
    depth: u32,
}

impl HoleReader {
    fn deeper(self) -> Result<Self, Failure> {
        if self.depth == MAX_DEPTH {
            return Err(Failure::expected("a value", "nothing").in_hole());
        }
        Ok(HoleReader { depth: self.depth + 1 })
    }
}

/// Methods that offer a fixed value.
macro_rules! offers {
    ($($method:ident => $visit:ident($($value:expr)?);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            visitor.$visit($($value)?).map_err(Failure::in_hole)
        }
    )*};
}

impl<'de> Deserializer<'de> for HoleReader {
    type Error = Failure;

    offers! {
        deserialize_any => visit_unit();
        deserialize_ignored_any => visit_unit();
        deserialize_unit => visit_unit();
        deserialize_bool => visit_bool(false);
        deserialize_i8 => visit_i8(1);
        deserialize_i16 => visit_i16(1);
        deserialize_i32 => visit_i32(1);
        deserialize_i64 => visit_i64(1);
        deserialize_i128 => visit_i128(1);
        deserialize_u8 => visit_u8(1);
        deserialize_u16 => visit_u16(1);
        deserialize_u32 => visit_u32(1);
        deserialize_u64 => visit_u64(1);
        deserialize_u128 => visit_u128(1);
        deserialize_f32 => visit_f32(1.0);
        deserialize_f64 => visit_f64(1.0);
        deserialize_char => visit_char('x');
        deserialize_str => visit_str("x");
        deserialize_string => visit_str("x");
        deserialize_identifier => visit_str("x");
        deserialize_bytes => visit_bytes(b"x");
        deserialize_byte_buf => visit_bytes(b"x");
        deserialize_seq => visit_seq(Items { left: 0, hole: HoleReader::default() });
        deserialize_map => visit_map(Fields { names: &[], hole: HoleReader::default() });
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.deeper() {
            Ok(inner) => visitor.visit_some(inner).map_err(Failure::in_hole),
            Err(_) => visitor.visit_none(),
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
        if let Some(value) = stand_in(name) {
            HANDED_OVER.replace(Some(value));
        }
        visitor.visit_newtype_struct(self.deeper()?).map_err(Failure::in_hole)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_seq(Items { left: len, hole: self.deeper()? }).map_err(Failure::in_hole)
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
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_map(Fields { names: fields, hole: self.deeper()? }).map_err(Failure::in_hole)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let variant = Variant { name: variants.first().copied().unwrap_or_default(), hole: self.deeper()? };
        visitor.visit_enum(variant).map_err(Failure::in_hole)
    }
}

struct Items {
    left: usize,
    hole: HoleReader,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(self.hole).map(Some)
    }
}

struct Fields {
    names: &'static [&'static str],
    hole: HoleReader,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some((name, rest)) = self.names.split_first() else { return Ok(None) };
        self.names = rest;
        seed.deserialize((*name).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        seed.deserialize(self.hole)
    }
}

struct Variant {
    name: &'static str,
    hole: HoleReader,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let variant = seed.deserialize(self.name.into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.hole)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Failure> {
        self.hole.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.hole.deserialize_struct("", fields, visitor)
    }
}

//! Values for PostgreSQL, written as the text that it reads for the type that the query wants in their place.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};
use prana_core::ErrorValue;
use prana_template::{List, Value};
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

/// A value to bind: its text; none for null.
#[derive(Debug)]
pub(super) struct Param(Option<String>);

/// The values for the places of a query, which wants these types there.
pub(super) fn bound(values: &List, wanted: &[Type]) -> Result<Vec<Param>, ErrorValue> {
    let each = values.iter().zip(wanted).enumerate();
    let param = |(index, (value, wanted)): (usize, (&Value, &Type))| {
        let wrong = |why: String| {
            ErrorValue::new("sql.invalid_data", format!("params[{index}]: {why}")).not_retryable()
        };
        text(value, wanted).map(Param).map_err(wrong)
    };
    each.map(param).collect()
}

impl ToSql for Param {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.put_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// The text of a value; none for null.
fn text(value: &Value, wanted: &Type) -> Result<Option<String>, String> {
    if value.is_null() {
        return Ok(None);
    }
    Ok(Some(match (value, wanted.kind()) {
        (value, Kind::Domain(base)) => return text(value, base),
        (value, _) if *wanted == Type::JSON || *wanted == Type::JSONB => value.to_json_string(),
        (Value::List(items), Kind::Array(member)) => array(items, member)?,
        (Value::Str(text), _) if *wanted == Type::BYTEA => bytea(text)?,
        (Value::List(_) | Value::Map(_), _) => value.to_json_string(),
        (value, _) => value.to_text().to_string(),
    }))
}

/// `\x` and the digits of each byte.
fn bytea(text: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text).map_err(|error| format!("bytea is written in base64: {error}"))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("\\x{digits}"))
}

/// `{"a","b",NULL}`; lists within are further dimensions.
fn array(items: &List, member: &Type) -> Result<String, String> {
    let mut written = Vec::with_capacity(items.len());
    for item in items {
        let is_json = *member == Type::JSON || *member == Type::JSONB;
        written.push(match item {
            Value::List(inner) if !is_json => array(inner, member)?,
            item => match text(item, member)? {
                Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                None => "NULL".to_owned(),
            },
        });
    }
    Ok(format!("{{{}}}", written.join(",")))
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    #[test]
    fn values_are_written_for_the_type_that_is_wanted() {
        for (value, wanted, expected) in [
            (value!(null), Type::TEXT, None),
            (value!(null), Type::JSONB, None),
            (value!(true), Type::BOOL, Some("true")),
            (value!(-5), Type::INT4, Some("-5")),
            (value!(1.5), Type::NUMERIC, Some("1.5")),
            (value!("a'b"), Type::TEXT, Some("a'b")),
            (value!("12.10"), Type::NUMERIC, Some("12.10")),
            (value!(5), Type::TEXT, Some("5")),
            (value!("x"), Type::JSONB, Some("\"x\"")),
            (value!({"a": [1]}), Type::JSON, Some("{\"a\":[1]}")),
            (value!({"a": 1}), Type::TEXT, Some("{\"a\":1}")),
            (value!([1, null]), Type::INT4_ARRAY, Some("{\"1\",NULL}")),
            (value!(["a\"b\\", ""]), Type::TEXT_ARRAY, Some("{\"a\\\"b\\\\\",\"\"}")),
            (value!([[1], [2]]), Type::INT4_ARRAY, Some("{{\"1\"},{\"2\"}}")),
            (value!([[1], {"a": 2}]), Type::JSONB_ARRAY, Some("{\"[1]\",\"{\\\"a\\\":2}\"}")),
            (value!([1, 2]), Type::JSONB, Some("[1,2]")),
            (value!("/wA="), Type::BYTEA, Some("\\xff00")),
        ] {
            assert_eq!(text(&value, &wanted), Ok(expected.map(str::to_owned)), "{wanted}");
        }
        assert!(text(&value!("no base64"), &Type::BYTEA).is_err());
    }
}

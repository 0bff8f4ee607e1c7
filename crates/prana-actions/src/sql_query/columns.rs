//! Values of PostgreSQL, by their types.

use std::error::Error;

use prana_core::ErrorValue;
use prana_template::Value;
use tokio_postgres::types::{FromSql, Kind, Type};

use super::cells;

/// The bytes of a value; none for null.
pub(super) struct Raw<'a>(pub Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Why a value has no form here.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    /// Its type has none.
    Type(String),
    /// Its bytes are not what the type says.
    Bytes,
}

/// The value in a column.
pub(super) fn value(column: &str, of: &Type, raw: Option<&[u8]>) -> Result<Value, ErrorValue> {
    let Some(raw) = raw else { return Ok(Value::Null) };
    decode(of, raw).map_err(|wrong| match wrong {
        Wrong::Type(name) => {
            let message = format!("column `{column}` is of the type {name}, which has no form here; select it as text: \"{column}\"::text");
            ErrorValue::new("sql.unsupported_type", message).not_retryable()
        }
        Wrong::Bytes => {
            let message = format!("column `{column}`: what came is no {of}");
            ErrorValue::new("sql.failed", message).not_retryable()
        }
    })
}

fn decode(of: &Type, raw: &[u8]) -> Result<Value, Wrong> {
    match of.kind() {
        Kind::Domain(base) => return decode(base, raw),
        Kind::Enum(_) => return cells::text(raw).ok_or(Wrong::Bytes),
        Kind::Array(member) => return array(member, raw),
        _ => {}
    }
    let value = match *of {
        Type::BOOL => cells::boolean(raw),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => cells::integer(of, raw),
        Type::FLOAT4 | Type::FLOAT8 => cells::float(raw),
        Type::NUMERIC => cells::numeric(raw),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML | Type::CHAR => {
            cells::text(raw)
        }
        Type::JSON => Value::parse_json(raw).ok(),
        Type::JSONB => raw.strip_prefix(&[1]).and_then(|json| Value::parse_json(json).ok()),
        Type::BYTEA => Some(cells::bytes(raw)),
        Type::UUID => cells::uuid(raw),
        Type::DATE => cells::date(raw),
        Type::TIME => cells::time(raw),
        Type::TIMETZ => cells::time_with_zone(raw),
        Type::TIMESTAMP => cells::timestamp(raw, false),
        Type::TIMESTAMPTZ => cells::timestamp(raw, true),
        Type::INTERVAL => cells::interval(raw),
        Type::INET | Type::CIDR => cells::network(raw),
        Type::MACADDR | Type::MACADDR8 => Some(cells::hardware(raw)),
        Type::BIT | Type::VARBIT => cells::bits(raw),
        Type::VOID => Some(Value::Null),
        _ if of.name() == "citext" => cells::text(raw),
        _ => return Err(Wrong::Type(of.name().to_owned())),
    };
    value.ok_or(Wrong::Bytes)
}

/// An array has so many dimensions at most; the server says so too.
const MAX_DIMENSIONS: usize = 6;

/// Lists within lists, one for each dimension.
fn array(member: &Type, raw: &[u8]) -> Result<Value, Wrong> {
    let mut rest = raw;
    let dimensions = usize::try_from(number(&mut rest)?).map_err(|_| Wrong::Bytes)?;
    let (_has_nulls, _type) = (number(&mut rest)?, number(&mut rest)?);
    if dimensions > MAX_DIMENSIONS {
        return Err(Wrong::Bytes);
    }
    let mut lengths = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        lengths.push(usize::try_from(number(&mut rest)?).map_err(|_| Wrong::Bytes)?);
        let _lower_bound = number(&mut rest)?;
    }
    match lengths.is_empty() {
        true => Ok(Value::from(Vec::<Value>::new())),
        false => items(member, &lengths, &mut rest),
    }
}

fn items(member: &Type, lengths: &[usize], rest: &mut &[u8]) -> Result<Value, Wrong> {
    let Some((length, inner)) = lengths.split_first() else { return item(member, rest) };
    (0..*length).map(|_| items(member, inner, rest)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

fn item(member: &Type, rest: &mut &[u8]) -> Result<Value, Wrong> {
    let Ok(length) = usize::try_from(number(rest)?) else { return Ok(Value::Null) };
    let (bytes, more) = rest.split_at_checked(length).ok_or(Wrong::Bytes)?;
    *rest = more;
    decode(member, bytes)
}

fn number(rest: &mut &[u8]) -> Result<i32, Wrong> {
    cells::take(rest).map(i32::from_be_bytes).ok_or(Wrong::Bytes)
}

#[cfg(test)]
mod tests {
    use prana_template::value;

    use super::*;

    fn array_bytes(lengths: &[i32], items: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |number: i32| bytes.extend_from_slice(&number.to_be_bytes());
        [lengths.len() as i32, 0, 25].into_iter().for_each(&mut put);
        lengths.iter().for_each(|length| [*length, 1].into_iter().for_each(&mut put));
        for item in items {
            bytes.extend_from_slice(&item.map_or(-1, |item| item.len() as i32).to_be_bytes());
            bytes.extend_from_slice(item.unwrap_or_default());
        }
        bytes
    }

    #[test]
    fn arrays() {
        for (lengths, items, expected) in [
            (&[][..], &[][..], value!([])),
            (&[2], &[Some(&b"a"[..]), None], value!(["a", null])),
            (&[2, 1], &[Some(&b"a"[..]), Some(b"b")], value!([["a"], ["b"]])),
            (&[2, 0], &[], value!([[], []])),
        ] {
            assert_eq!(decode(&Type::TEXT_ARRAY, &array_bytes(lengths, items)), Ok(expected));
        }
    }

    #[test]
    fn broken_arrays_are_told() {
        let whole = array_bytes(&[2], &[Some(b"a"), Some(b"b")]);
        for length in 0..whole.len() {
            assert_eq!(decode(&Type::TEXT_ARRAY, &whole[..length]), Err(Wrong::Bytes), "{length}");
        }
        for lengths in [&[-1][..], &[i32::MAX], &[1; 7], &[i32::MAX, i32::MAX]] {
            assert_eq!(decode(&Type::TEXT_ARRAY, &array_bytes(lengths, &[])), Err(Wrong::Bytes));
        }
    }

    #[test]
    fn what_has_no_form_says_what_to_do() {
        let error = value("area", &Type::POLYGON, Some(b"")).unwrap_err();
        assert_eq!(error.code, "sql.unsupported_type");
        assert!(error.message.ends_with("\"area\"::text"), "{error}");
        assert_eq!(value("area", &Type::POLYGON, None), Ok(Value::Null));
        assert_eq!(value("n", &Type::INT4, Some(b"12")).unwrap_err().code, "sql.failed");
    }

    #[test]
    fn documents() {
        assert_eq!(decode(&Type::JSON, b"{\"a\":1}"), Ok(value!({"a": 1})));
        assert_eq!(decode(&Type::JSONB, b"\x01[1]"), Ok(value!([1])));
        for raw in [&b"\x02[1]"[..], b"", b"\x01{"] {
            assert_eq!(decode(&Type::JSONB, raw), Err(Wrong::Bytes));
        }
    }
}

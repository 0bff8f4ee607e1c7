//! Addresses, as people write them.

use std::borrow::Cow;
use std::fmt;

use lettre::message::{Mailbox, Mailboxes};
use prana_core::ErrorValue;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::action::invalid_params;

/// Texts with addresses: one text, or a list of them. Null is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(pub Vec<String>);

struct AddressesVisitor;

impl<'de> Visitor<'de> for AddressesVisitor {
    type Value = Addresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or a list of addresses")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Addresses, E> {
        Ok(Addresses::default())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Addresses, E> {
        Ok(Addresses(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Addresses, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(Addresses(texts))
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddressesVisitor)
    }
}

impl JsonSchema for Addresses {
    fn schema_name() -> Cow<'static, str> {
        "Addresses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    }
}

impl Addresses {
    /// All of them. `field` is where they stand.
    pub(super) fn mailboxes(&self, field: &str) -> Result<Vec<Mailbox>, ErrorValue> {
        let mut all = Vec::new();
        for text in self.0.iter().filter(|text| !text.trim().is_empty()) {
            all.extend(mailboxes(field, text)?);
        }
        Ok(all)
    }
}

/// One address.
pub(super) fn mailbox(field: &str, text: &str) -> Result<Mailbox, ErrorValue> {
    match <[Mailbox; 1]>::try_from(mailboxes(field, text)?) {
        Ok([mailbox]) => Ok(mailbox),
        Err(_) => Err(invalid_params(format!("{field}: it must be one address"))),
    }
}

fn mailboxes(field: &str, text: &str) -> Result<Vec<Mailbox>, ErrorValue> {
    let wrong =
        |why: &str| invalid_params(format!("{field}: `{}` can't be used: {why}", text.escape_debug()));
    if text.chars().any(char::is_control) {
        return Err(wrong("it has line ends or other control characters"));
    }
    let parsed: Mailboxes =
        text.trim().parse().map_err(|_| wrong("write ann@example.com, or Ann <ann@example.com>"))?;
    let all: Vec<Mailbox> = parsed.into_iter().collect();
    let is_odd =
        |mailbox: &Mailbox| AsRef::<str>::as_ref(&mailbox.email).contains(['<', '>', ' ', '"', '\\']);
    match all.iter().any(is_odd) {
        true => Err(wrong("an address with quotes, spaces or brackets is not sent to")),
        false => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use prana_template::{Value, from_value, value};

    use super::*;

    fn parsed(written: Value) -> Result<Vec<String>, ErrorValue> {
        let addresses: Addresses = from_value(&written).unwrap();
        Ok(addresses.mailboxes("to")?.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn forms() {
        for (written, expected) in [
            (value!(null), &[][..]),
            (value!(""), &[]),
            (value!("ann@example.com"), &["ann@example.com"]),
            (value!(" Ann <ann@example.com> "), &["Ann <ann@example.com>"]),
            (value!("a@x.example, Bo <b@x.example>"), &["a@x.example", "Bo <b@x.example>"]),
            (value!(["a@x.example", "b@x.example"]), &["a@x.example", "b@x.example"]),
        ] {
            assert_eq!(parsed(written).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_address() {
        for written in [
            "ann",
            "@x",
            "a@",
            "a@x\r\nBcc: b@x.example",
            "Ann\n <a@x.example>",
            "\"a b\"@x.example",
            "a@x.example> SIZE=1",
            "a@x.example\0",
        ] {
            assert_eq!(parsed(value!(written)).unwrap_err().code, "workflow.invalid_params", "{written}");
        }
        assert!(from_value::<Addresses>(&value!(5)).is_err());
        assert!(mailbox("from", "a@x.example, b@x.example").is_err());
    }
}

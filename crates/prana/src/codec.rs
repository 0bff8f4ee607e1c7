//! Records as bytes: large values are kept once, by the hash of their content, and referred to.

use std::borrow::Cow;
use std::collections::HashMap;

use prana_core::record::{Change, Entry};
use prana_store::{Hash, Payload, StoredEntry};
use prana_template::{Map, Str, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::EngineError;

/// Values whose weight is above this many bytes are kept as payloads of their own.
const PAYLOAD_FROM: usize = 4 << 10;

/// Payloads of at least this many bytes are compressed, if that makes them smaller.
const COMPRESSED_FROM: usize = 16 << 10;

/// The quickest of the usual levels of zstd.
const LEVEL: i32 = 1;

/// What a zstd frame begins with, and JSON never does: a payload says itself how it is stored.
const COMPRESSED: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// No payload is larger than this when it is unpacked.
const MAX_PAYLOAD: u64 = 1 << 30;

/// How many large values are remembered from one commit to the next, so that they are not stored again.
const REMEMBERED: usize = 4;

/// The key of the one-entry map that stands for a payload; a map of the author's that looks like one is wrapped.
const REFERENCE: &str = "$payload";
const ESCAPED: &str = "$escaped";

/// Turns records into bytes.
#[derive(Default)]
pub(crate) struct Encoder {
    payloads: Vec<Payload>,
    /// Large values seen lately, with what stands for them: the same data passes many nodes.
    recent: Vec<(Value, Value)>,
}

impl Encoder {
    /// The stored form of an entry.
    pub fn entry(&mut self, entry: &Entry) -> Result<StoredEntry, EngineError> {
        let (execution_index, node_key) = match &entry.change {
            Change::Execution(_) => (None, None),
            Change::Node(change) => {
                let key = change.started.as_ref().map(|started| std::sync::Arc::from(&*started.node_key));
                (Some(change.execution_index), key)
            }
        };
        Ok(StoredEntry {
            sequence: entry.sequence,
            execution_index,
            node_key,
            at: entry.at,
            kind: u8::from(execution_index.is_some()),
            bytes: self.bytes(entry)?,
        })
    }

    /// The stored form of any plain data.
    pub fn bytes(&mut self, data: &impl Serialize) -> Result<Vec<u8>, EngineError> {
        let text = serde_json::to_vec(data).map_err(EngineError::encoding)?;
        if text.len() <= PAYLOAD_FROM && !contains(&text, b"\"$") {
            return Ok(text);
        }
        let value = Value::parse_json(&text).map_err(EngineError::encoding)?;
        Ok(self.without_large(&value, true).to_json_string().into_bytes())
    }

    /// The payloads that the bytes made since the last call refer to.
    pub fn take_payloads(&mut self) -> Vec<Payload> {
        let forgotten = self.recent.len().saturating_sub(REMEMBERED);
        self.recent.drain(..forgotten);
        std::mem::take(&mut self.payloads)
    }

    /// The value with references in the place of what is large. The outermost value stays in its place.
    fn without_large(&mut self, value: &Value, outermost: bool) -> Value {
        if let Value::Map(map) = value
            && (map.contains_key(REFERENCE) || map.contains_key(ESCAPED))
        {
            let inner: Map = map.iter().map(|(k, v)| (k.clone(), self.without_large(v, false))).collect();
            return Value::Map(Map::from_iter([(Str::from(ESCAPED), Value::Map(inner))]));
        }
        if value.weight() <= PAYLOAD_FROM && !outermost {
            return self.escaped(value);
        }
        let smaller = match value {
            Value::List(items) => {
                Value::from(items.iter().map(|item| self.without_large(item, false)).collect::<Vec<Value>>())
            }
            Value::Map(map) => {
                Value::Map(map.iter().map(|(k, v)| (k.clone(), self.without_large(v, false))).collect())
            }
            other => other.clone(),
        };
        if outermost || smaller.weight() <= PAYLOAD_FROM {
            return smaller;
        }
        self.reference(smaller)
    }

    fn escaped(&mut self, value: &Value) -> Value {
        match value {
            Value::List(items) => {
                Value::from(items.iter().map(|item| self.without_large(item, false)).collect::<Vec<Value>>())
            }
            Value::Map(map) => {
                Value::Map(map.iter().map(|(k, v)| (k.clone(), self.without_large(v, false))).collect())
            }
            other => other.clone(),
        }
    }

    fn reference(&mut self, value: Value) -> Value {
        if let Some((_, known)) = self.recent.iter().find(|(recent, _)| *recent == value) {
            return known.clone();
        }
        let bytes = value.to_json_string().into_bytes();
        let hash: Hash = Sha256::digest(&bytes).into();
        let reference = Value::Map(Map::from_iter([(Str::from(REFERENCE), Value::from(hex(&hash)))]));
        if !self.payloads.iter().any(|payload| payload.hash == hash) {
            self.payloads.push(Payload { hash, bytes: packed(bytes) });
        }
        self.recent.push((value, reference.clone()));
        reference
    }
}

/// The stored form of a payload.
fn packed(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() < COMPRESSED_FROM {
        return bytes;
    }
    match zstd::bulk::compress(&bytes, LEVEL) {
        Ok(packed) if packed.len() < bytes.len() => packed,
        _ => bytes,
    }
}

/// A payload as it was before it was packed.
///
/// # Errors
/// `Damaged`, if it can't be unpacked.
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, EngineError> {
    if !bytes.starts_with(&COMPRESSED) {
        return Ok(Cow::Borrowed(bytes));
    }
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let size = size.filter(|size| *size <= MAX_PAYLOAD).and_then(|size| usize::try_from(size).ok());
    let size = size.ok_or_else(|| EngineError::damaged("a packed payload doesn't say how large it is"))?;
    zstd::bulk::decompress(bytes, size).map(Cow::Owned).map_err(EngineError::damaged)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Turns bytes back into records.
#[derive(Default)]
pub(crate) struct Decoder {
    known: HashMap<Hash, Value>,
}

impl Decoder {
    /// The payloads that these bytes refer to and that are not known yet.
    pub fn missing<'a>(&self, all: impl IntoIterator<Item = &'a [u8]>) -> Vec<Hash> {
        let mut missing = Vec::new();
        for bytes in all {
            if contains(bytes, REFERENCE.as_bytes())
                && let Ok(value) = Value::parse_json(bytes)
            {
                self.collect(&value, &mut missing);
            }
        }
        missing
    }

    fn collect(&self, value: &Value, missing: &mut Vec<Hash>) {
        match value {
            Value::List(items) => items.iter().for_each(|item| self.collect(item, missing)),
            Value::Map(map) => match referred(map) {
                Some(hash) if !self.known.contains_key(&hash) && !missing.contains(&hash) => {
                    missing.push(hash)
                }
                Some(_) => {}
                None => map.values().for_each(|item| self.collect(item, missing)),
            },
            _ => {}
        }
    }

    /// Takes an unpacked payload in; its own references must be known.
    pub fn add(&mut self, hash: Hash, bytes: &[u8]) -> Result<(), EngineError> {
        let value = Value::parse_json(bytes).map_err(EngineError::damaged)?;
        let value = self.with_large(&value)?;
        self.known.insert(hash, value);
        Ok(())
    }

    /// Reads plain data back.
    pub fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, EngineError> {
        if !contains(bytes, b"\"$") {
            return serde_json::from_slice(bytes).map_err(EngineError::damaged);
        }
        let value = self.with_large(&Value::parse_json(bytes).map_err(EngineError::damaged)?)?;
        prana_template::from_value(&value).map_err(EngineError::damaged)
    }

    fn with_large(&self, value: &Value) -> Result<Value, EngineError> {
        match value {
            Value::List(items) => {
                let items: Result<Vec<Value>, EngineError> =
                    items.iter().map(|item| self.with_large(item)).collect();
                Ok(Value::from(items?))
            }
            Value::Map(map) => {
                if let Some(hash) = referred(map) {
                    let missing = || EngineError::damaged(format!("payload {} is missing", hex(&hash)));
                    return self.known.get(&hash).cloned().ok_or_else(missing);
                }
                let inner = match (map.len(), map.get(ESCAPED)) {
                    (1, Some(Value::Map(inner))) => inner,
                    _ => map,
                };
                let entries: Result<Vec<(Str, Value)>, EngineError> =
                    inner.iter().map(|(key, item)| Ok((key.clone(), self.with_large(item)?))).collect();
                Ok(Value::Map(entries?.into_iter().collect()))
            }
            other => Ok(other.clone()),
        }
    }
}

fn referred(map: &Map) -> Option<Hash> {
    let text = (map.len() == 1).then(|| map.get(REFERENCE)?.as_str())??;
    let mut hash = [0u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (position, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[position * 2..position * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: &Value) -> (Value, usize) {
        let mut encoder = Encoder::default();
        let bytes = encoder.bytes(value).expect("encodes");
        let payloads = encoder.take_payloads();
        let mut decoder = Decoder::default();
        for payload in &payloads {
            decoder.add(payload.hash, &unpacked(&payload.bytes).expect("unpacks")).expect("a payload");
        }
        (decoder.read(&bytes).expect("decodes"), payloads.len())
    }

    #[test]
    fn values_read_back() {
        let big = "x".repeat(10_000);
        let check = |text: &str, payloads: usize| {
            let value = Value::parse_json(text).expect("JSON");
            assert_eq!(round_trip(&value), (value, payloads), "{text:.80}");
        };
        check(r#"{"a":[1,2.5,null,"x"]}"#, 0);
        check(r#"{"$payload":"no hash"}"#, 0);
        check(
            r#"{"$escaped":{"$payload":"0000000000000000000000000000000000000000000000000000000000000000"}}"#,
            0,
        );
        check(&format!(r#"{{"a":"{big}","b":"{big}","$payload":1}}"#), 1);
        check(&format!(r#"{{"a":{{"deep":["{big}",1]}},"b":{{"$escaped":"{big}"}}}}"#), 1);
    }

    #[test]
    fn large_payloads_are_packed() {
        let check = |text: String, is_packed: bool| {
            let value = Value::from(vec![Value::from(text)]);
            let mut encoder = Encoder::default();
            let entry = encoder.bytes(&value).expect("encodes");
            let payload = encoder.take_payloads().remove(0);
            assert_eq!(payload.bytes.starts_with(&COMPRESSED), is_packed);
            let plain = unpacked(&payload.bytes).expect("unpacks");
            assert_eq!(<Hash>::from(Sha256::digest(&plain)), payload.hash, "it is named by what it was");
            let mut decoder = Decoder::default();
            decoder.add(payload.hash, &plain).expect("a payload");
            assert_eq!(decoder.read::<Value>(&entry).expect("decodes"), value);
        };
        check("x".repeat(20_000), true);
        check("x".repeat(10_000), false);
        for damaged in [&COMPRESSED[..], b"\x28\xb5\x2f\xfd\x00\x00\x00"] {
            assert!(unpacked(damaged).is_err());
        }
    }

    #[test]
    fn the_same_data_is_not_stored_with_every_commit() {
        let document = Value::from("x".repeat(50_000));
        let mut encoder = Encoder::default();
        for commit in 0..10 {
            let entry = Value::from(vec![document.clone(), Value::Int(commit)]);
            encoder.bytes(&entry).expect("encodes");
            assert_eq!(encoder.take_payloads().len(), usize::from(commit == 0));
        }
    }

    #[test]
    fn a_list_of_many_small_things_is_one_payload() {
        let list: Vec<Value> = (0..5_000).map(Value::Int).collect();
        let value = Value::from(vec![Value::from(list)]);
        assert_eq!(round_trip(&value), (value, 1));
    }
}

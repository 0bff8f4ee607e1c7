//! Encodings and hashes.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::{Sha256, Sha512};
use uuid::Uuid;

use super::{Invocation, Outcome, table::filters};
use crate::{eval::Fault, value::Value};

filters! { ENCODE:
    /// The bytes of a text (UTF-8) in base64.
    /// `{{ "hello?" | base64 }}` -> `"aGVsbG8/"`
    "base64 ()" => base64;

    /// The text that base64 stands for, in the ordinary or the URL-safe alphabet, padded or not.
    /// `{{ "aGVsbG8_" | base64_decode }}` -> `"hello?"`
    "base64_decode ()" => base64_decode;

    /// Text for a part of an address: everything but letters, digits and `-._~` escaped.
    /// `{{ "a b&c=é" | url_encode }}` -> `"a%20b%26c%3D%C3%A9"`
    "url_encode ()" => url_encode;

    /// The text that `url_encode` escaped.
    /// `{{ "a%20b" | url_decode }}` -> `"a b"`
    "url_decode ()" => url_decode;

    /// Text that HTML shows as it is.
    /// `{{ "<b> & 'c'" | html_escape }}` -> `"&lt;b&gt; &amp; &#39;c&#39;"`
    "html_escape ()" => html_escape;

    /// HTML without its tags and comments. Not a protection against hostile HTML: use `html_escape` for that.
    /// `{{ "<p>Hello <b>you</b></p>" | strip_tags }}` -> `"Hello you"`
    "strip_tags ()" => strip_tags;

    /// The MD5 hash of a text, in hexadecimal digits. For checksums, not for secrets.
    /// `{{ "abc" | md5 }}` -> `"900150983cd24fb0d6963f7d28e17f72"`
    "md5 ()" => md5;

    /// The SHA-256 hash of a text, in hexadecimal digits.
    /// `{{ "abc" | sha256 }}` -> `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`
    "sha256 ()" => sha256;

    /// The keyed hash (HMAC) of a text, in hexadecimal digits, with "sha256" or "sha512".
    /// `{{ "what do ya want for nothing?" | hmac("Jefe") }}` -> `"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"`
    "hmac (key, algorithm=\"sha256\")" => hmac;

    /// The bytes of a text (UTF-8), or an int that is not negative, in hexadecimal digits.
    /// `{{ "az" | hex }}` -> `"617a"`
    /// `{{ 255 | hex }}` -> `"ff"`
    "hex ()" => hex;

    /// The UUID (version 5) of a name within a namespace: "url", "dns", "oid", "x500" or a UUID. The same name gives the same UUID.
    /// `{{ "https://example.com/7" | uuid5 }}` -> `"a6c225f3-d106-5670-ba8e-ab4ca609b702"`
    "uuid5 (namespace=\"url\")" => uuid5;
}

fn base64(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    call.check_text(text.len().saturating_add(text.len() / 3))?;
    call.made_text(STANDARD.encode(text))
}

fn base64_decode(call: &Invocation<'_, '_>) -> Outcome {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = call.text(0)?;
    call.check_text(text.len())?;
    let usual = text.trim().replace('-', "+").replace('_', "/");
    let bytes = GeneralPurpose::new(&alphabet::STANDARD, config).decode(usual);
    let bytes = bytes.map_err(|_| call.invalid("the text is not base64"))?;
    call.made_text(String::from_utf8(bytes).map_err(|_| call.invalid("what is encoded is not text"))?)
}

fn url_encode(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    let escaped = text.bytes().filter(|b| !is_unreserved(*b)).count();
    call.check_text(text.len().saturating_add(escaped.saturating_mul(2)))?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) {
            out.push(byte as char);
        } else {
            out.push('%');
            push_hex(&mut out, byte, b"0123456789ABCDEF");
        }
    }
    call.made_text(out)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn push_hex(out: &mut String, byte: u8, digits: &[u8; 16]) {
    out.push(digits[usize::from(byte >> 4)] as char);
    out.push(digits[usize::from(byte & 15)] as char);
}

fn url_decode(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?.as_bytes();
    call.check_text(text.len())?;
    let digit = |at: usize| text.get(at).and_then(|b| (*b as char).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            (b'%', _, _) => return Err(call.invalid("a `%` is not followed by two hexadecimal digits")),
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    call.made_text(String::from_utf8(bytes).map_err(|_| call.invalid("what is encoded is not text"))?)
}

fn html_escape(call: &Invocation<'_, '_>) -> Outcome {
    let text = call.text(0)?;
    let escape = |c: char| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    };
    let longer = text.chars().filter_map(escape).map(|escaped| escaped.len() - 1).sum::<usize>();
    call.check_text(text.len().saturating_add(longer))?;
    let mut out = String::with_capacity(text.len() + longer);
    for c in text.chars() {
        match escape(c) {
            Some(escaped) => out.push_str(escaped),
            None => out.push(c),
        }
    }
    call.made_text(out)
}

fn strip_tags(call: &Invocation<'_, '_>) -> Outcome {
    let mut rest = call.text(0)?;
    call.check_text(rest.len())?;
    let mut out = String::with_capacity(rest.len());
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let tag = &rest[open..];
        if !tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            out.push('<');
            rest = &tag[1..];
            continue;
        }
        let close = if tag.starts_with("<!--") { "-->" } else { ">" };
        match tag.find(close) {
            Some(end) => rest = &tag[end + close.len()..],
            None => {
                rest = tag;
                break;
            }
        }
    }
    out.push_str(rest);
    call.made_text(out)
}

fn hex_of(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| push_hex(&mut out, *byte, b"0123456789abcdef"));
    out
}

/// Text to be hashed, paid for.
fn hashed<'a>(call: &'a Invocation<'_, '_>) -> Result<&'a [u8], Fault> {
    let text = call.text(0)?;
    call.spend(text.len() / 16)?;
    Ok(text.as_bytes())
}

fn md5(call: &Invocation<'_, '_>) -> Outcome {
    let digest = Md5::digest(hashed(call)?);
    call.made_text(hex_of(&digest))
}

fn sha256(call: &Invocation<'_, '_>) -> Outcome {
    let digest = Sha256::digest(hashed(call)?);
    call.made_text(hex_of(&digest))
}

/// A keyed hash in hexadecimal digits.
fn keyed<M: Mac + KeyInit>(call: &Invocation<'_, '_>, key: &[u8], text: &[u8]) -> Outcome {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| call.invalid("the key can't be used"))?;
    mac.update(text);
    call.made_text(hex_of(&mac.finalize().into_bytes()))
}

fn hmac(call: &Invocation<'_, '_>) -> Outcome {
    let (text, key) = (hashed(call)?, call.text(1)?.as_bytes());
    match call.text_or(2, "sha256")? {
        "sha256" => keyed::<Hmac<Sha256>>(call, key, text),
        "sha512" => keyed::<Hmac<Sha512>>(call, key, text),
        _ => Err(call.invalid("the algorithm must be \"sha256\" or \"sha512\"")),
    }
}

fn hex(call: &Invocation<'_, '_>) -> Outcome {
    match call.subject() {
        Value::Int(n @ 0..) => call.made_text(format!("{n:x}")),
        Value::Int(_) => Err(call.invalid("the int is negative")),
        Value::Str(text) => {
            call.check_text(text.len().saturating_mul(2))?;
            call.made_text(hex_of(text.as_bytes()))
        }
        _ => Err(call.wrong(0, "text or an int")),
    }
}

fn uuid5(call: &Invocation<'_, '_>) -> Outcome {
    let namespace = match call.text_or(1, "url")? {
        "url" => Uuid::NAMESPACE_URL,
        "dns" => Uuid::NAMESPACE_DNS,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::parse_str(other)
            .map_err(|_| call.invalid("the namespace must be url, dns, oid, x500 or a UUID"))?,
    };
    call.made_text(Uuid::new_v5(&namespace, hashed(call)?).to_string())
}

//! `file.read`: the content of a file.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::{Action, ActionCall};
use crate::outside::Outside;
use crate::roots::failed;

/// The parameters of `file.read`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileReadParams {
    /// The file, inside the directories that the operator opened. A relative path starts at the first of them.
    pub path: String,
    /// How its bytes become data.
    #[serde(default)]
    pub encoding: ReadEncoding,
}

/// How bytes become data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadEncoding {
    /// Text.
    #[default]
    #[serde(alias = "text", alias = "utf-8")]
    Utf8,
    /// Text in base64: for files of any kind.
    #[serde(alias = "binary")]
    Base64,
    /// The data that the JSON in it stands for.
    Json,
    /// A list of its lines, without their ends.
    Lines,
}

/// Reads a file.
pub struct FileRead;

#[async_trait]
impl Action for FileRead {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<FileReadParams>(
            "file.read",
            "Read file",
            "Reads a file as text, lines, JSON or base64. Its output is `{path, bytes, content}`.",
            Effect::Effect,
        )
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let params: FileReadParams = call.params()?;
        let outside = Arc::clone(&call.outside);
        let output = tokio::task::spawn_blocking(move || read(&params, &outside)).await;
        let output = output.map_err(|error| ErrorValue::new("file.failed", error.to_string()))??;
        Ok(EffectOutput::Complete(Completed::new(output)))
    }
}

fn read(params: &FileReadParams, outside: &Outside) -> Result<Value, ErrorValue> {
    let path = params.path.as_str();
    let real = outside.roots.existing(path)?;
    let is_file = real.metadata().map_err(|error| failed(path, &error))?.is_file();
    if !is_file {
        return Err(ErrorValue::new("file.not_a_file", format!("`{path}` is not a file")).not_retryable());
    }
    let limit = outside.max_file_bytes;
    let mut bytes = Vec::new();
    let mut file = File::open(real).map_err(|error| failed(path, &error))?.take(limit as u64 + 1);
    file.read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    if bytes.len() > limit {
        let message = format!("`{path}` is larger than {limit} bytes, the operator's limit");
        return Err(ErrorValue::new("file.too_large", message).not_retryable());
    }
    let mut output = Map::new();
    output.insert("path", path);
    output.insert("bytes", bytes.len());
    output.insert("content", decode(path, bytes, params.encoding)?);
    Ok(Value::Map(output))
}

fn decode(path: &str, bytes: Vec<u8>, encoding: ReadEncoding) -> Result<Value, ErrorValue> {
    let wrong = |code: &str, message: String| Err(ErrorValue::new(code, message).not_retryable());
    match encoding {
        ReadEncoding::Base64 => Ok(Value::from(STANDARD.encode(bytes))),
        ReadEncoding::Json => match Value::parse_json(&bytes) {
            Ok(value) => Ok(value),
            Err(error) => wrong("file.invalid_json", format!("`{path}` is not JSON: {error}")),
        },
        ReadEncoding::Utf8 | ReadEncoding::Lines => match String::from_utf8(bytes) {
            Ok(text) if encoding == ReadEncoding::Lines => Ok(text.lines().map(Value::from).collect()),
            Ok(text) => Ok(Value::from(text)),
            Err(_) => wrong(
                "file.invalid_text",
                format!("`{path}` is not UTF-8 text; `encoding: base64` reads anything"),
            ),
        },
    }
}

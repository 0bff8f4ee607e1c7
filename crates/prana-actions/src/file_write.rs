//! `file.write`: puts content into a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

use crate::action::{Action, ActionCall, invalid_params};
use crate::outside::Outside;
use crate::roots::{Place, failed};

/// The parameters of `file.write`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileWriteParams {
    /// The file, inside the directories that the operator opened. A relative path starts at the first of them. Its directory must be
    /// there.
    pub path: String,
    /// What to write: text, or with `encoding: json` anything.
    #[schemars(with = "serde_json::Value")]
    pub content: Value,
    /// How the content becomes bytes.
    #[serde(default)]
    pub encoding: WriteEncoding,
    /// What to do about a file that is there.
    #[serde(default)]
    pub mode: WriteMode,
}

/// How content becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteEncoding {
    /// Text as it is; numbers and the like as JSON.
    #[default]
    #[serde(alias = "text", alias = "utf-8")]
    Utf8,
    /// The bytes that the base64 text stands for.
    #[serde(alias = "binary")]
    Base64,
    /// As JSON, with a line end after it.
    Json,
}

/// What to do about a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// Fail: only a new file is made.
    Create,
    /// Replace it, as a whole: whoever reads it meanwhile sees the old content or the new one.
    #[default]
    Overwrite,
    /// Add to its end. After a crash in mid-run the content may be there twice.
    Append,
}

/// Writes a file.
pub struct FileWrite;

#[async_trait]
impl Action for FileWrite {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<FileWriteParams>(
            "file.write",
            "Write file",
            "Writes a file: a new one, in the place of an old one, or at its end. It is on disk when the node completes. Its output is \
             `{path, bytes}`.",
            Effect::Effect,
        )
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let params: FileWriteParams = call.params()?;
        let outside = Arc::clone(&call.outside);
        let output = tokio::task::spawn_blocking(move || write(&params, &outside)).await;
        let output = output.map_err(|error| ErrorValue::new("file.failed", error.to_string()))??;
        Ok(EffectOutput::Complete(Completed::new(output)))
    }
}

fn write(params: &FileWriteParams, outside: &Outside) -> Result<Value, ErrorValue> {
    let path = params.path.as_str();
    let bytes = encode(&params.content, params.encoding)?;
    if bytes.len() > outside.max_file_bytes {
        let message =
            format!("the content is larger than {} bytes, the operator's limit", outside.max_file_bytes);
        return Err(ErrorValue::new("file.too_large", message).not_retryable());
    }
    let place = outside.roots.place(path)?;
    if place.path().is_dir() {
        return Err(ErrorValue::new("file.not_a_file", format!("`{path}` is a directory")).not_retryable());
    }
    let written = match params.mode {
        WriteMode::Append => append(&existing_or_new(path, &place, outside)?, &bytes),
        WriteMode::Create => replace(&place, &bytes, false),
        WriteMode::Overwrite => replace(&place, &bytes, true),
    };
    written.map_err(|error| failed(path, &error))?;
    let mut output = Map::new();
    output.insert("path", path);
    output.insert("bytes", bytes.len());
    Ok(Value::Map(output))
}

fn encode(content: &Value, encoding: WriteEncoding) -> Result<Vec<u8>, ErrorValue> {
    match (encoding, content) {
        (WriteEncoding::Utf8, content) => Ok(content.to_text().as_str().as_bytes().to_vec()),
        (WriteEncoding::Json, content) => Ok(format!("{}\n", content.to_json_string()).into_bytes()),
        (WriteEncoding::Base64, Value::Str(text)) => {
            let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            STANDARD
                .decode(compact)
                .map_err(|error| invalid_params(format!("content: it is not base64: {error}")))
        }
        (WriteEncoding::Base64, _) => {
            Err(invalid_params("content: it must be base64 text with `encoding: base64`"))
        }
    }
}

/// The real path of a file to add to: a link must not lead out.
fn existing_or_new(path: &str, place: &Place, outside: &Outside) -> Result<PathBuf, ErrorValue> {
    match place.path().symlink_metadata() {
        Ok(_) => outside.roots.existing(path),
        Err(_) => Ok(place.path()),
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes beside the place, then moves there in one step.
fn replace(place: &Place, bytes: &[u8], overwrite: bool) -> io::Result<()> {
    let (temporary, mut file) = temporary(&place.directory)?;
    let moved = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| match overwrite {
        true => fs::rename(&temporary, place.path()),
        // A link can't be made over a file that is there.
        false => fs::hard_link(&temporary, place.path()).and_then(|()| fs::remove_file(&temporary)),
    });
    if moved.is_err() {
        let _ = fs::remove_file(&temporary);
        return moved;
    }
    File::open(&place.directory)?.sync_all()
}

/// A new file with a name of its own.
fn temporary(directory: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".prana-{}-{number}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

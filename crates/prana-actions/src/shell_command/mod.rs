//! `shell.command`: a program on the server's machine.
//!
//! It is off unless the operator allows it ([`Permissions::shell`](crate::Permissions)). The program gets its arguments as they are: no shell reads them, unless
//! `shell: true` asks for one, and then `command` can't be a template.
//!
//! It runs in a process group of its own, which ends with the run: at its end, at its limit, or when nobody needs it any more, whatever it has
//! started ends with it. Of the server's environment it sees `PATH`, `HOME` and `LANG`.
//!
//! | error | when |
//! |---|---|
//! | `shell.not_allowed` | the operator doesn't allow it |
//! | `shell.not_started` | there is no such program or directory, or it may not be run |
//! | `shell.failed` | its exit code isn't in `success`; `details` are `{exit_code, signal, stdout, stderr}`, the ends of the texts |
//! | `shell.timeout` | it ran longer than `timeout_ms` |
//! | `shell.output_too_large` | it wrote more than 4 MB to one of stdout and stderr |

mod process;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_core::record::Completed;
use prana_template::{Map, ParamError, Params, PathSegment, Value};
use schemars::JsonSchema;
use serde::Deserialize;

use self::process::{Failure, Finished, MAX_STREAM_BYTES};
use crate::action::{Action, ActionCall, invalid_params};
use crate::secrets::CallSecrets;

/// The end of stdout and stderr that an error shows, in bytes.
const SHOWN_BYTES: usize = 2_000;

/// The parameters of `shell.command`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShellCommandParams {
    /// The program: a name that is looked for in `PATH`, or a path. With `shell: true`, what `sh` is to do.
    pub command: String,
    /// Its arguments, each as it is. With `shell: true` they are `$1`, `$2` and so on.
    #[serde(default)]
    pub args: Vec<String>,
    /// What it reads on stdin. A value that is no text is written as JSON.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>")]
    pub stdin: Value,
    /// Its environment, beside `PATH`, `HOME` and `LANG`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The directory that it starts in; that of the server if none is given.
    #[serde(default)]
    pub cwd: Option<String>,
    /// How long it may run, in milliseconds, 1 to 86400000.
    #[serde(default = "half_a_minute")]
    pub timeout_ms: u64,
    /// Lets `sh` read the command. The command can't be a template then: hand data in as `args` or `env`.
    #[serde(default)]
    pub shell: bool,
    /// The exit codes that are no failure.
    #[serde(default = "zero")]
    pub success: Vec<i32>,
}

fn half_a_minute() -> u64 {
    30_000
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// Runs a program.
pub struct ShellCommand;

#[async_trait]
impl Action for ShellCommand {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<ShellCommandParams>(
            "shell.command",
            "Command",
            "Runs a program on the server's machine, if the operator allows it. Its output is `{exit_code, stdout, stderr}`.",
            Effect::Effect,
        )
        .check_with(check)
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        if !call.outside.shell {
            let message = "the operator doesn't allow programs to be run: `--allow-shell`, or `allow_shell = true` in prana.toml, does";
            return Err(ErrorValue::new("shell.not_allowed", message).not_retryable());
        }
        let params: ShellCommandParams = call.params()?;
        refuse(&params)?;
        let limit = Duration::from_millis(params.timeout_ms);
        let finished = match tokio::time::timeout(limit, process::run(&params)).await {
            Ok(finished) => finished.map_err(|failure| error_of(&params, failure))?,
            Err(_) => {
                let message = format!("the program ran longer than {} ms (`timeout_ms`)", params.timeout_ms);
                return Err(ErrorValue::new("shell.timeout", message));
            }
        };
        match finished.exit_code {
            Some(code) if params.success.contains(&code) => {
                Ok(EffectOutput::Complete(Completed::new(output(code, finished))))
            }
            _ => Err(failed(finished, &call.secrets)),
        }
    }
}

fn refuse(params: &ShellCommandParams) -> Result<(), ErrorValue> {
    if !(1..=86_400_000).contains(&params.timeout_ms) {
        return Err(invalid_params("`timeout_ms` must be from 1 to 86400000"));
    }
    let texts = params.args.iter().chain(params.env.values()).chain([&params.command]).chain(&params.cwd);
    if params.command.is_empty() || texts.chain(params.env.keys()).any(|text| text.contains('\0')) {
        return Err(invalid_params(
            "a program, its arguments and its environment are texts without null characters",
        ));
    }
    match params.env.keys().any(|name| name.is_empty() || name.contains('=')) {
        true => Err(invalid_params("the name of an environment variable isn't empty and has no `=`")),
        false => Ok(()),
    }
}

/// A shell would read data as commands.
fn check(params: &Params) -> Result<(), ParamError> {
    let is_hole = |name: &str| params.is_hole(&[PathSegment::from(name)]);
    let by_shell = is_hole("shell") || params.skeleton().get("shell").is_some_and(Value::is_truthy);
    if !(by_shell && is_hole("command")) {
        return Ok(());
    }
    Err(ParamError {
        path: vec![PathSegment::from("command")],
        message: "with `shell: true` the command can't be a template: the shell would read data as commands"
            .to_owned(),
        help: Some("hand data in as `args`, and write `\"$1\"` in the command".to_owned()),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn output(code: i32, finished: Finished) -> Value {
    let mut output = Map::new();
    output.insert("exit_code", code);
    output.insert("stdout", text(&finished.stdout));
    output.insert("stderr", text(&finished.stderr));
    Value::Map(output)
}

/// The error of a program that ended otherwise than it should.
fn failed(finished: Finished, secrets: &CallSecrets) -> ErrorValue {
    let (stdout, stderr) = (end_of(&finished.stdout, secrets), end_of(&finished.stderr, secrets));
    let how = match (finished.exit_code, finished.signal) {
        (Some(code), _) => format!("the program ended with exit code {code}"),
        (None, Some(signal)) => format!("the program was ended by signal {signal}"),
        (None, None) => "the program ended, nobody knows how".to_owned(),
    };
    let said = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let message = if said.is_empty() { how } else { format!("{how}: {said}") };
    let mut details = Map::new();
    details.insert("exit_code", finished.exit_code.map_or(Value::Null, Value::from));
    details.insert("signal", finished.signal.map_or(Value::Null, Value::from));
    details.insert("stdout", stdout);
    details.insert("stderr", stderr);
    ErrorValue::new("shell.failed", message).with_details(Value::Map(details))
}

/// The end of a text, secrets taken out before it is cut.
fn end_of(bytes: &[u8], secrets: &CallSecrets) -> String {
    let text = text(bytes);
    let text = secrets.redacted(&text);
    match text.len().checked_sub(SHOWN_BYTES) {
        Some(start) if start > 0 => format!("…{}", &text[text.ceil_char_boundary(start)..]),
        _ => text.into_owned(),
    }
}

fn error_of(params: &ShellCommandParams, failure: Failure) -> ErrorValue {
    match failure {
        Failure::NotStarted(error) => {
            let at = params.cwd.as_ref().map(|cwd| format!(" in `{cwd}`")).unwrap_or_default();
            let program = if params.shell { "sh" } else { &params.command };
            ErrorValue::new("shell.not_started", format!("`{program}` can't be started{at}: {error}"))
                .not_retryable()
        }
        Failure::TooLarge(stream) => {
            let megabytes = MAX_STREAM_BYTES >> 20;
            let message =
                format!("the program wrote more than {megabytes} MB to {stream}; let it write to a file");
            ErrorValue::new("shell.output_too_large", message).not_retryable()
        }
        Failure::Broken(error) => ErrorValue::new("shell.broken", format!("the program was lost: {error}")),
    }
}

//! `code.javascript`: a few lines of JavaScript.
//!
//! The code is the body of an async function. It sees `$input`, `$inputs`, `$nodes`, `$vars`, `$env`, `$workflow`, `$execution`, `$trigger`, `$now` and
//! `$error`, each the whole value that templates know by that name. It returns data, which leaves by the port `main`, or `port(name, data)`.
//!
//! It reaches nothing else: no network, files, modules, timers, clock or randomness. So it is pure, and may run again at any time. It runs on
//! threads of its own, with limits on time, memory, stack, output and console.
//!
//! | ours | JavaScript |
//! |---|---|
//! | null, true and false, text, lists, maps | the same |
//! | a float, an integer up to 2^53 - 1 | a number |
//! | an integer beyond that | a BigInt |
//!
//! On the way back whole numbers up to 2^53 - 1 and BigInts of 64 bits are integers, and objects with a `toJSON` (dates) are what it gives. Fields that are undefined or
//! functions are left out, as in JSON. NaN, Infinity, maps, sets, bytes, promises, errors and whatever contains itself are no data: `code.invalid_result` says where they stand.
//!
//! | error | when |
//! |---|---|
//! | `code.syntax` | the code is not JavaScript |
//! | `code.failed` | it threw, and `details` say the name of the error, the line and the column |
//! | `code.timeout` | it ran longer than `timeout_ms` |
//! | `code.out_of_memory` | it used more than `memory_limit_mb` |
//! | `code.never_settles` | it waits for a promise that nothing settles |
//! | `code.invalid_result` | what it returned is no data |
//! | `code.result_too_large` | there is more of it than a node may give |
//! | `code.unavailable` | there is no thread to run it on |

mod console;
mod failure;
mod machine;
mod pool;
mod ports;
mod values;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prana_core::ErrorValue;
use prana_core::action::{Descriptor, Effect};
use prana_core::executor::EffectOutput;
use prana_template::{ParamError, Params, PathSegment, Str};
use schemars::JsonSchema;
use serde::Deserialize;

use self::machine::Program;
use self::pool::Pool;
use crate::action::{Action, ActionCall, invalid_params};

/// The code is at most this long, in bytes.
pub const MAX_CODE_BYTES: usize = 256 << 10;

/// The parameters of `code.javascript`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeJavascriptParams {
    /// The body of an async function: what it returns is the output. Never a template: values come in as `$input` and the other names.
    pub code: Str,
    /// How long it may run, in milliseconds, 1 to 60000.
    #[serde(default = "a_second")]
    pub timeout_ms: u64,
    /// How much memory it may use, in MB, 4 to 1024.
    #[serde(default = "some_memory")]
    pub memory_limit_mb: u64,
}

fn a_second() -> u64 {
    1_000
}

fn some_memory() -> u64 {
    64
}

impl CodeJavascriptParams {
    /// What is wrong with them: the field, and why.
    fn problem(&self) -> Option<(&'static str, String)> {
        if self.code.len() > MAX_CODE_BYTES {
            return Some(("code", format!("the code is longer than {MAX_CODE_BYTES} bytes")));
        }
        if !(1..=60_000).contains(&self.timeout_ms) {
            return Some(("timeout_ms", "`timeout_ms` must be from 1 to 60000".to_owned()));
        }
        if !(4..=1_024).contains(&self.memory_limit_mb) {
            return Some(("memory_limit_mb", "`memory_limit_mb` must be from 4 to 1024".to_owned()));
        }
        None
    }
}

/// Runs JavaScript.
#[derive(Default)]
pub struct CodeJavascript {
    pool: Arc<Pool>,
}

#[async_trait]
impl Action for CodeJavascript {
    fn descriptor(&self) -> Descriptor {
        Descriptor::new::<CodeJavascriptParams>(
            "code.javascript",
            "JavaScript",
            "Runs JavaScript, the body of an async function: `return` the output, or `return port(\"name\", data)` to leave by another port \
             than `main`. It sees `$input`, `$nodes`, `$vars` and the other names. No network, files, clock or randomness.",
            Effect::Pure,
        )
        .code_fields(&["code"])
        .ports_from(ports::ports)
        .check_with(check)
    }

    async fn run(&self, call: ActionCall) -> Result<EffectOutput, ErrorValue> {
        let params: CodeJavascriptParams = call.params()?;
        if let Some((_, problem)) = params.problem() {
            return Err(invalid_params(problem));
        }
        let program = Program {
            code: params.code,
            scope: call.scope,
            timeout: Duration::from_millis(params.timeout_ms),
            memory_bytes: (params.memory_limit_mb as usize) << 20,
        };
        self.pool.run(program, call.cancelled).await.map(EffectOutput::Complete)
    }
}

/// What can be told before anything is rendered.
fn check(params: &Params) -> Result<(), ParamError> {
    let numbers = ["timeout_ms", "memory_limit_mb"];
    if numbers.iter().any(|name| params.is_hole(&[PathSegment::from(*name)])) {
        return Ok(());
    }
    let read: CodeJavascriptParams = prana_template::from_value(&params.skeleton())?;
    match read.problem() {
        None => Ok(()),
        Some((field, message)) => {
            Err(ParamError { path: vec![PathSegment::from(field)], message, help: None })
        }
    }
}

//! What went wrong in code, with the line and column of its author.

use std::time::Duration;

use prana_core::ErrorValue;
use prana_template::{Map, Value};
use rquickjs::{Coerced, Ctx, Object, Value as JsValue};

/// Lines that stand before those of the code in the function that is made of it.
const LINES_BEFORE: u32 = 3;

/// How a place in the code begins in a stack, of a call,
const CALLED: &str = "(<input>:";

/// and of something that is no JavaScript.
const READ: &str = "at <input>:";

/// A message is cut after this many bytes.
const MAX_MESSAGE_BYTES: usize = 4_000;

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub timeout: Duration,
    pub memory_bytes: usize,
}

/// Why a run was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its time is over.
    Time,
    /// Nobody waits for it any more.
    NotNeeded,
}

fn error(code: &str, message: impl Into<String>) -> ErrorValue {
    ErrorValue::new(code, message).not_retryable()
}

pub(super) fn stopped(stop: Stop, limits: Limits) -> ErrorValue {
    match stop {
        Stop::NotNeeded => error("action.cancelled", "the action was cancelled"),
        Stop::Time => timed_out(limits),
    }
}

/// The time was used up. On a machine with less to do it may be enough.
pub(super) fn timed_out(limits: Limits) -> ErrorValue {
    let millis = limits.timeout.as_millis();
    let message = format!("the code ran longer than {millis} ms (`timeout_ms`)");
    ErrorValue::new("code.timeout", message)
}

pub(super) fn out_of_memory(limits: Limits) -> ErrorValue {
    let megabytes = limits.memory_bytes >> 20;
    error(
        "code.out_of_memory",
        format!("the code used more than {megabytes} MB of memory (`memory_limit_mb`)"),
    )
}

pub(super) fn no_engine(why: &rquickjs::Error) -> ErrorValue {
    ErrorValue::new("code.unavailable", format!("no JavaScript engine could be started: {why}"))
}

pub(super) fn never_settles() -> ErrorValue {
    let message =
        "the code waits for a promise that nothing will ever settle: there are no timers and no network";
    error("code.never_settles", message)
}

pub(super) fn invalid(message: String) -> ErrorValue {
    error("code.invalid_result", message)
}

pub(super) fn too_large() -> ErrorValue {
    let limit = super::values::MAX_RESULT_BYTES >> 20;
    error("code.result_too_large", format!("the result is larger than {limit} MB"))
}

/// The same error with what was written to the console before it.
pub(super) fn with_console(mut error: ErrorValue, written: Option<Value>) -> ErrorValue {
    let Some(lines) = written else { return error };
    let mut details = error.details.as_map().cloned().unwrap_or_default();
    details.insert("console", lines);
    error.details = Value::Map(details);
    error
}

/// What must be known of a run to tell what an exception means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    pub limits: Limits,
    /// It was read as JavaScript.
    pub is_read: bool,
    /// The code itself may throw null.
    pub may_throw_null: bool,
}

/// The error of an exception that nothing in the code caught.
pub(super) fn thrown<'js>(ctx: &Ctx<'js>, failed: rquickjs::Error, course: Course) -> ErrorValue {
    match failed {
        rquickjs::Error::Exception => {}
        rquickjs::Error::Allocation => return out_of_memory(course.limits),
        other => return invalid(format!("the result can't be read: {other}")),
    }
    let thrown = ctx.catch();
    match thrown.as_object().filter(|object| object.is_error()) {
        Some(object) => of_error(ctx, object, course),
        // The engine had no memory left to make an error of, and throws null.
        None if thrown.type_of().is_void() && !course.may_throw_null => out_of_memory(course.limits),
        None => of_value(ctx, &thrown),
    }
}

fn of_error<'js>(ctx: &Ctx<'js>, object: &Object<'js>, course: Course) -> ErrorValue {
    let name = property(ctx, object, "name").unwrap_or_else(|| "Error".to_owned());
    let message = property(ctx, object, "message").unwrap_or_default();
    if name == "InternalError" && message == "out of memory" {
        return out_of_memory(course.limits);
    }
    let beginning = if course.is_read { CALLED } else { READ };
    let place = property(ctx, object, "stack").and_then(|stack| place_in(&stack, beginning));
    let mut details = Map::new();
    details.insert("name", name.as_str());
    let at = match place {
        Some((line, column)) => {
            details.insert("line", line);
            details.insert("column", column);
            format!(" (line {line}, column {column})")
        }
        None => String::new(),
    };
    let code = if course.is_read { "code.failed" } else { "code.syntax" };
    let message = if message.is_empty() { name } else { format!("{name}: {message}") };
    error(code, format!("{message}{at}")).with_details(Value::Map(details))
}

/// Something that is no error was thrown.
fn of_value<'js>(ctx: &Ctx<'js>, thrown: &JsValue<'js>) -> ErrorValue {
    let text = match thrown.get::<Coerced<String>>() {
        Ok(text) => text.0,
        Err(_) => {
            ctx.catch();
            "something that is no error".to_owned()
        }
    };
    error("code.failed", cut(text))
}

fn property<'js>(ctx: &Ctx<'js>, object: &Object<'js>, name: &str) -> Option<String> {
    match object.get::<_, Option<Coerced<String>>>(name) {
        Ok(text) => text.map(|text| cut(text.0)),
        Err(_) => {
            ctx.catch();
            None
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE_BYTES));
        text.push('…');
    }
    text
}

/// The line and column of the first place in a stack that is in the code.
fn place_in(stack: &str, beginning: &str) -> Option<(u32, u32)> {
    let after = &stack[stack.find(beginning)? + beginning.len()..];
    let mut numbers = after.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let (line, column) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((line.checked_sub(LINES_BEFORE).filter(|line| *line > 0)?, column))
}

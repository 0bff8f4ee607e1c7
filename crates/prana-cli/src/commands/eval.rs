//! `prana eval`: expressions, tried out.

use std::io::{BufRead, IsTerminal, Read};

use prana::Value;
use prana::template::{Budget, Filters, FixedNames, Map, Template, TemplateError};

use crate::exit::{Exit, Failure, Outcome};
use crate::input::{self, Pair};
use crate::output::{self, FAINT, paint};

/// The longest line that is read, in bytes: the longest template, and some.
const MAX_LINE: u64 = 128 << 10;

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An expression, such as '$input.total * 1.2', or a template with {{ }} in it. Without it, each line of stdin is
    /// one.
    expression: Option<String>,
    /// $input: JSON, @FILE, or - for stdin.
    #[arg(long, short, default_value = "{}")]
    input: String,
    /// In $vars. JSON if it reads as JSON, else text.
    #[arg(long, value_name = "NAME=VALUE")]
    var: Vec<Pair>,
    /// In $env. JSON if it reads as JSON, else text.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Pair>,
}

/// The names that expressions may use here.
const NAMES: [&str; 6] = ["$input", "$trigger", "$vars", "$env", "$item", "$now"];

/// Evaluates.
pub fn run(args: &Args) -> Outcome {
    if args.expression.is_none() && args.input == "-" {
        return Err(Failure::new("stdin can't be both the input and the expressions")
            .help("give the expression on the command line, or the input with @FILE"));
    }
    let input = input::json_argument("--input", &args.input)?;
    let scope = scope(input, input::map(&args.var), input::map(&args.env));
    match &args.expression {
        Some(expression) => match evaluate(expression, &scope) {
            Ok(value) => {
                output::print(&output::pretty(&value));
                Ok(Exit::Done)
            }
            Err(problem) => Err(Failure::new(problem)),
        },
        None => lines(&scope),
    }
}

fn scope(input: Value, variables: Map, environment: Map) -> Vec<Value> {
    let now = Value::from(crate::session::now().to_string());
    let (variables, environment) = (Value::Map(variables), Value::Map(environment));
    vec![input.clone(), input, variables, environment, Value::Null, now]
}

/// The value of an expression or template, or what is wrong with it.
fn evaluate(text: &str, scope: &[Value]) -> Result<Value, String> {
    let is_template = ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
    let (source, offset) = match is_template {
        true => (text.to_owned(), 0),
        false => (format!("{{{{ {text} }}}}"), 3),
    };
    let names = FixedNames::new(NAMES);
    let template = Template::parse(&source, &names, Filters::standard()).map_err(|errors| {
        errors.iter().map(|error| pointed(text, error, offset)).collect::<Vec<_>>().join("\n")
    })?;
    template
        .evaluate(&scope.to_vec(), &mut Budget::default())
        .map_err(|error| format!("{}: {}", error.code, error.message))
}

/// An error with its place underlined, if the text is one short line.
fn pointed(text: &str, error: &TemplateError, offset: usize) -> String {
    let message = format!("{}: {error}", error.code);
    let start = error.span.start.saturating_sub(offset).min(text.len());
    let end = error.span.end.saturating_sub(offset).clamp(start, text.len());
    let short = text.len() <= 200 && !text.contains(|c: char| c.is_control());
    match (text.get(..start), text.get(start..end)) {
        (Some(before), Some(covered)) if short => {
            let marks = "^".repeat(covered.chars().count().max(1));
            format!("{message}\n  {text}\n  {}{marks}", " ".repeat(before.chars().count()))
        }
        _ => message,
    }
}

/// Each line of stdin is an expression.
fn lines(scope: &[Value]) -> Outcome {
    let stdin = std::io::stdin();
    let asks = stdin.is_terminal();
    if asks {
        let colors = output::colors_on_stderr();
        let names = NAMES.join(" ");
        output::say(&paint(colors, FAINT, &format!("an expression per line; {names}; Ctrl-D ends")));
    }
    let mut reader = stdin.lock();
    let mut exit = Exit::Done;
    loop {
        if asks {
            output::say_raw("> ");
        }
        let mut line = Vec::new();
        let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line);
        match read {
            Ok(0) => return Ok(exit),
            Ok(_) => {}
            Err(error) => return Err(Failure::new(format!("stdin can't be read: {error}"))),
        }
        let Ok(text) = std::str::from_utf8(&line) else {
            output::say("error: that is not UTF-8");
            exit = Exit::Refused;
            continue;
        };
        if text.trim().is_empty() {
            continue;
        }
        match evaluate(text.trim(), scope) {
            Ok(value) => output::print(&output::pretty(&value)),
            Err(problem) => {
                output::say(&format!("error: {problem}"));
                exit = if asks { Exit::Done } else { Exit::Refused };
            }
        }
    }
}

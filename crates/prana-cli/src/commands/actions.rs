//! `prana actions`: what nodes can do.

use prana::core::Registry;
use prana::core::action::{Descriptor, Effect, Ports};
use serde_json::{Value, json};

use super::Format;
use crate::builtin;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, BOLD, FAINT, paint};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An action to explain, such as http.request; without it all are listed.
    action: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "table", env = "PRANA_FORMAT")]
    format: Format,
}

/// Prints the list or the page.
pub fn run(args: &Args) -> Outcome {
    let registry = builtin::registry();
    let text = match (&args.action, args.format) {
        (None, Format::Table) => list(&registry),
        (None, Format::Json) => {
            let all: Vec<Value> = registry.actions().map(|action| as_json(&action.descriptor)).collect();
            pretty(&Value::from(all))
        }
        (Some(name), format) => {
            let action = find(&registry, name)?;
            match format {
                Format::Table => page(action, output::colors_on_stdout()),
                Format::Json => pretty(&as_json(action)),
            }
        }
    };
    output::print(&text);
    Ok(Exit::Done)
}

fn find<'r>(registry: &'r Registry, name: &str) -> Outcome<&'r Descriptor> {
    match registry.action(name) {
        Some(action) => Ok(&action.descriptor),
        None => {
            let failure = Failure::new(format!("there is no action `{name}`"));
            Err(match registry.nearest(name) {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("`prana actions` lists them"),
            })
        }
    }
}

fn list(registry: &Registry) -> String {
    let rows = registry.actions().map(|action| {
        let action = &action.descriptor;
        let first = action.description.split(". ").next().unwrap_or_default().trim_end_matches('.');
        vec![action.type_name.to_string(), ports(&action.ports), first.replace('\n', " ")]
    });
    output::table(&["action", "ports", "what it does"], rows)
}

fn ports(ports: &Ports) -> String {
    let inputs: Vec<&str> = ports.inputs.iter().map(|port| &*port.name).collect();
    let mut outputs: Vec<&str> = ports.outputs.iter().map(|port| &**port).collect();
    if ports.any_output {
        outputs.push("...");
    }
    format!("{} -> {}", inputs.join(", "), outputs.join(", ")).trim().to_owned()
}

fn as_json(action: &Descriptor) -> Value {
    json!({
        "type": &*action.type_name,
        "aliases": action.aliases.iter().map(|alias| alias.to_string()).collect::<Vec<_>>(),
        "title": action.title,
        "description": action.description,
        "kind": action.kind,
        "effect": action.effect,
        "inputs": action.ports.inputs,
        "outputs": action.ports.outputs.iter().map(|port| port.to_string()).collect::<Vec<_>>(),
        "any_output": action.ports.any_output,
        "default_port": action.default_port.as_ref().map(|port| port.to_string()),
        "params": action.params_schema(),
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn page(action: &Descriptor, colors: bool) -> String {
    let mut lines = vec![
        format!("{}  {}", paint(colors, BOLD, &action.type_name), action.title),
        String::new(),
        action.description.to_string(),
        String::new(),
        format!("ports:   {}", ports(&action.ports)),
        format!("effect:  {}", if action.effect == Effect::Pure { "pure" } else { "touches the world" }),
    ];
    if !action.aliases.is_empty() {
        let aliases: Vec<String> = action.aliases.iter().map(|alias| alias.to_string()).collect();
        lines.push(format!("aliases: {}", aliases.join(", ")));
    }
    let schema = action.params_schema();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    lines.push(String::new());
    match schema["properties"].as_object().filter(|properties| !properties.is_empty()) {
        None => lines.push("It takes no parameters, or any.".to_owned()),
        Some(properties) => {
            lines.push(paint(colors, BOLD, "params"));
            for (name, property) in properties {
                lines.extend(param(&schema, name, property, required.contains(&name.as_str()), colors));
            }
        }
    }
    lines.join("\n")
}

fn param(schema: &Value, name: &str, property: &Value, required: bool, colors: bool) -> Vec<String> {
    let mut notes = vec![kind(schema, property, 0)];
    if required {
        notes.push("required".to_owned());
    }
    match property.get("default") {
        None | Some(Value::Null) => {}
        Some(default) => notes.push(format!("default {default}")),
    }
    let mut lines =
        vec![format!("  {}  {}", paint(colors, BOLD, name), paint(colors, FAINT, &notes.join(", ")))];
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    lines.extend(description.lines().map(|line| format!("      {line}").trim_end().to_owned()));
    lines
}

/// The type of a parameter, in a few words. References nest, so there is an end to following them.
fn kind(schema: &Value, property: &Value, depth: usize) -> String {
    if depth > 4 {
        return "...".to_owned();
    }
    let words = |values: &Value| -> Vec<String> {
        values.as_array().into_iter().flatten().map(|value| kind(schema, value, depth + 1)).collect()
    };
    if let Some(constant) = property.get("const") {
        return constant.to_string();
    }
    if let Some(reference) = property.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| schema.pointer(pointer));
        return target.map_or("any".to_owned(), |target| kind(schema, target, depth + 1));
    }
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return values.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(options) = property.get(key) {
            let mut options = words(options);
            options.retain(|option| option != "null");
            options.dedup();
            return options.join(" | ");
        }
    }
    match property.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(many)) => {
            let named: Vec<&str> =
                many.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect();
            named.join(" | ")
        }
        _ => "any".to_owned(),
    }
}

//! Schedules: intervals and cron patterns.

use prana_core::schedule::Plan;
use prana_template::{Map, Value};

use super::{Converter, map};
use crate::elixir::Fate;
use crate::n8n::expr::Names;

/// `cron` or `every`, and what is different.
enum When {
    Cron(String),
    Every(String),
    Unknown(String),
}

/// The fields of the item that a schedule gives there.
const FIELDS: [(&str, &str); 8] = [
    ("timestamp", "%Y-%m-%dT%H:%M:%S%.3f%:z"),
    ("Day of week", "%A"),
    ("Year", "%Y"),
    ("Month", "%B"),
    ("Day of month", "%d"),
    ("Hour", "%H"),
    ("Minute", "%M"),
    ("Second", "%S"),
];

/// A workflow starts at so many times.
const MAX_TIMES: usize = 50;

impl Converter<'_, '_> {
    pub(super) fn schedule_trigger(&mut self) {
        let rules = self.source.list(&["rule", "interval"]);
        let whens = rules.iter().take(MAX_TIMES).map(rule).collect();
        self.scheduled(whens);
    }

    pub(super) fn cron(&mut self) {
        let times = self.source.list(&["triggerTimes", "item"]);
        let whens = times.iter().take(MAX_TIMES).map(cron_item).collect();
        self.scheduled(whens);
    }

    pub(super) fn interval(&mut self) {
        let count = self.source.params.get("interval").and_then(Value::as_i64).unwrap_or(1).max(1);
        let unit = match self.source.text("unit") {
            Some("minutes") => "m",
            Some("hours") => "h",
            _ => "s",
        };
        self.scheduled(vec![When::Every(format!("{count}{unit}"))]);
    }

    fn scheduled(&mut self, whens: Vec<When>) {
        let whens = if whens.is_empty() { vec![When::Cron("0 0 * * *".to_owned())] } else { whens };
        let zone = self.view().zone();
        if zone.is_none() && whens.iter().any(|when| matches!(when, When::Cron(_))) {
            self.changed("the times are UTC: the workflow names no time zone, and that of the n8n server is not in an export");
        }
        let key = self.key();
        let mut starts = Vec::new();
        for when in whens {
            let start = self.helper("time");
            let mut params = self.when(when);
            if let Some(zone) = &zone {
                params.insert("timezone", zone.as_str());
            }
            self.add(&start, "schedule.trigger", params);
            starts.push(start);
        }
        let zone = zone.map_or_else(String::new, |zone| format!(", {}", crate::n8n::expr::quoted(&zone)));
        let fields = FIELDS.map(|(name, format)| {
            (name, Value::from(format!("{{{{ $input.scheduled_for | date(\"{format}\"{zone}) }}}}")))
        });
        self.output(&key, map(fields));
        for start in &starts {
            self.link(start, None, &key, None);
        }
        self.changed("`Readable date`, `Readable time` and `Timezone` are not in its item");
        self.leave(&key);
    }

    fn when(&mut self, when: When) -> Map {
        match when {
            When::Cron(pattern) => map([("cron", pattern.into())]),
            When::Every(length) => map([("every", length.into())]),
            When::Unknown(text) => {
                self.find(
                    Fate::NotPossible,
                    format!("{text}: set `cron` or `every` by hand; until then it is once a year"),
                );
                map([("cron", "0 0 1 1 *".into())])
            }
        }
    }
}

fn whole(value: &Value, key: &str, default: i64) -> Option<i64> {
    match value.get(key) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()),
    }
}

/// A step that divides a whole, as a field of a pattern.
fn step(count: i64, whole: i64) -> Option<String> {
    match count {
        1 => Some("*".to_owned()),
        count if count > 1 && count < whole && whole % count == 0 => Some(format!("*/{count}")),
        _ => None,
    }
}

fn rule(rule: &Value) -> When {
    let field = rule.get("field").and_then(Value::as_str).unwrap_or("days");
    if field == "cronExpression" {
        return pattern(rule.get("expression").and_then(Value::as_str));
    }
    let minute = whole(rule, "triggerAtMinute", 0).filter(|minute| (0..60).contains(minute));
    let hour = whole(rule, "triggerAtHour", 0).filter(|hour| (0..24).contains(hour));
    let count = whole(rule, &format!("{field}Interval"), if matches!(field, "seconds") { 30 } else { 1 });
    let count = if field == "minutes" { whole(rule, "minutesInterval", 5) } else { count };
    let (Some(minute), Some(hour), Some(count)) =
        (minute, hour, count.filter(|count| (1..100_000).contains(count)))
    else {
        return When::Unknown("its rule has an expression or a number that makes no sense".to_owned());
    };
    let every = |unit: &str| When::Every(format!("{count}{unit}"));
    match field {
        "seconds" => {
            step(count, 60).map_or_else(|| every("s"), |step| When::Cron(format!("{step} * * * * *")))
        }
        "minutes" => step(count, 60).map_or_else(|| every("m"), |step| When::Cron(format!("{step} * * * *"))),
        "hours" => {
            step(count, 24).map_or_else(|| every("h"), |step| When::Cron(format!("{minute} {step} * * *")))
        }
        "days" if count == 1 => When::Cron(format!("{minute} {hour} * * *")),
        "days" => every("d"),
        "weeks" if count == 1 => When::Cron(format!("{minute} {hour} * * {}", weekdays(rule))),
        "weeks" => When::Unknown(format!("every {count} weeks has no counterpart")),
        "months" => match (
            step(count, 12),
            whole(rule, "triggerAtDayOfMonth", 1).filter(|day| (1..=31).contains(day)),
        ) {
            (Some(step), Some(day)) => When::Cron(format!("{minute} {hour} {day} {step} *")),
            _ => When::Unknown(format!("every {count} months has no counterpart")),
        },
        other => When::Unknown(format!("the interval `{}` is not known", other.escape_debug())),
    }
}

fn weekdays(rule: &Value) -> String {
    let days: Vec<String> = match rule.get("triggerAtDay") {
        Some(Value::List(days)) => days
            .iter()
            .filter_map(Value::as_i64)
            .filter(|day| (0..7).contains(day))
            .map(|day| day.to_string())
            .collect(),
        _ => Vec::new(),
    };
    if days.is_empty() { "0".to_owned() } else { days.join(",") }
}

fn pattern(expression: Option<&str>) -> When {
    let expression = expression.unwrap_or_default().trim().trim_start_matches('=');
    let params = prana_template::from_value(&map([("cron", expression.into())]).into());
    match params
        .map_err(|error| error.to_string())
        .and_then(|params| Plan::new(&params).map_err(|error| error.to_string()))
    {
        Ok(_) => When::Cron(expression.to_owned()),
        Err(error) => {
            When::Unknown(format!("the pattern `{}` is not understood ({error})", expression.escape_debug()))
        }
    }
}

fn cron_item(item: &Value) -> When {
    let of = |key: &str, default: i64| whole(item, key, default).unwrap_or(default);
    let (minute, hour) = (of("minute", 0), of("hour", 14));
    match item.get("mode").and_then(Value::as_str).unwrap_or("everyDay") {
        "everyMinute" => When::Cron("* * * * *".to_owned()),
        "everyHour" => When::Cron(format!("{minute} * * * *")),
        "everyDay" => When::Cron(format!("{minute} {hour} * * *")),
        "everyWeek" => {
            let day = item.get("weekday").map_or_else(|| "1".to_owned(), |day| day.to_text().to_string());
            pattern(Some(&format!("{minute} {hour} * * {day}")))
        }
        "everyMonth" => When::Cron(format!("{minute} {hour} {} * *", of("dayOfMonth", 1))),
        "everyX" => {
            let unit = if item.get("unit").and_then(Value::as_str) == Some("minutes") { "m" } else { "h" };
            When::Every(format!("{}{unit}", of("value", 2).max(1)))
        }
        "custom" => pattern(item.get("cronExpression").and_then(Value::as_str)),
        other => When::Unknown(format!("the mode `{}` is not known", other.escape_debug())),
    }
}

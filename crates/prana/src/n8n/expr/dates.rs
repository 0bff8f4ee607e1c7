//! Times: what people do with Luxon and with `Date`.

use super::{Entry, Js, Kind, Out, Shape, Translator, level, luxon, quoted};

impl Translator<'_> {
    pub(super) fn now(&self) -> Out {
        self.in_zone(Out::atom("$now", Shape::Any))
    }

    pub(super) fn today(&self) -> Out {
        let zone = self.names.zone();
        let args =
            zone.as_ref().map_or_else(|| "\"day\"".to_owned(), |zone| format!("\"day\", {}", quoted(zone)));
        Out::atom("$now", Shape::Any).pipe(format!("start_of({args})"), Shape::Date(zone))
    }

    /// A time in the zone of the workflow.
    fn in_zone(&self, time: Out) -> Out {
        match self.names.zone() {
            Some(zone) => time.pipe(format!("in_timezone({})", quoted(&zone)), Shape::Date(Some(zone))),
            None => time.shaped(Shape::Date(None)),
        }
    }

    pub(super) fn date_class(&mut self, name: &str, args: &[Js]) -> Result<Out, String> {
        match (name, args) {
            ("now" | "local", []) => Ok(self.now()),
            ("utc", []) => Ok(Out::atom("$now", Shape::Date(None))),
            ("fromISO" | "fromJSDate" | "fromSQL", [value]) => {
                let value = self.value(value)?;
                Ok(self.in_zone(value.pipe("parse_date", Shape::Any)))
            }
            ("fromSeconds", [value]) => {
                let value = self.value(value)?;
                Ok(value.pipe("in_timezone(\"UTC\")", Shape::Date(None)))
            }
            ("fromMillis", [value]) => {
                let value = self.value(value)?;
                let seconds =
                    Out::new(format!("{} / 1000", value.at(level::MULTIPLY)), level::MULTIPLY, Shape::Number);
                Ok(seconds.pipe("in_timezone(\"UTC\")", Shape::Date(None)))
            }
            ("fromFormat", [value, Js { kind: Kind::Text(format), .. }]) => {
                let value = self.value(value)?;
                let format = luxon::strftime(format)?;
                Ok(value.pipe(format!("parse_date({})", quoted(&format)), Shape::Date(None)))
            }
            _ => Err(format!("`DateTime.{name}()` is not translated")),
        }
    }

    /// Milliseconds since 1970.
    pub(super) fn milliseconds(&self, time: &Out) -> Out {
        time.pipe("diff(\"1970-01-01T00:00:00Z\", \"milliseconds\") | floor", Shape::Number)
    }

    fn formatted(&self, time: &Out, format: &str, zone: Option<&str>) -> Out {
        let zone = zone.map_or_else(String::new, |zone| format!(", {}", quoted(zone)));
        time.pipe(format!("date({}{zone})", quoted(format)), Shape::Text)
    }

    fn iso(&self, time: &Out, zone: Option<&str>) -> Out {
        let offset = if zone.is_some() { "%:z" } else { "Z" };
        self.formatted(time, &format!("%Y-%m-%dT%H:%M:%S%.3f{offset}"), zone)
    }

    pub(super) fn date_member(&mut self, time: &Out, zone: Option<&str>, name: &str) -> Result<Out, String> {
        let format = match name {
            "year" => "%Y",
            "month" => "%-m",
            "day" => "%-d",
            "hour" => "%-H",
            "minute" => "%-M",
            "second" => "%-S",
            "weekday" => "%u",
            "weekNumber" => "%-V",
            "ordinal" => "%-j",
            "quarter" => {
                let month = self.formatted(time, "%-m", zone).pipe("to_int", Shape::Number);
                let thirds = format!("({} + 2) / 3 | floor", month.at(level::ADD));
                return Ok(Out::new(thirds, level::PIPE, Shape::Number));
            }
            "monthLong" => return Ok(self.formatted(time, "%B", zone)),
            "monthShort" => return Ok(self.formatted(time, "%b", zone)),
            "weekdayLong" => return Ok(self.formatted(time, "%A", zone)),
            "weekdayShort" => return Ok(self.formatted(time, "%a", zone)),
            other => return Err(format!("`{other}` of a time is not translated")),
        };
        Ok(self.formatted(time, format, zone).pipe("to_int", Shape::Number))
    }

    pub(super) fn date_call(
        &mut self,
        time: &Out,
        zone: Option<&str>,
        name: &str,
        args: &[Js],
    ) -> Result<Out, String> {
        let same = || Shape::Date(zone.map(str::to_owned));
        match (name, args) {
            ("toISO" | "toString" | "toJSON", []) => Ok(self.iso(time, zone)),
            ("toISOString", []) => Ok(self.iso(time, None)),
            ("toISODate", []) => Ok(self.formatted(time, "%Y-%m-%d", zone)),
            ("toISOTime", []) => Ok(self.formatted(
                time,
                if zone.is_some() { "%H:%M:%S%.3f%:z" } else { "%H:%M:%S%.3fZ" },
                zone,
            )),
            ("toFormat" | "format", [Js { kind: Kind::Text(format), .. }]) => {
                Ok(self.formatted(time, &luxon::strftime(format)?, zone))
            }
            ("toMillis" | "valueOf" | "getTime", []) => Ok(self.milliseconds(time)),
            ("toSeconds" | "toUnixInteger", []) => Ok(time.pipe("timestamp", Shape::Number)),
            ("plus" | "minus", [Js { kind: Kind::Object(entries), .. }]) => {
                self.shifted(time, name, entries, same())
            }
            ("plus" | "minus", [amount, Js { kind: Kind::Text(unit), .. }]) => {
                let entries = [Entry::Field(unit.clone(), amount.clone())];
                self.shifted(time, name, &entries, same())
            }
            ("startOf" | "endOf" | "beginningOf" | "endOfMonth", _) => self.edge(time, zone, name, args),
            ("setZone", [Js { kind: Kind::Text(zone), .. }]) => {
                let shape = Shape::Date((!zone.eq_ignore_ascii_case("utc")).then(|| zone.clone()));
                Ok(time.pipe(format!("in_timezone({})", quoted(zone)), shape))
            }
            ("toUTC", []) => Ok(time.pipe("in_timezone(\"UTC\")", Shape::Date(None))),
            ("toLocal" | "toDateTime" | "toJSDate" | "setLocale", _) => Ok(time.clone().shaped(same())),
            ("diff", [other, Js { kind: Kind::Text(unit), .. }]) => self.diff(time, other, unit),
            ("diff", [other]) => self.diff(time, other, "milliseconds"),
            ("getFullYear", []) => Ok(self.formatted(time, "%Y", None).pipe("to_int", Shape::Number)),
            ("getDate", []) => Ok(self.formatted(time, "%-d", None).pipe("to_int", Shape::Number)),
            ("getHours", []) => Ok(self.formatted(time, "%-H", None).pipe("to_int", Shape::Number)),
            _ => Err(format!("`{name}()` of a time is not translated")),
        }
    }

    fn edge(&mut self, time: &Out, zone: Option<&str>, name: &str, args: &[Js]) -> Result<Out, String> {
        let unit = match (name, args) {
            ("endOfMonth", []) => "month",
            (_, [Js { kind: Kind::Text(unit), .. }]) => luxon::unit(unit)?,
            _ => return Err(format!("`{name}()` of a time is only translated with the name of a unit")),
        };
        let filter = if name.starts_with("end") { "end_of" } else { "start_of" };
        let zone_arg = zone.map_or_else(String::new, |zone| format!(", {}", quoted(zone)));
        Ok(time.pipe(format!("{filter}(\"{unit}\"{zone_arg})"), Shape::Date(zone.map(str::to_owned))))
    }

    fn diff(&mut self, time: &Out, other: &Js, unit: &str) -> Result<Out, String> {
        let name = luxon::unit(unit)?;
        if matches!(name, "month" | "quarter" | "year") {
            return Err(format!("a difference in {unit} counts whole ones here, and parts in n8n"));
        }
        let other = self.value(other)?;
        let plural = format!("{name}s");
        Ok(time.pipe(format!("diff({}, \"{plural}\")", other.text), Shape::Difference(plural)))
    }

    fn shifted(&mut self, time: &Out, name: &str, entries: &[Entry], shape: Shape) -> Result<Out, String> {
        let mut shifted = time.clone();
        let sign = if name == "minus" { "-" } else { "" };
        for entry in entries {
            let Entry::Field(unit, amount) = entry else {
                return Err("`...` is not translated there".to_owned());
            };
            let unit = luxon::unit(unit)?;
            let (unit, factor) = if unit == "quarter" { ("month", 3) } else { (unit, 1) };
            shifted = match whole(amount) {
                Some(amount) => {
                    let amount = amount * factor * if name == "minus" { -1 } else { 1 };
                    let plural = if amount.abs() == 1 { "" } else { "s" };
                    shifted.pipe(format!("add_duration(\"{amount} {unit}{plural}\")"), shape.clone())
                }
                None if factor == 1 && sign.is_empty() => {
                    let amount = self.value(amount)?;
                    let text = amount.at(level::MULTIPLY);
                    shifted.pipe(format!("add_duration(\"\" + {text} + \" {unit}s\")"), shape.clone())
                }
                None => {
                    let amount = self.value(amount)?;
                    let text = format!(
                        "{} * {}",
                        amount.at(level::MULTIPLY),
                        if sign.is_empty() { factor } else { -factor }
                    );
                    shifted.pipe(format!("add_duration(\"\" + {text} + \" {unit}s\")"), shape.clone())
                }
            };
        }
        Ok(shifted.shaped(shape))
    }
}

/// A whole number that is written there.
fn whole(js: &Js) -> Option<i64> {
    match &js.kind {
        Kind::Number(text) => text.parse().ok().filter(|number: &i64| number.abs() < 1_000_000),
        Kind::Unary("-", inner) => whole(inner).map(|number| -number),
        _ => None,
    }
}

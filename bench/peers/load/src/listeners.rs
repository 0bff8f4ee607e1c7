//! Listeners of Prana's event stream, and how late each event comes to them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::arguments::{Arguments, address};
use crate::response::Connection;
use crate::times::Times;

/// After so long without an event the streams are at their end.
const SILENCE: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Heard {
    /// How many listeners heard each event, by its id.
    events: BTreeMap<String, usize>,
    /// From the time that an event says until a listener has it.
    delays: Times,
    /// From the first listener that has an event until each has it.
    spread: Times,
    first: BTreeMap<String, Instant>,
    open: usize,
    failed: usize,
    newest: Option<Instant>,
}

/// Listens: `listeners` (1000), `starts` (executions that are started then, one after the other), `path` and `body` of what starts one,
/// `per_second`, `events` (that an execution tells).
pub async fn listen(server: &str, arguments: &Arguments<'_>) {
    let server = address(server);
    let listeners = arguments.number("listeners", 1000.0) as usize;
    let starts = arguments.number("starts", 20.0) as usize;
    let pause = Duration::from_secs_f64(1.0 / arguments.number("per_second", 5.0));
    let path = arguments.text("path").unwrap_or("/").to_owned();
    let expected = starts * arguments.number("events", 1.0) as usize;
    let heard = Rc::new(RefCell::new(Heard::default()));
    let all = LocalSet::new();
    for _ in 0..listeners {
        let heard = Rc::clone(&heard);
        all.spawn_local(async move {
            if follow(server, &heard).await.is_err() {
                heard.borrow_mut().failed += 1;
            }
        });
    }
    let counting = Rc::clone(&heard);
    all.run_until(async move {
        let begin = Instant::now();
        while counting.borrow().open < listeners && begin.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut refused = 0;
        for _ in 0..starts {
            let next = tokio::time::Instant::now() + pause;
            refused += usize::from(start(server, &path).await.is_err());
            tokio::time::sleep_until(next).await;
        }
        quiet(&counting, expected * listeners).await;
        tell(&counting, listeners, expected, refused);
    })
    .await;
}

/// Waits until everything was heard, or nothing more comes.
async fn quiet(heard: &RefCell<Heard>, expected: usize) {
    let begin = Instant::now();
    loop {
        let newest = heard.borrow().newest.unwrap_or(begin);
        if heard.borrow().delays.len() >= expected || newest.max(begin).elapsed() > SILENCE {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn tell(heard: &RefCell<Heard>, listeners: usize, expected: usize, refused: usize) {
    let heard = heard.take();
    let complete = heard.events.values().filter(|count| **count == listeners).count();
    println!(
        r#"{{"listeners": {}, "failed": {}, "refused": {refused}, "expected": {expected}, "events": {}, "to_all": {complete}, "heard": {}, "delay": {{{}}}, "spread": {{{}}}}}"#,
        heard.open,
        heard.failed,
        heard.events.len(),
        heard.delays.len(),
        heard.delays.fields(),
        heard.spread.fields(),
    );
}

async fn start(server: std::net::SocketAddr, path: &str) -> std::io::Result<()> {
    let mut connection = Connection::new(TcpStream::connect(server).await?);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    connection.stream.write_all(request.as_bytes()).await?;
    let response = connection.response().await?;
    if response.status == 200 { Ok(()) } else { Err(std::io::ErrorKind::Other.into()) }
}

async fn follow(server: std::net::SocketAddr, heard: &RefCell<Heard>) -> std::io::Result<()> {
    let mut connection = Connection::new(TcpStream::connect(server).await?);
    let request =
        format!("GET /api/v1/events HTTP/1.1\r\nHost: {server}\r\nAccept: text/event-stream\r\n\r\n");
    connection.stream.write_all(request.as_bytes()).await?;
    if connection.head().await?.status != 200 {
        return Err(std::io::ErrorKind::Other.into());
    }
    heard.borrow_mut().open += 1;
    let mut text = Vec::new();
    loop {
        let chunk = connection.chunk().await?;
        if chunk.is_empty() {
            return Ok(());
        }
        text.extend(chunk);
        while let Some(end) = text.windows(2).position(|pair| pair == b"\n\n") {
            let rest = text.split_off(end + 2);
            let message = std::mem::replace(&mut text, rest);
            hear(&String::from_utf8_lossy(&message), heard);
        }
    }
}

fn hear(message: &str, heard: &RefCell<Heard>) {
    let field = |name: &str| {
        message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim_start))
    };
    let (Some(id), Some(data)) = (field("id"), field("data")) else { return };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
    let mut heard = heard.borrow_mut();
    let Heard { events, delays, spread, first, newest, .. } = &mut *heard;
    *newest = Some(Instant::now());
    *events.entry(id.to_owned()).or_default() += 1;
    spread.add(first.entry(id.to_owned()).or_insert_with(Instant::now).elapsed().as_micros() as u64);
    if let Some(at) = told_at(data) {
        delays.add(now.saturating_sub(at));
    }
}

/// The time that an event says, in microseconds since 1970.
fn told_at(data: &str) -> Option<u64> {
    let rest = data.split_once(r#""at":""#)?.1;
    micros(rest.split_once('"')?.0)
}

/// `2026-11-22T08:31:22.123456Z` in microseconds since 1970.
fn micros(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let fraction: String =
        text.get(19..)?.trim_start_matches('.').trim_end_matches('Z').chars().take(6).collect();
    let fraction = if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").parse::<u64>().ok()? };
    Some((days(year, month, day) * 86_400 + seconds) * 1_000_000 + fraction)
}

/// Days since 1970 in the Gregorian calendar, counted in years that begin in March.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + in_year - 719_468
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000_000),
            ("2026-11-22T08:31:22.123456Z", 1_795_336_282_123_456),
        ] {
            assert_eq!(super::micros(text), Some(expected), "{text}");
        }
    }
}

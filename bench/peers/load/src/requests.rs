//! Requests over connections that stay open: the next one when the one before is answered.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::arguments::{Arguments, address};
use crate::fail;
use crate::response::Connection;
use crate::times::Times;

/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(60);

struct Plan {
    address: SocketAddr,
    /// `{n}` stands for the number of the request, here and in the others.
    path: String,
    body: Option<String>,
    /// What the body of each answer must hold, blanks aside.
    expect: String,
    warm_until: Instant,
    end: Instant,
    most: usize,
}

#[derive(Default)]
struct Counts {
    sent: usize,
    /// Answered right in the time that counts.
    answered: usize,
    failed: usize,
    wrong: usize,
    first_problem: Option<String>,
    times: Times,
}

/// Sends requests: `path`, `expect`, `body` (a file; then it is a POST), `connections` (50), `seconds` (3), `warm` (0.5: seconds that
/// don't count), `most` (requests at most, the warm ones aside).
pub async fn send(server: &str, arguments: &Arguments<'_>) {
    let warm = Duration::from_secs_f64(arguments.number("warm", 0.5));
    let seconds = arguments.number("seconds", 3.0);
    let begin = Instant::now();
    let plan = Rc::new(Plan {
        address: address(server),
        path: arguments.text("path").unwrap_or("/").to_owned(),
        body: arguments.text("body").map(|file| read(file)),
        expect: squeezed(arguments.text("expect").unwrap_or_default().as_bytes()),
        warm_until: begin + warm,
        end: begin + warm + Duration::from_secs_f64(seconds),
        most: arguments.number("most", f64::MAX) as usize,
    });
    let counts = Rc::new(RefCell::new(Counts::default()));
    let all = LocalSet::new();
    for _ in 0..arguments.number("connections", 50.0) as usize {
        all.spawn_local(connection(Rc::clone(&plan), Rc::clone(&counts)));
    }
    all.await;
    let whole = plan.warm_until.elapsed().as_secs_f64();
    tell(counts.take(), seconds.min(whole), whole);
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| fail(&format!("{file}: {error}")))
}

/// What came of it: `requests` were answered in `seconds`, `timed` began in them and were answered by the end of `whole`.
fn tell(counts: Counts, seconds: f64, whole: f64) {
    let Counts { answered, failed, wrong, first_problem, times, .. } = counts;
    let problem = first_problem.map_or("null".to_owned(), |problem| format!("{problem:?}"));
    let rate = answered as f64 / seconds;
    println!(
        r#"{{"requests": {answered}, "timed": {}, "seconds": {seconds:.3}, "whole": {whole:.3}, "per_second": {rate:.1}, "failed": {failed}, "wrong": {wrong}, "problem": {problem}, {}}}"#,
        times.len(),
        times.fields(),
    );
}

async fn connection(plan: Rc<Plan>, counts: Rc<RefCell<Counts>>) {
    let mut open = None;
    while Instant::now() < plan.end && counts.borrow().times.len() < plan.most {
        let number = counts.borrow().sent;
        counts.borrow_mut().sent += 1;
        let begin = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, ask(&plan, number, open.take())).await;
        let end = Instant::now();
        let mut counts = counts.borrow_mut();
        let problem = match answer {
            Ok(Ok((connection, None))) => {
                open = connection;
                if begin >= plan.warm_until {
                    counts.times.add((end - begin).as_micros() as u64);
                }
                // What began in the warm time and ended after it counts for what ends after the time.
                counts.answered += usize::from(end >= plan.warm_until && end <= plan.end);
                continue;
            }
            Ok(Ok((connection, Some(problem)))) => {
                open = connection;
                counts.wrong += 1;
                problem
            }
            Ok(Err(error)) => {
                counts.failed += 1;
                error.to_string()
            }
            Err(_) => {
                counts.failed += 1;
                format!("no answer in {PATIENCE:?}")
            }
        };
        counts.first_problem.get_or_insert(problem);
    }
}

type Asked = (Option<Connection>, Option<String>);

/// Sends a request; gives the connection, if it can be used again, and what is wrong with the answer.
async fn ask(plan: &Plan, number: usize, open: Option<Connection>) -> std::io::Result<Asked> {
    let mut connection = match open {
        Some(connection) => connection,
        None => {
            let stream = TcpStream::connect(plan.address).await?;
            stream.set_nodelay(true)?;
            Connection::new(stream)
        }
    };
    connection.stream.write_all(request(plan, number).as_bytes()).await?;
    let response = connection.response().await?;
    let expected = plan.expect.replace("{n}", &number.to_string());
    let body = squeezed(&response.body);
    let problem = (response.status != 200 || !body.contains(&expected)).then(|| {
        let start: String = body.chars().take(200).collect();
        format!("status {}, expected {expected}: {start}", response.status)
    });
    Ok((response.stays_open.then_some(connection), problem))
}

fn request(plan: &Plan, number: usize) -> String {
    let path = plan.path.replace("{n}", &number.to_string());
    let host = plan.address;
    match &plan.body {
        None => format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        Some(body) => {
            let length = body.len();
            format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        }
    }
}

fn squeezed(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_whitespace().collect()
}

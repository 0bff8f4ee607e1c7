//! The ledger: a process of its own that writes down every effect, and is never killed. And the line to it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value as Json, json};
use tokio::sync::oneshot;

use crate::exit::{Exit, Failure, Outcome};
use crate::output;

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file it writes.
    #[arg(long)]
    file: PathBuf,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is written, and what is still to be done with executions that were acknowledged.
struct Book {
    file: File,
    receipts: u64,
    todo: BTreeMap<String, Json>,
    lines: usize,
}

/// The book, and a bell for when a line to it closes.
type Shared = Arc<(Mutex<Book>, Condvar)>;

/// Writes down what comes in, until the process that started it is gone.
pub fn run(args: &Args) -> Outcome {
    let broken = |error: std::io::Error| Failure::new(format!("the ledger: {error}"));
    let file = File::options().create(true).append(true).open(&args.file).map_err(broken)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(broken)?;
    output::print(&listener.local_addr().map_err(broken)?.to_string());
    let book = Book { file, receipts: 0, todo: BTreeMap::new(), lines: 0 };
    let shared: Shared = Arc::new((Mutex::new(book), Condvar::new()));
    thread::spawn(move || accept(&listener, &shared));
    let mut nothing = Vec::new();
    // The other end of stdin closes with the process that started this one.
    let _ = std::io::stdin().read_to_end(&mut nothing);
    Ok(Exit::Done)
}

fn accept(listener: &TcpListener, shared: &Shared) {
    for stream in listener.incoming().flatten() {
        locked(&shared.0).lines += 1;
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            if let Err(error) = listen(stream, &shared) {
                output::say(&format!("the ledger: {error}"));
            }
            locked(&shared.0).lines -= 1;
            shared.1.notify_all();
        });
    }
}

/// Takes what came, writes it, flushes once, and only then answers.
fn listen(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answers = stream.try_clone()?;
    let mut incoming = BufReader::with_capacity(1 << 16, stream);
    let mut line = String::new();
    loop {
        let mut batch = Vec::new();
        loop {
            line.clear();
            match incoming.read_line(&mut line) {
                // Killed in the middle of a line: then nobody waits for its answer.
                Ok(0) | Err(_) => break,
                Ok(_) => batch.extend(serde_json::from_str::<Json>(&line)),
            }
            if !incoming.buffer().contains(&b'\n') {
                break;
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        let replies = write_down(batch, shared)?;
        // Who was killed takes no answers.
        let _ = answers.write_all(replies.as_bytes());
    }
}

fn write_down(batch: Vec<Json>, shared: &Shared) -> std::io::Result<String> {
    let mut book = locked(&shared.0);
    let mut text = String::new();
    let mut replies = String::new();
    for mut message in batch {
        if message["kind"] == "settle" {
            // Everything that the killed worker sent is written once its line is closed; this one stays open.
            let alive = usize::try_from(message["alive"].as_u64().unwrap_or(0)).unwrap_or(0);
            while book.lines > 1 + alive {
                book = shared.1.wait(book).unwrap_or_else(PoisonError::into_inner);
            }
        }
        book.receipts += 1;
        let mut reply = json!({"id": message["id"], "receipt": book.receipts});
        match message["kind"].as_str() {
            Some("todo") => reply["todo"] = book.todo.values().cloned().collect(),
            Some("settle") => {}
            _ => {
                note_todo(&mut book, &message);
                message["receipt"] = json!(book.receipts);
                text.push_str(&format!("{message}\n"));
            }
        }
        if !message["id"].is_null() {
            replies.push_str(&format!("{reply}\n"));
        }
    }
    if !text.is_empty() {
        book.file.write_all(text.as_bytes())?;
        book.file.sync_data()?;
    }
    Ok(replies)
}

/// Who was acknowledged and waits for an answer or a cancellation.
fn note_todo(book: &mut Book, message: &Json) {
    let execution = message["execution"].as_str().unwrap_or_default().to_owned();
    match message["kind"].as_str() {
        Some("started") if message["answer"] == true || message["cancel"] == true => {
            book.todo.insert(execution, message.clone());
        }
        Some("answered" | "cancelled" | "used") => drop(book.todo.remove(&execution)),
        _ => {}
    }
}

/// A line to the ledger.
pub struct Line {
    stream: Mutex<TcpStream>,
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Json>>>>,
    next: AtomicU64,
    generation: u64,
}

impl Line {
    /// Opens it, and waits until the ledger knows of it.
    ///
    /// # Errors
    /// If the ledger isn't there.
    pub async fn open(address: SocketAddr, generation: u64) -> Outcome<Arc<Line>> {
        let broken = |error: std::io::Error| Failure::new(format!("the ledger can't be reached: {error}"));
        let stream = TcpStream::connect(address).map_err(broken)?;
        stream.set_nodelay(true).map_err(broken)?;
        let incoming = BufReader::new(stream.try_clone().map_err(broken)?);
        let waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<Json>>>> = Arc::default();
        let hand_out = Arc::clone(&waiting);
        thread::spawn(move || {
            for line in incoming.lines().map_while(Result::ok) {
                let Ok(reply) = serde_json::from_str::<Json>(&line) else { continue };
                let sender = reply["id"].as_u64().and_then(|id| locked(&hand_out).remove(&id));
                // Who asked may have been cancelled meanwhile.
                let _ = sender.map(|sender| sender.send(reply));
            }
        });
        let line = Line { stream: Mutex::new(stream), waiting, next: AtomicU64::new(1), generation };
        line.call(json!({"kind": "hello"})).await?;
        Ok(Arc::new(line))
    }

    fn send(&self, mut message: Json) -> Outcome<()> {
        message["generation"] = json!(self.generation);
        let text = format!("{message}\n");
        let sent = locked(&self.stream).write_all(text.as_bytes());
        sent.map_err(|error| Failure::new(format!("the ledger can't be reached: {error}")))
    }

    /// Has something written down, and waits until it is.
    ///
    /// # Errors
    /// If the ledger is gone.
    pub async fn call(&self, mut message: Json) -> Outcome<Json> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        locked(&self.waiting).insert(id, sender);
        message["id"] = json!(id);
        self.send(message)?;
        answer.await.map_err(|_| Failure::new("the ledger is gone"))
    }

    /// Has something written down, some time.
    pub fn tell(&self, message: Json) {
        // If the ledger is gone, the next call says so.
        let _ = self.send(message);
    }
}

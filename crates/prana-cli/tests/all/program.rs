//! Running the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// How a run went.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The same, if it ended with this code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in stderr of {self:#?}");
        self
    }

    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in stdout of {self:#?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// The program, in the root of the repository, with none of its variables set.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prana"));
    command.args(args).current_dir(root());
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("PRANA_") || name.starts_with("OTEL_"))
    {
        command.env_remove(name);
    }
    command
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs it to its end.
#[track_caller]
pub fn prana(args: &[&str]) -> Ran {
    prana_with(command(args), b"")
}

/// Runs it to its end, with this on stdin.
#[track_caller]
pub fn prana_with(mut command: Command, stdin: &[u8]) -> Ran {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // A program that reads none of it closes the pipe.
    std::thread::spawn(move || pipe.write_all(&stdin));
    finish(child)
}

/// Waits for the end of a run, and not for ever.
#[track_caller]
pub fn finish(mut child: Child) -> Ran {
    let (stdout, stderr) = (gather(child.stdout.take()), gather(child.stderr.take()));
    let stdout = stdout.recv_timeout(LIMIT);
    if stdout.is_err() {
        child.kill().unwrap();
        panic!("it hangs");
    }
    let stderr = stderr.recv_timeout(LIMIT).unwrap();
    let status = child.wait().unwrap();
    Ran { code: status.code(), stdout: stdout.unwrap(), stderr }
}

fn gather(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        sender.send(String::from_utf8_lossy(&bytes).into_owned())
    });
    receiver
}

/// A run in progress, whose stderr is read line by line.
pub struct Watched {
    pub child: Child,
    lines: mpsc::Receiver<String>,
    pub seen: Vec<String>,
}

impl Watched {
    pub fn start(args: &[&str]) -> Self {
        Watched::of(command(args))
    }

    pub fn of(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        Watched { child, lines, seen: Vec::new() }
    }

    /// Waits for a line with this in it.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) => self.seen.push(line),
                Err(_) => panic!("no {text:?} in {:#?}", self.seen),
            }
            if self.seen.last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
    }

    /// What it says until it ends.
    #[track_caller]
    pub fn finish(mut self) -> Ran {
        let mut ran = finish(self.child);
        self.seen.extend(self.lines.try_iter());
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            self.seen.push(line);
        }
        ran.stderr = self.seen.join("\n");
        ran
    }
}

/// A directory for one test, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("prana-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// A file in it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed stays in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A workflow that waits for an answer of a person.
pub const ASKS: &str = "
id: asks
nodes:
  - {key: start, type: manual.trigger}
  - {key: approve, type: wait.wait, params: {mode: webhook}}
  - {key: end, type: data.set_data, params: {fields: {by: '{{ $input.by }}', for: '{{ $trigger.what }}'}}}
connections: [start -> approve -> end]
";

/// A workflow that waits for an hour.
pub const SLEEPS: &str = "
id: sleeps
nodes:
  - {key: start, type: manual.trigger}
  - {key: nap, type: wait.wait, params: {mode: interval, duration: 1, unit: hours}}
connections: [start -> nap]
";

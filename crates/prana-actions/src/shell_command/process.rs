//! A process with all that it starts, from its beginning to its end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use prana_template::Value;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::ShellCommandParams;

/// Each of stdout and stderr may be this long, in bytes.
pub(super) const MAX_STREAM_BYTES: usize = 4 << 20;

/// What a process sees of the server's environment.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// A process that ended.
pub(super) struct Finished {
    /// None if a signal ended it.
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Why a process has no end of its own.
pub(super) enum Failure {
    NotStarted(io::Error),
    /// It wrote too much there.
    TooLarge(&'static str),
    Broken(io::Error),
}

/// A process group, which ends when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn end(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs it to its end. Dropping the future ends it, and what it has started.
pub(super) async fn run(params: &ShellCommandParams) -> Result<Finished, Failure> {
    let mut child = command(params).spawn().map_err(Failure::NotStarted)?;
    let mut group = Group::of(&child);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let ended = async {
        let status = child.wait().await.map_err(Failure::Broken);
        // What it leaves behind would keep its streams open.
        group.end();
        status
    };
    let (status, stdout, stderr, ()) =
        tokio::try_join!(ended, read(stdout, "stdout"), read(stderr, "stderr"), write(stdin, &params.stdin))?;
    Ok(finished(status, stdout, stderr))
}

fn finished(status: ExitStatus, stdout: Vec<u8>, stderr: Vec<u8>) -> Finished {
    Finished { exit_code: status.code(), signal: status.signal(), stdout, stderr }
}

fn command(params: &ShellCommandParams) -> Command {
    let mut command = match params.shell {
        true => Command::new("sh"),
        false => Command::new(&params.command),
    };
    if params.shell {
        command.arg("-c").arg(&params.command).arg("sh");
    }
    command.args(&params.args).env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(&params.env);
    if let Some(directory) = &params.cwd {
        command.current_dir(directory);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    command
}

async fn read(stream: Option<impl AsyncRead + Unpin>, name: &'static str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let read = stream.take(MAX_STREAM_BYTES as u64 + 1).read_to_end(&mut bytes).await;
        read.map_err(Failure::Broken)?;
    }
    match bytes.len() > MAX_STREAM_BYTES {
        true => Err(Failure::TooLarge(name)),
        false => Ok(bytes),
    }
}

/// A program need not read what it is given.
async fn write(stdin: Option<ChildStdin>, data: &Value) -> Result<(), Failure> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(data.to_text().as_bytes()).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Broken(error)),
        _ => Ok(()),
    }
}

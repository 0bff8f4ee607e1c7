//! `prana serve`: the HTTP server over a database.

use std::net::SocketAddr;
use std::path::PathBuf;

use prana_server::{Options, Server};

use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::session::{self, Interrupts};

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The database file; made if it isn't there.
    #[arg(long, value_name = "FILE", env = "PRANA_DB", default_value = "prana.db")]
    db: PathBuf,
    /// The address to listen on: a loopback one, since there is no authentication yet. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", env = "PRANA_LISTEN", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// What resume links begin with, where a proxy stands before the server, such as https://flows.example.
    #[arg(long, value_name = "URL", env = "PRANA_PUBLIC_URL")]
    public_url: Option<String>,
    /// One more name that the server answers to (can be given several times); the loopback names are always in.
    #[arg(long = "allowed-host", value_name = "NAME")]
    allowed_hosts: Vec<String>,
    /// Lets workflows reach loopback, private and link-local addresses.
    #[arg(long)]
    allow_private_network: bool,
    /// A directory in which workflows may read and write files (can be given several times).
    #[arg(long = "file-root", value_name = "DIRECTORY")]
    file_roots: Vec<PathBuf>,
}

/// Serves until it is told to stop.
pub fn run(args: Args) -> Outcome {
    session::block_on(async move {
        let mut interrupts = Interrupts::new()?;
        let mut options = Options::new(args.db);
        options.listen = args.listen;
        options.public_url = args.public_url;
        options.allowed_hosts = args.allowed_hosts;
        options.permissions.private_network = args.allow_private_network;
        options.permissions.file_roots = args.file_roots;
        let running = Server::start(options).await.map_err(Failure::new)?;
        output::say(&format!("listening on http://{}", running.address()));
        interrupts.next().await;
        output::say("stopping; again to stop at once");
        tokio::select! {
            () = running.shut_down() => Ok(Exit::Done),
            () = interrupts.next() => session::exit_at_once(),
        }
    })
}

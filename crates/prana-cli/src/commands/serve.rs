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
    #[arg(long, env = "PRANA_ALLOW_PRIVATE_NETWORK", num_args = 0..=1, default_missing_value = "true")]
    allow_private_network: Option<bool>,
    /// A directory of workflow documents that are kept live: saved and activated as they change.
    #[arg(long, value_name = "DIRECTORY", env = "PRANA_WORKFLOWS")]
    workflows: Option<PathBuf>,
    /// A directory in which workflows may read and write files (can be given several times).
    #[arg(long = "file-root", value_name = "DIRECTORY", env = "PRANA_FILE_ROOTS", value_delimiter = ',')]
    file_roots: Option<Vec<PathBuf>>,
}

impl Settings {
    /// Flags and the environment first, then the file, then the defaults.
    ///
    /// # Errors
    /// A configuration file that can't be used.
    pub fn resolve(self) -> Outcome<(Options, Config)> {
        let (config, _) = config::load(self.config.as_deref())?;
        let file = config.clone();
        let db = self.db.or(file.db).unwrap_or_else(|| PathBuf::from("prana.db"));
        let mut options = Options::new(db);
        replace(&mut options.listen, self.listen.or(file.listen));
        options.public_url = self.public_url.or(file.public_url);
        replace(&mut options.allowed_hosts, self.allowed_hosts.or(file.allowed_hosts));
        replace(&mut options.trusted_proxies, self.trusted_proxies.or(file.trusted_proxies));
        replace(&mut options.requests_per_second, self.requests_per_second.or(file.requests_per_second));
        replace(&mut options.changes_days, file.changes_days);
        options.connections = file.connections;
        options.workflows = self.workflows.or(file.workflows);
        replace(&mut options.wait, file.wait_seconds.map(Duration::from_secs));
        replace(&mut options.grace, file.grace_seconds.map(Duration::from_secs));
        let private = self.allow_private_network.or(file.allow_private_network);
        replace(&mut options.permissions.private_network, private);
        replace(&mut options.permissions.file_roots, self.file_roots.or(file.file_roots));
        Ok((options, config))
    }
}

fn replace<T>(value: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *value = said;
    }
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

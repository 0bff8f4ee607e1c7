//! `prana serve`: the HTTP server over a database.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use prana_server::{Options, Server};

use crate::config::{self, Config};
use crate::exit::{Exit, Failure, Outcome};
use crate::log::{self, Form};
use crate::session::{self, Interrupts};
use crate::{builtin, output, secrets, telemetry};

/// What it takes. What neither a flag nor the environment says, the configuration file may say.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    settings: Settings,
    /// How the log is written: text (the default) or json.
    #[arg(long, value_name = "FORM", env = "PRANA_LOG_FORM")]
    log: Option<Form>,
}

/// What the server is to be.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// The configuration file; prana.toml, if it is there and none is named.
    #[arg(long, value_name = "FILE", env = "PRANA_CONFIG")]
    config: Option<PathBuf>,
    /// The database: a file, made if it isn't there (prana.db), or postgres://user:password@host/database, shared with other machines.
    #[arg(long, value_name = "FILE", env = "PRANA_DB")]
    db: Option<PathBuf>,
    /// What key files are named after; the database file, if not said. For a database on a server this or PRANA_MASTER_KEYS must be said: all machines
    /// need the same keys.
    #[arg(long, value_name = "NAME", env = "PRANA_KEYS")]
    keys: Option<PathBuf>,
    /// What this process does: api, worker, scheduler (all of them).
    #[arg(long, value_name = "ROLES", env = "PRANA_ROLES", value_delimiter = ',')]
    roles: Option<Vec<Role>>,
    /// The address to listen on (127.0.0.1:7700); one that other machines reach only once there is a user or a token. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", env = "PRANA_LISTEN")]
    listen: Option<SocketAddr>,
    /// What others call this server, such as https://flows.example: resume links begin with it.
    #[arg(long, value_name = "URL", env = "PRANA_PUBLIC_URL")]
    public_url: Option<String>,
    /// One more name that the server answers to (can be given several times); the loopback names are always in.
    #[arg(long = "allowed-host", value_name = "NAME", env = "PRANA_ALLOWED_HOSTS", value_delimiter = ',')]
    allowed_hosts: Option<Vec<String>>,
    /// A proxy whose X-Forwarded-For is believed (can be given several times).
    #[arg(
        long = "trusted-proxy",
        value_name = "ADDRESS",
        env = "PRANA_TRUSTED_PROXIES",
        value_delimiter = ','
    )]
    trusted_proxies: Option<Vec<IpAddr>>,
    /// How many requests a second each address may send (200).
    #[arg(long, value_name = "NUMBER", env = "PRANA_REQUESTS_PER_SECOND")]
    requests_per_second: Option<u32>,
    /// Lets workflows reach loopback, private and link-local addresses.
    #[arg(long, env = "PRANA_ALLOW_PRIVATE_NETWORK", num_args = 0..=1, default_missing_value = "true")]
    allow_private_network: Option<bool>,
    /// Lets workflows run programs on this machine, as the user of the server.
    #[arg(long, env = "PRANA_ALLOW_SHELL", num_args = 0..=1, default_missing_value = "true")]
    allow_shell: Option<bool>,
    /// Lets requests of workflows ask for connections whose certificate isn't checked (`tls.insecure`).
    #[arg(long, env = "PRANA_ALLOW_INSECURE_TLS", num_args = 0..=1, default_missing_value = "true")]
    allow_insecure_tls: Option<bool>,
    /// A directory of workflow documents that are kept live: saved and activated as they change.
    #[arg(long, value_name = "DIRECTORY", env = "PRANA_WORKFLOWS")]
    workflows: Option<PathBuf>,
    /// A directory in which workflows may read and write files (can be given several times).
    #[arg(long = "file-root", value_name = "DIRECTORY", env = "PRANA_FILE_ROOTS", value_delimiter = ',')]
    file_roots: Option<Vec<PathBuf>>,
}

/// A part of what a server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Answers HTTP.
    Api,
    /// Advances executions.
    Worker,
    /// Starts what is scheduled, removes what is past its retention.
    Scheduler,
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
        options.keys = self.keys;
        if let Some(roles) = self.roles {
            options.api = roles.contains(&Role::Api);
            options.roles = prana::Roles {
                worker: roles.contains(&Role::Worker),
                scheduler: roles.contains(&Role::Scheduler),
            };
        }
        options.master_keys = secrets::keys_of_environment()?;
        replace(&mut options.listen, self.listen.or(file.listen));
        options.public_url = self.public_url.or(file.public_url);
        replace(&mut options.allowed_hosts, self.allowed_hosts.or(file.allowed_hosts));
        replace(&mut options.trusted_proxies, self.trusted_proxies.or(file.trusted_proxies));
        replace(&mut options.requests_per_second, self.requests_per_second.or(file.requests_per_second));
        replace(&mut options.changes_days, file.changes_days);
        options.connections = file.connections;
        options.workflows = self.workflows.or(file.workflows);
        options.connectors = builtin::directory().or(file.connectors);
        replace(&mut options.wait, file.wait_seconds.map(Duration::from_secs));
        replace(&mut options.grace, file.grace_seconds.map(Duration::from_secs));
        options.telemetry = telemetry::resolve(file.telemetry, |name| std::env::var(name).ok())?;
        let private = self.allow_private_network.or(file.allow_private_network);
        replace(&mut options.permissions.private_network, private);
        replace(&mut options.permissions.shell, self.allow_shell.or(file.allow_shell));
        let insecure = self.allow_insecure_tls.or(file.allow_insecure_tls);
        replace(&mut options.permissions.insecure_tls, insecure);
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
pub fn run(args: Args, verbose: u8) -> Outcome {
    let (options, config) = args.settings.resolve()?;
    log::start(verbose, "prana=info,prana_server=info,warn", args.log.or(config.log).unwrap_or_default());
    session::block_on(async move {
        let mut interrupts = Interrupts::new()?;
        let is_heard = options.api;
        let running = Server::start(options).await.map_err(Failure::new)?;
        match is_heard {
            true => output::say(&format!("listening on http://{}", running.address())),
            false => output::say("working in the background"),
        }
        interrupts.next().await;
        output::say("stopping; again to stop at once");
        tokio::select! {
            () = running.shut_down() => Ok(Exit::Done),
            () = interrupts.next() => session::exit_at_once(),
        }
    })
}

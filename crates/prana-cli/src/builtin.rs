//! The actions that the program knows, and what they may reach: it runs on a person's own machine, at their own wish.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use prana::Effects;
use prana::connectors::{Connectors, ConnectorsError};
use prana::core::Registry;
use prana::core::diagnostic::render;
use prana::{BuiltIn, Permissions};

use crate::exit::{Failure, Outcome};
use crate::output;

/// The connectors of this run of the program.
static CONNECTORS: OnceLock<Connectors> = OnceLock::new();

/// Where those come from that aren't shipped.
static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();

/// The connectors that are shipped, and those that were asked for.
pub fn connectors() -> &'static Connectors {
    CONNECTORS.get_or_init(Connectors::shipped)
}

/// Takes in the connectors of a directory, before anything asks for them.
///
/// # Errors
/// A connector that can't be used: what is wrong with it is shown.
pub fn use_connectors(directory: PathBuf) -> Outcome<()> {
    let all = Connectors::shipped().with_directory(&directory).map_err(refused)?;
    let set = CONNECTORS.set(all).is_ok() && DIRECTORY.set(directory).is_ok();
    if set { Ok(()) } else { Err(Failure::new("--connectors was taken in twice")) }
}

/// The directory that was taken in.
pub fn directory() -> Option<PathBuf> {
    DIRECTORY.get().cloned()
}

fn refused(error: ConnectorsError) -> Failure {
    match error {
        ConnectorsError::Malformed(unreadable) => {
            let colors = output::colors_on_stderr();
            output::say(&render(&unreadable.findings, &unreadable.source, colors));
            Failure::already_shown()
        }
        other => Failure::new(other),
    }
}

/// Every action, with its declaration.
pub fn registry() -> Registry {
    connectors().registry()
}

/// What runs those that touch the world: files in the current directory and below, any network, and programs if `shell` is true.
///
/// # Errors
/// If the current directory can't be read, or the system has no certificates.
pub fn effects(shell: bool) -> Outcome<Arc<dyn Effects>> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::new(format!("the current directory can't be read: {error}")))?;
    let permissions = Permissions {
        private_network: true,
        insecure_tls: true,
        shell,
        file_roots: vec![here],
        ..Permissions::default()
    };
    Ok(Arc::new(BuiltIn::with(connectors().actions(), permissions).map_err(Failure::new)?))
}

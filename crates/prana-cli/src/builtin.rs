//! The actions that the program knows, and what they may reach: it runs on a person's own machine, at their own wish.

use std::sync::Arc;

use prana::Effects;
use prana::core::Registry;
use prana::{BuiltIn, Permissions};

use crate::exit::{Failure, Outcome};

/// Every action, with its declaration.
pub fn registry() -> Registry {
    let mut registry = Registry::standard();
    prana::Actions::standard().register(&mut registry);
    registry
}

/// What runs those that touch the world: files in the current directory and below, any network, and programs if `shell` is true.
///
/// # Errors
/// If the current directory can't be read, or the system has no certificates.
pub fn effects(shell: bool) -> Outcome<Arc<dyn Effects>> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::new(format!("the current directory can't be read: {error}")))?;
    let permissions = Permissions { private_network: true, insecure_tls: true, shell, file_roots: vec![here], ..Permissions::default() };
    Ok(Arc::new(BuiltIn::new(permissions).map_err(Failure::new)?))
}

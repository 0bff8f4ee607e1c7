//! Connectors: actions of a service that are written down in a document, without code.
//!
//! A document says for each action which parameters it takes (JSON Schema), which request it sends (templates over `$params`), what its
//! answer means (templates over `$response`), how to come to the next page, and which answers are which errors. Requests go out as those of
//! `http.request` do: through the same guarded client, with the same limits, and with secrets kept to their hosts.

mod action;
mod document;
mod pace;
mod paging;
mod params;
mod read;
mod route;
mod shape;

use std::sync::Arc;

use prana_core::action::Descriptor;

use self::action::Recipe;
pub use self::document::{Credential, CredentialKind};
pub use self::read::Unreadable;
use crate::actions::Actions;

/// The actions of a service, as a document describes them.
///
/// ```
/// use prana_actions::{Actions, Connector};
///
/// let text = br#"
/// id: quotes
/// title: Quotes
/// base_url: https://quotes.example
/// actions:
///   get_quote:
///     title: Get a quote
///     params: {required: [id], properties: {id: {type: integer}}}
///     request: {path: "/quotes/{id}"}
///     output: "{{ $response.body.text }}"
/// "#;
/// let connector = Connector::read("quotes.yaml", text).unwrap();
/// let mut actions = Actions::standard();
/// connector.add_to(&mut actions);
/// assert!(actions.action("quotes.get_quote").is_some());
///
/// let refused = Connector::read("bad.yaml", b"id: x\ntitle: X\n").unwrap_err();
/// assert_eq!(refused.findings[0].message, "the field `base_url` is missing");
/// ```
pub struct Connector {
    /// What its actions begin with: `ID.ACTION`.
    pub id: String,
    /// The name of the service.
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where the service is described.
    pub docs: Option<String>,
    /// The ways to say who asks.
    pub credentials: Vec<Credential>,
    recipes: Vec<Arc<Recipe>>,
}

impl Connector {
    /// Reads the YAML or JSON document of a connector. `name` is what it is called in findings.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn read(name: &str, text: &[u8]) -> Result<Connector, Box<Unreadable>> {
        read::read(name, text)
    }

    /// The declarations of its actions, in the order of the document.
    pub fn actions(&self) -> impl Iterator<Item = &Descriptor> {
        self.recipes.iter().map(|recipe| &recipe.descriptor)
    }

    /// Adds its actions to a table.
    pub fn add_to(&self, actions: &mut Actions) {
        self.recipes.iter().for_each(|recipe| actions.add(Arc::clone(recipe)));
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("id", &self.id).field("actions", &self.recipes.len()).finish()
    }
}

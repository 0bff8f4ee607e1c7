//! What actions may reach of the world outside.

use std::path::PathBuf;
use std::time::Duration;

use crate::guard::Guard;
use crate::http_request::{TokensKept, Ways};
use crate::roots::Roots;
use crate::tls::Tls;

/// What the operator allows. By default: the public internet, no files and no programs.
#[derive(Debug, Clone)]
pub struct Permissions {
    /// True to allow loopback, private, link-local and other addresses that aren't public.
    pub private_network: bool,
    /// True to let requests ask for connections whose certificate isn't checked.
    pub insecure_tls: bool,
    /// True to let workflows run programs on this machine, as its user.
    pub shell: bool,
    /// The directories in which files may be read and written, and everything below them. Relative paths start at the first.
    pub file_roots: Vec<PathBuf>,
    /// The body of an answer may be this long, in bytes, unpacked.
    pub max_response_bytes: usize,
    /// A file that is read or written may be this long, in bytes.
    pub max_file_bytes: usize,
}

impl Default for Permissions {
    fn default() -> Self {
        let megabyte = 1 << 20;
        Permissions {
            private_network: false,
            shell: false,
            insecure_tls: false,
            file_roots: Vec::new(),
            max_response_bytes: 16 * megabyte,
            max_file_bytes: 16 * megabyte,
        }
    }
}

/// Why the way outside couldn't be made.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// The HTTP client couldn't be set up (certificates, as a rule).
    #[error("the HTTP client can't be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// A file root isn't a directory that can be read.
    #[error("`{path}` can't be a root for files: {source}", path = path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The way outside, shared by all actions: one guarded, pooled HTTP client, the directories for files, and limits.
#[derive(Debug)]
pub struct Outside {
    pub(crate) client: reqwest::Client,
    pub(crate) guard: Guard,
    pub(crate) insecure_tls: bool,
    pub(crate) ways: Ways,
    pub(crate) tokens: TokensKept,
    pub(crate) roots: Roots,
    pub(crate) shell: bool,
    pub(crate) tls: Tls,
    pub(crate) max_response_bytes: usize,
    pub(crate) max_file_bytes: usize,
}

/// A connection must be there after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Outside {
    /// The way outside with these permissions.
    ///
    /// # Errors
    /// A file root that isn't there, or an HTTP client that can't be set up.
    pub fn new(permissions: Permissions) -> Result<Self, OutsideError> {
        let guard = Guard::new(permissions.private_network);
        Ok(Outside {
            client: Outside::client_builder(guard).build()?,
            guard,
            insecure_tls: permissions.insecure_tls,
            ways: Ways::default(),
            tokens: TokensKept::default(),
            roots: Roots::new(&permissions.file_roots)?,
            shell: permissions.shell,
            tls: Tls::default(),
            max_response_bytes: permissions.max_response_bytes,
            max_file_bytes: permissions.max_file_bytes,
        })
    }

    /// A client that is guarded, and does nothing by itself: no redirects, no proxies of the environment.
    pub(crate) fn client_builder(guard: Guard) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .user_agent(concat!("prana/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(guard.resolver())
            .connect_timeout(CONNECT_TIMEOUT)
    }
}

//! The API of a database, asked from inside the process: for commands that use it for a moment, and listen to nobody.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Response;
use axum::http::{Request, header};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use prana::{MasterKeys, Permissions};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::server::{Options, Server, ServerError};

/// The API of a database that no server has open.
pub struct Inside {
    server: Server,
    router: TowerToHyperService<Router>,
    advancing: Option<JoinHandle<()>>,
}

/// What the API answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null if there is none.
    pub body: Value,
}

impl Inside {
    /// Opens a database, which is made if it isn't there; so are its key files (named after `keys`, if it is said), if it is a file itself. Executions stay as they are until [`Inside::advance`].
    ///
    /// # Errors
    /// [`ServerError`]: a database that can't be opened, or that another process has open.
    pub async fn open(
        database: &Path,
        permissions: Permissions,
        keys: Option<PathBuf>,
        master_keys: Option<MasterKeys>,
    ) -> Result<Self, ServerError> {
        let options = Options { permissions, keys, master_keys, ..Options::new(database) };
        let server = Server::open(&options, options.listen, None).await?;
        server.shared.hooks.load(&server.shared).await?;
        let router = TowerToHyperService::new(crate::router(&server));
        Ok(Inside { server, router, advancing: None })
    }

    /// Begins to advance executions.
    pub fn advance(&mut self) {
        let (engine, shared) = (self.server.shared.engine.clone(), self.server.shared.clone());
        self.advancing.get_or_insert_with(|| {
            shared.advancing.send_replace(true);
            tokio::spawn(async move {
                engine.serve().await;
                shared.advancing.send_replace(false);
            })
        });
    }

    /// Sends a request, as a server's own user.
    ///
    /// # Errors
    /// A path that is none.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let response = self.send(method, path, body).await?;
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
        Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response<Body>, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.server.shared.local_token))
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 0))));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = request.body(body).map_err(|error| error.to_string())?;
        let Ok(response) = self.router.call(request).await;
        Ok(response)
    }

    /// Lets running nodes end, commits, and lets go of the database.
    pub async fn close(self) {
        self.server.shared.engine.shut_down();
        if let Some(advancing) = self.advancing {
            // One that panicked has nothing left to wait for.
            let _ = advancing.await;
        }
    }
}

//! `prana backup`: a copy of a database, while it is worked with.

use std::path::PathBuf;

use serde_json::json;

use crate::client::{Client, Where, with};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::print;
use crate::session;

/// What it takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Where,
    /// The file to write, which doesn't exist yet.
    #[arg(required_unless_present = "to", conflicts_with = "to")]
    file: Option<PathBuf>,
    /// Another database to copy everything into: an empty one, in a new file or on a server (postgres://user:password@host/database). No server may
    /// have a file open that is copied.
    #[arg(long, value_name = "DATABASE")]
    to: Option<PathBuf>,
}

/// Does it.
pub fn run(args: Args) -> Outcome {
    if let Some(to) = args.to {
        let from = args.place.db.ok_or_else(|| Failure::new("no database is named").help("add --db FILE"))?;
        return session::block_on(async move {
            if !prana::is_server(&from) && !from.exists() {
                return Err(session::no_database(&from));
            }
            let rows = prana::copy_database(&from, &to).await?;
            print(&format!("{rows} rows copied"));
            Ok(Exit::Done)
        });
    }
    let path = std::path::absolute(args.file.unwrap_or_default()).map_err(Failure::new)?;
    let text = path.to_str().ok_or_else(|| Failure::new("the path of a backup must be UTF-8"))?.to_owned();
    session::block_on(async move {
        let client = Client::open(&args.place).await?;
        let done = with(client, async |client| client.post("/backup", &json!({"path": text})).await).await?;
        print(&format!("{} written, {} bytes", done["path"].as_str().unwrap_or_default(), done["bytes"]));
        Ok(Exit::Done)
    })
}

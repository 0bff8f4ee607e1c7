//! `prana.toml`: what the server is to be, for what neither a flag nor the environment says.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::exit::{Failure, Outcome};
use crate::log::Form;
use crate::telemetry::Section;

/// The file that is read if none is named and it is there.
const NAME: &str = "prana.toml";

/// What the file may say. `docs/prana.example.toml` explains each.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub db: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub public_url: Option<String>,
    pub allowed_hosts: Option<Vec<String>>,
    pub trusted_proxies: Option<Vec<IpAddr>>,
    pub requests_per_second: Option<u32>,
    pub connections: Option<usize>,
    pub changes_days: Option<u32>,
    pub wait_seconds: Option<u64>,
    pub grace_seconds: Option<u64>,
    pub allow_private_network: Option<bool>,
    pub allow_shell: Option<bool>,
    pub allow_insecure_tls: Option<bool>,
    pub file_roots: Option<Vec<PathBuf>>,
    pub workflows: Option<PathBuf>,
    pub connectors: Option<PathBuf>,
    pub log: Option<Form>,
    pub telemetry: Option<Section>,
}

/// The file that was named, or `prana.toml` if it is there.
///
/// # Errors
/// A file that can't be read, or says what isn't known: where, and what there is instead.
pub fn load(named: Option<&Path>) -> Outcome<(Config, Option<PathBuf>)> {
    let path = named.unwrap_or(Path::new(NAME));
    if named.is_none() && !path.exists() {
        return Ok((Config::default(), None));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("the configuration {path:?} can't be read: {error}")))?;
    let config = read(&text).map_err(|problem| {
        Failure::new(format!("the configuration {path:?} is wrong\n{problem}"))
            .help("docs/prana.example.toml explains all that it can say")
    })?;
    Ok((config, Some(path.to_owned())))
}

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const EXAMPLE: &str = include_str!("../../../docs/prana.example.toml");

    /// The lines of the example that say something, each taken out of its comment.
    fn settings() -> Vec<String> {
        let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix("#:"));
        lines.map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn the_example_says_all_that_there_is_and_nothing_else() {
        assert_eq!(read(EXAMPLE).unwrap(), Config::default(), "as it stands it changes nothing");
        let Config {
            db,
            listen,
            public_url,
            allowed_hosts,
            trusted_proxies,
            requests_per_second,
            connections,
            changes_days,
            wait_seconds,
            grace_seconds,
            allow_private_network,
            allow_shell,
            allow_insecure_tls,
            file_roots,
            workflows,
            connectors,
            log,
            telemetry,
        } = read(&settings().join("\n")).unwrap();
        let Section { otlp_endpoint, service_name, headers_file, sample } = telemetry.clone().unwrap();
        let said = [
            db.is_some(),
            listen.is_some(),
            public_url.is_some(),
            allowed_hosts.is_some(),
            trusted_proxies.is_some(),
            requests_per_second.is_some(),
            connections.is_some(),
            changes_days.is_some(),
            wait_seconds.is_some(),
            grace_seconds.is_some(),
            allow_private_network.is_some(),
            allow_shell.is_some(),
            allow_insecure_tls.is_some(),
            file_roots.is_some(),
            workflows.is_some(),
            connectors.is_some(),
            log.is_some(),
            telemetry.is_some(),
            otlp_endpoint.is_some(),
            service_name.is_some(),
            headers_file.is_some(),
            sample.is_some(),
        ];
        assert!(said.iter().all(|said| *said), "{said:?}");
        assert_eq!(settings().len(), said.len());
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        for (text, line, word) in [
            ("db = 'x'\nlisten_on = 'y'\n", "line 2", "listen_on"),
            ("\n\nconnections = 'many'", "line 3", "invalid type"),
            ("[server]\ndb = 'x'", "line 1", "server"),
            ("listen = 'localhost'", "line 1", "socket address"),
            ("db = ", "line 1", ""),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(line) && problem.contains(word), "{text}: {problem}");
        }
    }
}

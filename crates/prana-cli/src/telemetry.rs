//! Where spans go, as `prana.toml` and the standard variables of OpenTelemetry say it.

use std::path::PathBuf;

use prana::SecretText;
use prana_server::Telemetry;
use serde::Deserialize;

use crate::exit::{Failure, Outcome};
use crate::secrets;

/// What batches are sent to below a collector's address.
const PATH: &str = "/v1/traces";

/// `[telemetry]` in `prana.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    pub otlp_endpoint: Option<String>,
    pub service_name: Option<String>,
    pub headers_file: Option<PathBuf>,
    pub sample: Option<f64>,
}

/// Where spans go; none if nobody says where to. The environment comes first. `variable` reads one.
///
/// # Errors
/// An address or a share that can't be, or a file of headers that can't be read.
pub fn resolve(
    section: Option<Section>,
    variable: impl Fn(&str) -> Option<String>,
) -> Outcome<Option<Telemetry>> {
    let section = section.unwrap_or_default();
    let said = |name: &str| variable(name).filter(|text| !text.is_empty());
    if said("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let below = |base: String| format!("{}{PATH}", base.trim_end_matches('/'));
    let endpoint = said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| said("OTEL_EXPORTER_OTLP_ENDPOINT").map(below))
        .or_else(|| section.otlp_endpoint.map(below));
    let Some(endpoint) = endpoint else { return Ok(None) };
    if !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme)) {
        return Err(Failure::new("the address of the collector must begin with http:// or https://"));
    }
    let sample = section.sample.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&sample) {
        return Err(Failure::new(format!("telemetry: `sample` is a share from 0 to 1, and not {sample}")));
    }
    let service_name = said("OTEL_SERVICE_NAME").or(section.service_name);
    // Those of OTEL_EXPORTER_OTLP_HEADERS are added where requests are made.
    let headers = section.headers_file.map(|path| headers(&path.to_string_lossy())).transpose()?;
    Ok(Some(Telemetry {
        endpoint,
        service_name: service_name.unwrap_or_else(|| "prana".to_owned()),
        headers: headers.unwrap_or_default(),
        sample,
    }))
}

/// A file with a header a line: `Name: value`.
fn headers(path: &str) -> Outcome<Vec<(String, SecretText)>> {
    let text = secrets::read(path)?;
    let lines = text.reveal().lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |line: &str| {
        let (name, value) = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()))?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_value = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
        let fits = !name.is_empty() && name.bytes().all(is_name) && value.bytes().all(is_value);
        fits.then(|| (name.to_ascii_lowercase(), SecretText::from(value.to_owned())))
    };
    lines
        .map(|(place, line)| {
            // Not repeated here: it may be a secret.
            let wrong = || Failure::new(format!("{path}: line {} is not a header `Name: value`", place + 1));
            read(line).ok_or_else(wrong)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn resolved(section: Option<Section>, environment: &[(&str, &str)]) -> Outcome<Option<Telemetry>> {
        resolve(section, |name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn at(endpoint: &str) -> Option<Section> {
        Some(Section { otlp_endpoint: Some(endpoint.to_owned()), ..Section::default() })
    }

    #[test]
    fn where_spans_go() {
        const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:4318/");
        const WHOLE: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://env/spans");
        for (section, environment, expect) in [
            (None, &[][..], None),
            (Some(Section::default()), &[], None),
            (at("http://file:4318"), &[], Some("http://file:4318/v1/traces")),
            (at("http://file:4318"), &[BASE], Some("http://env:4318/v1/traces")),
            (None, &[BASE, WHOLE], Some("https://env/spans")),
            (
                at("http://file:4318"),
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
                Some("http://file:4318/v1/traces"),
            ),
            (None, &[BASE, ("OTEL_SDK_DISABLED", "true")], None),
        ] {
            let found = resolved(section, environment).unwrap();
            assert_eq!(found.map(|telemetry| telemetry.endpoint).as_deref(), expect, "{environment:?}");
        }
        assert!(resolved(at("collector:4318"), &[]).is_err());
        let many = Section { sample: Some(2.0), ..at("http://file").unwrap() };
        assert!(resolved(Some(many), &[]).is_err());
    }

    #[test]
    fn headers_come_from_a_file_and_are_not_repeated() {
        let path = std::env::temp_dir().join(format!("prana-headers-{}", std::process::id()));
        let section = || Section { headers_file: Some(path.clone()), ..at("http://file").unwrap() };
        std::fs::write(&path, "X-Api-Key: swordfish: 1\n\nx-team:a\n").unwrap();
        let headers = resolved(Some(section()), &[]).unwrap().unwrap().headers;
        let shown: Vec<(&str, &str)> = headers.iter().map(|(name, text)| (&**name, text.reveal())).collect();
        assert_eq!(shown, [("x-api-key", "swordfish: 1"), ("x-team", "a")]);
        std::fs::write(&path, "a: b\nswordfish\n").unwrap();
        let refused = format!("{:?}", resolved(Some(section()), &[]).unwrap_err());
        assert!(refused.contains("line 2") && !refused.contains("swordfish"), "{refused}");
        std::fs::remove_file(&path).unwrap();
        assert!(resolved(Some(section()), &[]).is_err());
    }
}

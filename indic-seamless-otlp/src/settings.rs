//! What the environment asks for, where OpenTelemetry's SDK leaves it to the program.

use std::{fs, io, path::PathBuf, time::Duration};

use opentelemetry_sdk::Resource;
use ureq::tls::{Certificate, PemItem, parse_pem};

/// How long an export may take, unless a variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TracesError {
    /// A variable with another value than the ones that it can have.
    #[error("{variable}: {found:?} found, wanted {wanted}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// A file of certificates that cannot be read, or has none.
    #[error("{variable}: cannot read {}: {source}", path.display())]
    Certificate {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The address of the collector is none, or something else that the SDK cannot use.
    #[error("no traces can be exported: {0}")]
    Exporter(String),
}

/// Settings of the exporter.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) resource: Resource,
    /// The file of certificates to trust, with its variable.
    certificates: Option<(&'static str, PathBuf)>,
}

impl Settings {
    /// Reads the variables; `None` if nothing is to be exported.
    pub(crate) fn new(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, TracesError> {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))
        };
        let is = |name, wanted: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        let endpoint = first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
        if endpoint.is_none() || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let wrong = |variable, found, wanted| Err(TracesError::Variable { variable, found, wanted });
        match first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
            Some((name, found)) if found != "http/protobuf" => return wrong(name, found, "http/protobuf"),
            _ => {}
        }
        let timeout = match first(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]) {
            None => TIMEOUT,
            Some((name, found)) => match found.parse() {
                Ok(ms) if ms > 0 => Duration::from_millis(ms),
                _ => return wrong(name, found, "milliseconds, at least 1"),
            },
        };
        let certificates = first(["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"]);
        let certificates = certificates.map(|(name, path)| (name, path.into()));
        Ok(Some(Self { timeout, resource: resource(variable), certificates }))
    }

    /// The certificates to trust, if there is a file of them.
    ///
    /// # Errors
    ///
    /// [`TracesError::Certificate`]
    pub(crate) fn certificates(&self) -> Result<Option<Vec<Certificate<'static>>>, TracesError> {
        let Some((variable, path)) = &self.certificates else { return Ok(None) };
        let failed = |source| TracesError::Certificate { variable, path: path.clone(), source };
        let pem = fs::read(path).map_err(failed)?;
        let found: Vec<_> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if found.is_empty() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "no certificate in it, wanted PEM")));
        }
        Ok(Some(found))
    }
}

/// What makes the traces: the SDK reads the variables, and knows no name for the service where they have none.
fn resource(variable: &dyn Fn(&str) -> Option<String>) -> Resource {
    let named = variable("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty())
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|list| list.contains("service.name="));
    let resource = Resource::builder();
    let resource = if named { resource } else { resource.with_service_name("indic-seamless") };
    resource.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Option<Settings>, TracesError> {
        Settings::new(&|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn nothing_is_exported_unless_there_is_a_collector() {
        for off in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "speech")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "True")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert!(of(off).expect("no error").is_none(), "{off:?}");
        }
        let settings = of(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_TIMEOUT", "250")]).expect("no error").expect("on");
        assert_eq!(settings.timeout, Duration::from_millis(250));
        assert!(of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://x")]).expect("no error").is_some());
    }

    #[test]
    fn what_is_not_here_is_named() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0"),
        ] {
            let error = of(&[ENDPOINT, (name, value)]).expect_err(name).to_string();
            assert!(error.starts_with(&format!("{name}: {value:?} found, wanted ")), "{error}");
        }
        let missing =
            of(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem")]).expect("no error").expect("on");
        let error = missing.certificates().expect_err("no file").to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_CERTIFICATE") && error.contains("/nowhere.pem"), "{error}");
    }

    #[test]
    fn the_service_has_a_name() {
        let name = |set: &[(&str, &str)]| {
            let settings = of(set).expect("no error").expect("on");
            settings.resource.get(&"service.name".into()).map(|name| name.to_string())
        };
        assert_eq!(name(&[ENDPOINT]).as_deref(), Some("indic-seamless"));
        // By the SDK, which reads the environment of the process.
        assert_ne!(name(&[ENDPOINT, ("OTEL_SERVICE_NAME", "speech")]).as_deref(), Some("indic-seamless"));
    }
}

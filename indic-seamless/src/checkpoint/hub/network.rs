//! Network settings: proxies, certificates and time-outs.

use std::{ffi::OsString, fs, path::PathBuf, time::Duration};

use ureq::{
    Agent, Proxy,
    http::Uri,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::error::{Again, HubError};

/// Time-out for name resolution and connecting.
const CONNECT: Duration = Duration::from_secs(10);

/// Network settings from the environment.
#[derive(Clone, Default)]
pub(super) struct Network {
    /// The proxy for each scheme, with its variable.
    http: Option<(&'static str, String)>,
    https: Option<(&'static str, String)>,
    no_proxy: Vec<String>,
    /// The file of additional certificates, with its variable.
    certificates: Option<(&'static str, PathBuf)>,
}

impl Network {
    pub(super) fn new(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let first = |names: &[&'static str]| {
            let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
            names.iter().find_map(|name| set(name))
        };
        let proxy =
            |names: &[&'static str]| first(names).and_then(|(name, value)| Some((name, value.into_string().ok()?)));
        let no_proxy = proxy(&["no_proxy", "NO_PROXY"]).map_or_else(String::new, |(_, value)| value);
        let hosts = no_proxy.split([',', ' ']).map(|host| host.trim().to_ascii_lowercase());
        Self {
            http: proxy(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: hosts.filter(|host| !host.is_empty()).collect(),
            certificates: first(&["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
                .map(|(name, value)| (name, value.into())),
        }
    }

    /// Whether `NO_PROXY` names a host or a domain of it.
    fn is_direct(&self, host: &str, port: Option<u16>) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        self.no_proxy.iter().any(|entry| {
            let (name, of_port) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => (name, port.parse::<u16>().ok()),
                _ => (entry.as_str(), None),
            };
            if name == "*" {
                return true;
            }
            let name = name.trim_start_matches('*').trim_start_matches('.').trim_matches(['[', ']']);
            let inside = host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            inside && !name.is_empty() && (of_port.is_none() || of_port == port)
        })
    }
}

/// The HTTP clients: with and without a proxy.
pub(super) struct Agents {
    direct: Agent,
    http: Option<Agent>,
    https: Option<Agent>,
    network: Network,
}

impl Agents {
    pub(super) fn new(network: &Network, stall: Duration) -> Result<Self, HubError> {
        let roots = match &network.certificates {
            Some((name, path)) => with_certificates(name, path)?,
            None => RootCerts::WebPki,
        };
        let agent = |proxy: Option<Proxy>| {
            let tls = TlsConfig::builder().root_certs(roots.clone()).build();
            // The caller follows redirects, since the token must not go to other hosts.
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .proxy(proxy)
                .tls_config(tls)
                .user_agent(concat!("indic-seamless/", env!("CARGO_PKG_VERSION")))
                .timeout_resolve(Some(CONNECT))
                .timeout_connect(Some(CONNECT))
                .timeout_recv_response(Some(stall))
                .timeout_per_read(Some(stall))
                .timeout_per_write(Some(stall))
                .input_buffer_size(1 << 18);
            Agent::new_with_config(config.build())
        };
        let through = |proxy: &Option<(&'static str, String)>| match proxy {
            None => Ok(None),
            Some((name, address)) => match Proxy::new(address) {
                Ok(proxy) => Ok(Some(agent(Some(proxy)))),
                // The address may hold a password.
                Err(_) => Err(unusable(format!("{name} is not the address of a proxy, as in http://host:port"))),
            },
        };
        let (http, https) = (through(&network.http)?, through(&network.https)?);
        Ok(Self { direct: agent(None), http, https, network: network.clone() })
    }

    pub(super) fn to(&self, address: &Uri) -> &Agent {
        let proxied = if address.scheme_str() == Some("https") { &self.https } else { &self.http };
        match proxied {
            Some(agent) if !self.network.is_direct(address.host().unwrap_or_default(), address.port_u16()) => agent,
            _ => &self.direct,
        }
    }
}

/// Mozilla's certificates, and those of a PEM file.
fn with_certificates(name: &str, path: &PathBuf) -> Result<RootCerts, HubError> {
    let pem = fs::read(path).map_err(|error| unusable(format!("cannot read {name}={}: {error}", path.display())))?;
    let more = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let more: Vec<Certificate<'static>> = more.collect();
    if more.is_empty() {
        return Err(unusable(format!("{name}={} holds no certificate in PEM", path.display())));
    }
    let usual = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|root| Certificate::from_der(root).to_owned());
    Ok(RootCerts::from(usual.chain(more)))
}

fn unusable(reason: String) -> HubError {
    HubError::Network { reason, again: Again::Never }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    fn network(environment: &[(&str, &str)]) -> Network {
        let variable = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        Network::new(&variable)
    }

    #[test]
    fn proxies_by_scheme_and_host() {
        let all = network(&[
            ("HTTP_PROXY", "http://plain:1"),
            ("ALL_PROXY", "socks5://all:2"),
            ("NO_PROXY", "localhost, .corp.example,10.0.0.1,*.wild.example,mirror.example:8443"),
        ]);
        assert_eq!(all.http.as_ref().unwrap().1, "http://plain:1");
        assert_eq!(all.https.as_ref().unwrap().1, "socks5://all:2");
        for host in ["localhost", "hub.corp.example", "corp.example", "10.0.0.1", "A.Wild.example"] {
            assert!(all.is_direct(host, None), "{host}");
        }
        for host in ["huggingface.co", "notlocalhost", "xcorp.example", "10.0.0.10"] {
            assert!(!all.is_direct(host, None), "{host}");
        }
        assert!(all.is_direct("mirror.example", Some(8443)) && !all.is_direct("mirror.example", Some(443)));
        assert!(network(&[("no_proxy", "*")]).is_direct("huggingface.co", None));
        assert!(network(&[("https_proxy", "")]).https.is_none());

        let agents = Agents::new(&all, CONNECT).unwrap();
        let same = |address: &str, agent: &Agent| std::ptr::eq(agents.to(&address.parse().unwrap()), agent);
        assert!(same("http://huggingface.co/a", agents.http.as_ref().unwrap()));
        assert!(same("https://huggingface.co/a", agents.https.as_ref().unwrap()));
        assert!(same("https://localhost:8000/a", &agents.direct));
    }

    #[test]
    fn settings_that_cannot_be_used_name_the_variable_and_no_password() {
        let failure = |environment: &[(&str, &str)]| match Agents::new(&network(environment), CONNECT) {
            Err(HubError::Network { reason, again: Again::Never }) => reason,
            _ => String::new(),
        };
        let proxy = failure(&[("HTTPS_PROXY", "ftp://me:secret@proxy")]);
        assert!(proxy.contains("HTTPS_PROXY") && !proxy.contains("secret"), "{proxy}");
        assert!(failure(&[("SSL_CERT_FILE", "/nowhere/at/all")]).contains("SSL_CERT_FILE=/nowhere/at/all"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        assert!(failure(&[("REQUESTS_CA_BUNDLE", path)]).contains("no certificate"));
    }
}

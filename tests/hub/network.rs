//! Overloaded hubs, proxies and certificates. What is set by environment runs in a process of its own.

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use indic_seamless::{HubErrorKind as Kind, checkpoint::HubModel};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::TempDir;

use crate::{ID, assert_complete, download, failure, proxy::Proxy, server::Hub};

#[test]
fn an_overloaded_hub_is_left_alone_for_as_long_as_it_asks() {
    let hub = Hub::start();
    for status in [429, 503] {
        let cache = TempDir::new().unwrap();
        hub.state().busy = Some((status, "2", 1));
        let start = Instant::now();
        assert_complete(&download(&hub.model(&cache).retries(1)).unwrap(), &hub);
        assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    }
    // An hour is too long to wait.
    let cache = TempDir::new().unwrap();
    hub.state().busy = Some((429, "3600", 1));
    let (kind, busy) = failure(download(&hub.model(&cache).retries(1)));
    assert!(kind == Kind::Network && busy.contains("3600 s") && busy.contains("429"), "{busy}");
    // Each kind of request is tried again, none for ever.
    let cache = TempDir::new().unwrap();
    hub.state().busy = Some((502, "0", 4));
    assert_complete(&download(&hub.model(&cache).retries(4)).unwrap(), &hub);
    let cache = TempDir::new().unwrap();
    hub.state().busy = Some((500, "0", usize::MAX));
    hub.seen();
    assert!(failure(download(&hub.model(&cache).retries(3))).1.contains("500"));
    assert_eq!(hub.seen().len(), 4);
}

/// The download of a process that has nothing but this in its environment.
fn child(hub: &str, cache: &TempDir, environment: &[(&str, &str)]) -> (Option<String>, String) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "network::in_a_process_of_its_own", "--include-ignored", "--nocapture"]);
    command.env_clear().env("HF_ENDPOINT", hub).env("HF_HUB_CACHE", cache.path()).env("HF_TOKEN", "hf_secret");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let line = |start: &str| printed.lines().find_map(|line| line.split_once(start).map(|(_, rest)| rest.to_owned()));
    (line("downloaded to "), line("failed: ").unwrap_or(printed))
}

#[test]
#[ignore = "run by other tests"]
fn in_a_process_of_its_own() {
    if env::var_os("HF_ENDPOINT").is_none() {
        return;
    }
    let model = HubModel::new(ID).retries(0).stall_timeout(Duration::from_secs(10));
    match model.download(&mut |_| {}) {
        Ok(dir) => println!("downloaded to {}", dir.display()),
        Err(error) => println!("failed: {error}"),
    }
}

fn host(address: &str) -> String {
    address.split("//").nth(1).unwrap().to_owned()
}

#[test]
fn proxies_by_environment() {
    let hub = Hub::start();
    {
        // Large files would be at an address of their own.
        let mut state = hub.state();
        state.gate = Some("hf_secret");
        state.files.retain(|name, _| !name.contains("safetensors"));
        state.files.insert("model.safetensors.index.json".into(), br#"{"weight_map": {"shared.weight": "w"}}"#.into());
        state.files.insert("w".into(), vec![1; 5000]);
    }
    // A name that only the proxy can resolve.
    let far = "http://hub.invalid:8000";
    let proxy = Proxy::start(Some(host(&hub.endpoint)));
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        let cache = TempDir::new().unwrap();
        let (dir, failed) = child(far, &cache, &[(variable, &format!("http://me:p%40ss@{}", proxy.address))]);
        let dir = dir.unwrap_or_else(|| panic!("{variable}: {failed}"));
        assert_eq!(fs::read(Path::new(&dir).join("w")).unwrap(), vec![1; 5000]);
        let seen = proxy.seen();
        // "me:p@ss" in base 64.
        assert!(
            seen.iter().all(|seen| *seen == ("CONNECT hub.invalid:8000".into(), "Basic bWU6cEBzcw==".into())),
            "{seen:?}"
        );
        assert!(!seen.is_empty());
    }
    // The other scheme's proxy, and hosts without one.
    for other in [
        &[("https_proxy", "http://127.0.0.1:1")][..],
        &[("http_proxy", "http://127.0.0.1:1"), ("no_proxy", "localhost,127.0.0.1")],
        &[("ALL_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", "*")],
    ] {
        let (dir, failed) = child(&hub.endpoint, &TempDir::new().unwrap(), other);
        assert!(dir.is_some(), "{other:?}: {failed}");
    }
    let refusing = Proxy::start(None);
    let cache = TempDir::new().unwrap();
    let (_, failed) = child(far, &cache, &[("http_proxy", &format!("http://me:p%40ss@{}", refusing.address))]);
    assert!(failed.contains("proxy") && failed.contains("hub.invalid:8000") && !failed.contains("p%40ss"), "{failed}");
    let (_, failed) = child(far, &cache, &[("HTTP_PROXY", "gopher://me:p%40ss@x")]);
    assert!(failed.contains("HTTP_PROXY") && !failed.contains("p%40ss"), "{failed}");
}

#[test]
fn certificates_of_one_s_own() {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["127.0.0.1".to_owned(), "hub.invalid".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let hub = Hub::with_tls(Some(&Arc::new(config)));
    hub.state().gate = Some("hf_secret");

    let dir = TempDir::new().unwrap();
    let file = dir.path().join("ca.pem");
    fs::write(&file, format!("# ours\n{}", authority.pem())).unwrap();
    let file = file.to_str().unwrap();
    for variable in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
        let cache = TempDir::new().unwrap();
        let (dir, failed) = child(&hub.endpoint, &cache, &[(variable, file)]);
        assert_complete(Path::new(&dir.unwrap_or_else(|| panic!("{variable}: {failed}"))), &hub);
    }
    let proxy = Proxy::start(Some(host(&hub.endpoint)));
    let through = [("SSL_CERT_FILE", file), ("https_proxy", &format!("http://{}", proxy.address))];
    let (dir, failed) = child("https://hub.invalid", &TempDir::new().unwrap(), &through);
    // The store of large files is elsewhere, and this proxy has one way only.
    assert!(dir.is_none() && !failed.contains("TLS") && proxy.seen()[0].0 == "CONNECT hub.invalid:443", "{failed}");

    let (dir, failed) = child(&hub.endpoint, &TempDir::new().unwrap(), &[]);
    assert!(dir.is_none() && failed.contains("SSL_CERT_FILE") && failed.contains("certificate"), "{failed}");
    let (_, failed) = child(&hub.endpoint, &TempDir::new().unwrap(), &[("SSL_CERT_FILE", "/nowhere/ca.pem")]);
    assert!(failed.contains("SSL_CERT_FILE=/nowhere/ca.pem"), "{failed}");

    // What begins encrypted is not redirected to what is not.
    hub.state().redirect = Some("http://127.0.0.1:1/model");
    let (dir, failed) = child(&hub.endpoint, &TempDir::new().unwrap(), &[("SSL_CERT_FILE", file)]);
    assert!(dir.is_none() && failed.contains("127.0.0.1:1, which is not encrypted"), "{failed}");
}

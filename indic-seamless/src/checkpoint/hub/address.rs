//! Addresses of the hub, its files and its redirects.

use std::fmt::Write as _;

use ureq::http::Uri;

use super::error::HubError;

/// Escapes text for use as one part of a path.
pub(super) fn encoded(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The address of a `Location` in an answer of `base`.
pub(super) fn joined(base: &Uri, location: &str) -> Result<Uri, HubError> {
    let origin =
        || format!("{}://{}", base.scheme_str().unwrap_or("https"), base.authority().map_or("", |host| host.as_str()));
    let scheme = location.split_once("://").map(|(scheme, _)| scheme);
    let whole = if scheme.is_some_and(|scheme| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{}:{location}", base.scheme_str().unwrap_or("https"))
    } else if location.starts_with('/') {
        format!("{}{location}", origin())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{}{folder}/{location}", origin())
    };
    // The fragment is not sent.
    let whole = whole.split('#').next().unwrap_or_default();
    let address: Result<Uri, _> = whole.parse();
    match address {
        Ok(address) if matches!(address.scheme_str(), Some("http" | "https")) && address.host().is_some() => {
            Ok(address)
        }
        _ => Err(HubError::Content(format!("{} redirects to something that is no web address", shown(base)))),
    }
}

/// Whether an address is on the same host, port and scheme as the hub.
pub(super) fn of_origin(address: &Uri, endpoint: &Uri) -> bool {
    let origin = |address: &Uri| {
        let default = if address.scheme_str() == Some("https") { 443 } else { 80 };
        let host = address.host().unwrap_or_default().to_ascii_lowercase();
        (address.scheme_str().map(str::to_owned), host, address.port_u16().unwrap_or(default))
    };
    origin(address) == origin(endpoint)
}

/// An address for messages: without its path and query, which may hold a signature, and without a password.
pub(super) fn shown(address: &Uri) -> String {
    let host = address.host().unwrap_or("the hub");
    match address.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn locations_of_every_form() {
        let base: Uri = "https://hub.example:8443/a/b/c?x=1".parse().unwrap();
        let to = |location: &str| joined(&base, location).map(|address| address.to_string());
        assert_eq!(to("/api/x?y").unwrap(), "https://hub.example:8443/api/x?y");
        assert_eq!(to("d").unwrap(), "https://hub.example:8443/a/b/d");
        assert_eq!(to("//cdn.example/d#part").unwrap(), "https://cdn.example/d");
        assert_eq!(to("http://cdn.example/d?u=http://x").unwrap(), "http://cdn.example/d?u=http://x");
        assert_eq!(to("/d?u=http://x").unwrap(), "https://hub.example:8443/d?u=http://x");
        assert_eq!(to("d?u=http://x").unwrap(), "https://hub.example:8443/a/b/d?u=http://x");
        for wrong in ["file:///etc/passwd", "ftp://x/y", "https://", "http://a b/"] {
            assert!(to(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_token_s_origin_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| of_origin(&a.parse().unwrap(), &b.parse().unwrap());
        assert!(same("https://Hub.example/a", "https://hub.example:443"));
        assert!(same("http://hub.example:80/a", "http://hub.example"));
        for other in
            ["http://hub.example", "https://hub.example:444", "https://x.hub.example", "https://hub.example.org"]
        {
            assert!(!same(other, "https://hub.example"), "{other}");
        }
        assert!(same("https://me:secret@hub.example/a", "https://hub.example"));
        assert_eq!(shown(&"https://me:secret@hub.example:1/a?signature".parse().unwrap()), "hub.example:1");
    }

    #[test]
    fn parts_of_paths() {
        assert_eq!(encoded("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(encoded("v1.0-rc_1~x é"), "v1.0-rc_1~x%20%C3%A9");
    }
}

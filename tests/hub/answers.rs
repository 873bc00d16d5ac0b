//! Answers of the hub and its mirrors: redirects, headers, and what is missing in them.

use indic_seamless::{HubErrorKind as Kind, checkpoint::HubModel};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use tempfile::TempDir;

use crate::{
    NEEDED, SHARD, assert_complete, assert_same_files, blob, download, failure, model, names,
    server::Hub,
    state::{OLD_ID, hex},
};

/// A download from a hub that behaves in some way.
fn complete(behave: impl Fn(&Hub)) -> Hub {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    behave(&hub);
    let dir = download(&hub.model(&cache)).unwrap();
    assert_complete(&dir, &hub);
    // By what the hub says of them, wherever that stands.
    for name in NEEDED {
        assert!(blob(&cache, &hub, name).exists(), "{name}");
    }
    assert_eq!(download(&hub.model(&cache).offline(true)).unwrap(), dir);
    hub
}

#[test]
fn small_files_are_redirected_to_the_hub_s_own_cache() {
    for status in [302, 307] {
        let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
        hub.state().redirect_small = Some(status);
        hub.state().gate = Some("hf_secret");
        assert_complete(&download(&hub.model(&cache).token("hf_secret")).unwrap(), &hub);
        let paths: Vec<_> = hub.seen().into_iter().map(|seen| seen.request.path).collect();
        assert!(paths.iter().any(|path| path.starts_with("/api/resolve-cache/models/someone/tiny/")), "{paths:?}");
    }
}

#[test]
fn the_store_is_asked_without_the_token_and_by_the_address_that_the_hub_signs() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().gate = Some("hf_secret");
    assert_complete(&download(&hub.model(&cache).token("hf_secret")).unwrap(), &hub);
    let seen = hub.seen();
    let stored: Vec<_> = seen.iter().filter(|seen| seen.elsewhere).collect();
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().all(|seen| seen.request.method == "GET" && seen.request.header("authorization").is_empty()));
    let hub = seen.iter().filter(|seen| !seen.elsewhere);
    hub.for_each(|seen| assert_eq!(seen.request.header("authorization"), "Bearer hf_secret"));
}

#[test]
fn an_address_that_has_expired_is_asked_for_again() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().expired = 1;
    assert_complete(&download(&hub.model(&cache).retries(1)).unwrap(), &hub);
    let cache = TempDir::new().unwrap();
    hub.state().expired = usize::MAX;
    let (kind, expired) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::Network && expired.contains("403"), "{expired}");
}

#[test]
fn xet_headers_are_passed_over() {
    let hub = complete(|hub| hub.state().xet = true);
    assert!(hub.seen().iter().all(|seen| !seen.request.path.contains("xet")));
    complete(|hub| hub.state().xet = false);
}

#[test]
fn servers_that_do_not_know_head_or_leave_out_lengths() {
    for status in [400, 405, 501] {
        complete(|hub| hub.state().head = status);
    }
    complete(|hub| hub.state().no_length = true);
    // Nor does the list have lengths.
    complete(|hub| {
        let mut state = hub.state();
        (state.no_length, state.no_hashes) = (true, true);
    });
}

#[test]
fn a_proxy_that_strips_headers() {
    complete(|hub| hub.state().strip = true);
    complete(|hub| {
        let mut state = hub.state();
        (state.strip, state.head) = (true, 405);
    });
    // Without hashes anywhere nothing would be certain.
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    (hub.state().strip, hub.state().no_hashes) = (true, true);
    let (kind, stripped) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::InvalidAnswer && stripped.contains("etag") && stripped.contains("proxy"), "{stripped}");
}

#[test]
fn etags_of_a_mirror_s_own() {
    complete(|hub| hub.state().own_etags = Some(|content| format!("mirror-{}", content.len())));
    // Without hashes in its list, lengths and names are what there is.
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().own_etags = Some(|content| format!("{}-{}", content[0], content.len()));
    hub.state().no_hashes = true;
    assert_same_files(&download(&hub.model(&cache)).unwrap(), &hub);
    // The SHA-1 of the bare content.
    let cache = TempDir::new().unwrap();
    hub.state().own_etags = Some(|content| hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, content).as_ref()));
    assert_same_files(&download(&hub.model(&cache)).unwrap(), &hub);
    let cache = TempDir::new().unwrap();
    hub.state().corrupt = Some((SHARD, 2));
    assert_eq!(failure(download(&hub.model(&cache))).0, Kind::InvalidAnswer);
}

#[test]
fn a_model_that_has_moved() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().gate = Some("hf_secret");
    let moved = HubModel::new(OLD_ID).endpoint(&hub.endpoint).cache_dir(cache.path()).token("hf_secret").offline(false);
    let dir = download(&moved).unwrap();
    assert_complete(&dir, &hub);
    // Under the name that was asked for, as the Python library has it.
    assert_eq!(names(cache.path()), [".locks", "models--someone--old-name"]);
}

#[test]
fn a_hub_below_a_path() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().below = "/artifactory/hf";
    assert_complete(&download(&model(&format!("{}/artifactory/hf/", hub.endpoint), &cache)).unwrap(), &hub);
}

#[test]
fn answers_that_are_none_of_a_hub() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().page = Some("<html>Please log in</html>");
    let (kind, page) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::InvalidAnswer && page.contains("login"), "{page}");
    hub.state().page = Some(r#"{"error": "what?"}"#);
    let (kind, page) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::InvalidAnswer && page.contains("sha"), "{page}");
    hub.state().page = None;
    let dir = download(&hub.model(&cache)).unwrap();
    // With all files in the cache it is no obstacle.
    hub.state().page = Some("<html>Please log in</html>");
    assert_eq!(download(&hub.model(&cache)).unwrap(), dir);
}

#[test]
fn redirects_in_a_circle_and_to_nowhere() {
    for (location, wanted) in
        [("/api/models/someone/old-name", "circle"), ("", "nowhere"), ("file:///x", "web address")]
    {
        let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
        hub.state().redirect = Some(location);
        let (kind, text) = failure(download(&hub.model(&cache)));
        assert!(kind == Kind::InvalidAnswer && text.contains(wanted), "{text}");
    }
}

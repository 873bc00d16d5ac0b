//! What the hub refuses, and what the error says of it.

use indic_seamless::{Error, HubErrorKind as Kind, checkpoint::HubModel};
use tempfile::TempDir;

use crate::{ID, INDEX, NOWHERE, SHARD, download, failure, folder, model, names, reason, server::Hub};

#[test]
fn gated_models_say_what_to_do_and_keep_the_token_to_themselves() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    hub.state().gate = Some("hf_secret");
    let page = format!("accept the licence at {}/{ID}", hub.endpoint);
    let (kind, without) = failure(download(&hub.model(&cache)));
    assert_eq!(kind, Kind::Unauthorized);
    assert!(without.contains(&page) && without.contains("set HF_TOKEN") && without.contains("401"), "{without}");

    let wrong = hub.model(&cache).token("hf_wrong");
    assert!(!format!("{wrong:?}").contains("hf_wrong"));
    let (kind, refused) = failure(download(&wrong));
    assert_eq!(kind, Kind::NotAccepted);
    assert!(refused.contains(&page) && refused.contains("HF_TOKEN") && refused.contains("403"), "{refused}");
    // What the hub says itself.
    assert!(refused.contains("it said so") && !refused.contains("hf_wrong"), "{refused}");
    assert_eq!(names(&folder(&cache).join("snapshots")), [""; 0]);

    download(&hub.model(&cache).token(" hf_secret\n")).unwrap();
    hub.state().status = Some(401);
    let (kind, expired) = failure(download(&hub.model(&cache).token("hf_wrong")));
    assert_eq!(kind, Kind::Unauthorized);
    assert!(expired.contains("expired") && !expired.contains("hf_wrong"), "{expired}");
}

#[test]
fn what_the_hub_s_error_codes_mean() {
    for (status, code, token, wanted) in [
        (401, "GatedRepo", "", Kind::Unauthorized),
        (401, "", "hf_expired", Kind::Unauthorized),
        (401, "RepoNotFound", "", Kind::ModelNotFound),
        (403, "GatedRepo", "hf_mine", Kind::NotAccepted),
        (403, "", "hf_fine_grained", Kind::NotAccepted),
        (404, "RepoNotFound", "hf_mine", Kind::ModelNotFound),
        (404, "RevisionNotFound", "", Kind::RevisionNotFound),
        (404, "EntryNotFound", "", Kind::FileNotFound),
        (418, "", "", Kind::InvalidAnswer),
        (503, "", "", Kind::Network),
    ] {
        let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
        hub.state().refusal = Some((status, code, if status < 500 { "Access is restricted" } else { "" }));
        let (kind, text) = failure(download(&hub.model(&cache).token(token)));
        assert_eq!(kind, wanted, "{status} {code}: {text}");
        assert!(text.contains(&status.to_string()), "{text}");
        assert!(status >= 500 || text.contains("Access is restricted"), "{text}");
        assert!(token.is_empty() || !text.contains(token), "{text}");
    }
}

#[test]
fn what_the_hub_does_not_have() {
    let (hub, cache) = (Hub::start(), TempDir::new().unwrap());
    let none = HubModel::new("someone/else").endpoint(&hub.endpoint).cache_dir(cache.path()).offline(false);
    let (kind, private) = failure(download(&none.clone().token("")));
    assert!(kind == Kind::ModelNotFound && private.contains("no such model") && private.contains("401"), "{private}");
    let (kind, none) = failure(download(&none.token("hf_mine")));
    assert!(
        kind == Kind::ModelNotFound && none.contains("has no model someone/else") && none.contains("404"),
        "{none}"
    );
    let (kind, revision) = failure(download(&hub.model(&cache).revision("v9")));
    assert!(kind == Kind::RevisionNotFound && revision.contains("at revision v9") && revision.contains("404"));
    hub.state().files.remove("config.json");
    let (kind, config) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::FileNotFound && config.contains("has no config.json"), "{config}");
    // Listed and not there, by a mirror that says so without a code.
    hub.state().absent = Some("config.json");
    hub.state().files.insert("config.json".to_owned(), b"{}".to_vec());
    let (kind, config) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::FileNotFound && config.contains("has no config.json"), "{config}");
    hub.state().absent = None;
    hub.state().files.remove(SHARD);
    let (kind, shard) = failure(download(&hub.model(&cache)));
    assert!(kind == Kind::FileNotFound && shard.contains(SHARD), "{shard}");
    hub.state().files.insert(INDEX.to_owned(), br#"{"weight_map": {"shared.weight": "../../up"}}"#.to_vec());
    let cache = TempDir::new().unwrap();
    assert!(reason(download(&hub.model(&cache))).contains("same folder"));
    hub.state().commit = "../../up".to_owned();
    assert!(reason(download(&hub.model(&cache))).contains("wanted a hash"));
}

#[test]
fn without_network_or_cache_the_error_tells_the_way_out() {
    let cache = TempDir::new().unwrap();
    let (kind, unreachable) = failure(download(&model(NOWHERE, &cache)));
    assert_eq!(kind, Kind::Network);
    assert!(unreachable.contains("cannot be reached") && unreachable.contains("--model DIR"), "{unreachable}");
    let (kind, offline) = failure(download(&model(NOWHERE, &cache).offline(true)));
    assert_eq!(kind, Kind::Offline);
    assert!(offline.contains("offline") && offline.contains("--model DIR"), "{offline}");
    assert!(offline.contains(cache.path().to_str().unwrap()), "{offline}");
}

#[test]
fn settings_that_make_no_sense() {
    for id in ["", "tiny", "a/b/c", "/b", "a/", "a b/c", "../b", "a/..", "https://huggingface.co/a/b"] {
        let error = download(&HubModel::new(id).offline(true)).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { option: "model", .. }), "{id}: {error}");
    }
    for revision in ["", "../x", "a/../b", "/a", "a b", "a?b", "a//b"] {
        let error = download(&HubModel::new(ID).revision(revision).offline(true)).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { option: "revision", .. }), "{revision}: {error}");
    }
    for endpoint in ["huggingface.co", "https://", "http://a b"] {
        let error = download(&HubModel::new(ID).endpoint(endpoint).offline(true)).unwrap_err();
        assert!(matches!(error, Error::InvalidOption { option: "endpoint", .. }), "{endpoint}: {error}");
    }
    let token = download(&HubModel::new(ID).token("hf_\u{e9}\n1").offline(true)).unwrap_err();
    assert!(matches!(token, Error::InvalidOption { option: "token", .. }), "{token}");
    assert!(!token.to_string().contains('\u{e9}'), "{token}");
}

//! Which files of a model speech-to-text needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path},
};

use serde::Deserialize;

use crate::checkpoint::{
    source::{CONFIG, GENERATION, OTHERS, PIECES, TOKENIZER},
    weights::{INDEX, SINGLE as WEIGHTS, is_needed},
};

/// Whether a name that came from elsewhere stays in its folder.
pub(super) fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(part)), None) if part == name)
        && !name.contains('\\')
}

/// The files to get, but for shards.
pub(super) fn first_files(there: &BTreeSet<&str>) -> Result<Vec<String>, String> {
    let mut names = vec![CONFIG];
    names.extend(OTHERS.into_iter().filter(|name| there.contains(name)));
    let either = |preferred: &'static str, other: &'static str| {
        let found = [preferred, other].into_iter().find(|name| there.contains(name));
        found.ok_or_else(|| format!("the model has neither {preferred} nor {other}"))
    };
    names.push(either(PIECES, TOKENIZER)?);
    // As in transformers: an index beside a single file may be one of weights that are gone.
    names.push(either(WEIGHTS, INDEX)?);
    match names.iter().find(|name| !there.contains(*name)) {
        Some(missing) => Err(format!("the model has no {missing}")),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// The shards that hold tensors of speech-to-text; the other parts of a full model may lie elsewhere.
pub(super) fn needed_shards(index: &Path) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let json = fs::read(index).map_err(|error| format!("cannot read {}: {error}", index.display()))?;
    let index: Index = serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", index.display()))?;
    let shards = index.weight_map.into_iter().filter(|(tensor, _)| is_needed(tensor)).map(|(_, shard)| shard);
    let shards: BTreeSet<String> = shards.collect();
    match shards.iter().find(|shard| !is_plain(shard)) {
        Some(shard) => Err(format!("the model's index names {shard:?}, wanted a file of the same folder")),
        None if shards.is_empty() => Err("the model's index names no tensor of a speech-to-text model".to_owned()),
        None => Ok(shards),
    }
}

/// Whether a folder has all that a model needs; `is_absent` tells of a file whether the model is known to lack it.
pub(super) fn is_complete(dir: &Path, is_absent: impl Fn(&str) -> bool) -> bool {
    let has = |name: &str| dir.join(name).exists();
    let shards = || needed_shards(&dir.join(INDEX)).is_ok_and(|shards| shards.iter().all(|shard| has(shard)));
    has(CONFIG)
        && (has(GENERATION) || is_absent(GENERATION))
        && (has(PIECES) || has(TOKENIZER))
        && (has(WEIGHTS) || has(INDEX) && shards())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_their_folder_are_refused() {
        for name in ["", ".", "..", "/a", "a/b", "../a", "a/", "a\\b", "./a"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("model-00001-of-00002.safetensors"));
    }

    #[test]
    fn only_what_speech_to_text_needs() {
        let files = |there: &[&'static str]| first_files(&there.iter().copied().collect());
        let all = files(&[CONFIG, PIECES, TOKENIZER, INDEX, WEIGHTS, "README.md", "added_tokens.json"]).unwrap();
        assert_eq!(all, [CONFIG, "added_tokens.json", PIECES, WEIGHTS]);
        assert_eq!(files(&[CONFIG, TOKENIZER, INDEX]).unwrap(), [CONFIG, TOKENIZER, INDEX]);
        assert_eq!(files(&[CONFIG, TOKENIZER, WEIGHTS]).unwrap(), [CONFIG, TOKENIZER, WEIGHTS]);
        assert!(files(&[TOKENIZER, WEIGHTS]).unwrap_err().contains(CONFIG));
        assert!(files(&[CONFIG, WEIGHTS]).unwrap_err().contains(PIECES));
        assert!(files(&[CONFIG, PIECES]).unwrap_err().contains(INDEX));

        let dir = tempfile::tempdir().unwrap();
        let shards = |json: &str| {
            fs::write(dir.path().join(INDEX), json).unwrap();
            needed_shards(&dir.path().join(INDEX))
        };
        let full = r#"{"weight_map": {"speech_encoder.a": "1", "text_decoder.b": "1", "shared.weight": "2",
            "vocoder.c": "3", "t2u_model.d": "2", "text_encoder.e": "4"}}"#;
        assert_eq!(shards(full).unwrap().into_iter().collect::<Vec<_>>(), ["1", "2"]);
        assert!(shards(r#"{"weight_map": {"shared.weight": "../x"}}"#).unwrap_err().contains("same folder"));
        assert!(shards(r#"{"weight_map": {"vocoder.c": "3"}}"#).unwrap_err().contains("no tensor"));
        assert!(shards("[]").is_err());
    }

    #[test]
    fn what_a_complete_snapshot_has() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let complete = || is_complete(dir.path(), |_| false);
        write(CONFIG, "{}");
        write(TOKENIZER, "{}");
        write(INDEX, r#"{"weight_map": {"shared.weight": "1"}}"#);
        write("1", "");
        assert!(!complete() && is_complete(dir.path(), |name| name == GENERATION));
        write(GENERATION, "{}");
        assert!(complete());
        fs::remove_file(dir.path().join("1")).unwrap();
        assert!(!complete());
        // A single file is used whatever an index says.
        write(WEIGHTS, "");
        assert!(complete());
        fs::remove_file(dir.path().join(TOKENIZER)).unwrap();
        assert!(!complete());
    }
}

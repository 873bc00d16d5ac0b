//! The files of a model that speech-to-text needs.

use std::{collections::BTreeSet, fs, path::Path};

use crate::checkpoint::{
    layout::{CONFIG, GENERATION, INDEX, OTHERS, SENTENCEPIECE, TOKENIZER_JSON, WEIGHTS},
    shards::ShardIndex,
};

/// The files to download, without shards.
pub(super) fn first_files(there: &BTreeSet<&str>) -> Result<Vec<String>, String> {
    let mut names = vec![CONFIG];
    names.extend(OTHERS.into_iter().filter(|name| there.contains(name)));
    let either = |preferred: &'static str, other: &'static str| {
        let found = [preferred, other].into_iter().find(|name| there.contains(name));
        found.ok_or_else(|| format!("the model has neither {preferred} nor {other}"))
    };
    names.push(either(SENTENCEPIECE, TOKENIZER_JSON)?);
    // As in transformers: an index beside a single file may be out of date.
    names.push(either(WEIGHTS, INDEX)?);
    match names.iter().find(|name| !there.contains(*name)) {
        Some(missing) => Err(format!("the model has no {missing}")),
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// The shards that hold tensors of speech-to-text.
pub(super) fn needed_shards(index: &Path) -> Result<BTreeSet<String>, String> {
    let json = fs::read(index).map_err(|error| format!("cannot read {}: {error}", index.display()))?;
    let parsed = ShardIndex::parse(&json, index).map_err(|error| error.to_string())?;
    let shards = parsed.needed_shards(index).map_err(|error| error.to_string())?;
    if shards.is_empty() {
        return Err("the model's index names no tensor of a speech-to-text model".to_owned());
    }
    Ok(shards.into_iter().map(str::to_owned).collect())
}

/// Whether a folder has all files that a model needs. `is_absent` says whether the model is known to lack a file.
pub(super) fn is_complete(dir: &Path, is_absent: impl Fn(&str) -> bool) -> bool {
    let has = |name: &str| dir.join(name).exists();
    let shards = || needed_shards(&dir.join(INDEX)).is_ok_and(|shards| shards.iter().all(|shard| has(shard)));
    has(CONFIG)
        && (has(GENERATION) || is_absent(GENERATION))
        && (has(SENTENCEPIECE) || has(TOKENIZER_JSON))
        && (has(WEIGHTS) || has(INDEX) && shards())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn only_what_speech_to_text_needs() {
        let files = |there: &[&'static str]| first_files(&there.iter().copied().collect());
        let all =
            files(&[CONFIG, SENTENCEPIECE, TOKENIZER_JSON, INDEX, WEIGHTS, "README.md", "added_tokens.json"]).unwrap();
        assert_eq!(all, [CONFIG, "added_tokens.json", SENTENCEPIECE, WEIGHTS]);
        assert_eq!(files(&[CONFIG, TOKENIZER_JSON, INDEX]).unwrap(), [CONFIG, TOKENIZER_JSON, INDEX]);
        assert_eq!(files(&[CONFIG, TOKENIZER_JSON, WEIGHTS]).unwrap(), [CONFIG, TOKENIZER_JSON, WEIGHTS]);
        assert!(files(&[TOKENIZER_JSON, WEIGHTS]).unwrap_err().contains(CONFIG));
        assert!(files(&[CONFIG, WEIGHTS]).unwrap_err().contains(SENTENCEPIECE));
        assert!(files(&[CONFIG, SENTENCEPIECE]).unwrap_err().contains(INDEX));

        let dir = tempfile::tempdir().unwrap();
        let shards = |json: &str| {
            fs::write(dir.path().join(INDEX), json).unwrap();
            needed_shards(&dir.path().join(INDEX))
        };
        let index = r#"{"weight_map": {"speech_encoder.a": "1", "shared.weight": "2", "vocoder.c": "3"}}"#;
        assert_eq!(shards(index).unwrap().into_iter().collect::<Vec<_>>(), ["1", "2"]);
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
        write(TOKENIZER_JSON, "{}");
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
        fs::remove_file(dir.path().join(TOKENIZER_JSON)).unwrap();
        assert!(!complete());
    }
}

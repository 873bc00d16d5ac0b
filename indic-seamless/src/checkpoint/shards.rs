//! The index of a checkpoint whose weights are in several files.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path},
};

use serde::Deserialize;

use crate::error::{Error, Result};

/// `model.safetensors.index.json`: the shard that holds each tensor.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ShardIndex {
    /// Tensor -> file name, which may be anything: see [`is_plain`].
    weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    /// Reads the index; `path` is for errors.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if it is not such JSON.
    pub(super) fn parse(json: &[u8], path: &Path) -> Result<Self> {
        serde_json::from_slice(json).map_err(Error::invalid_file(path))
    }

    /// The names of all tensors, each with its shard.
    pub(super) fn tensors(self) -> BTreeMap<String, String> {
        self.weight_map
    }

    /// The shards that hold tensors of speech-to-text. The other parts of a full model may be in shards of their own, which
    /// need not exist.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if one of them is not in the folder of the index.
    pub(super) fn needed_shards(&self, path: &Path) -> Result<BTreeSet<&str>> {
        let needed = self.weight_map.iter().filter(|(tensor, _)| is_needed(tensor));
        needed
            .map(|(tensor, shard)| if is_plain(shard) { Ok(&**shard) } else { Err(wrong_shard(path, tensor, shard)) })
            .collect()
    }
}

/// The error for a shard outside of the folder of the index.
pub(super) fn wrong_shard(path: &Path, tensor: &str, shard: &str) -> Error {
    let reason = format!("shard {shard:?} for {tensor} found, wanted a file of the same folder");
    Error::InvalidFile { path: path.into(), reason }
}

/// Whether a name from an index or a server names a file of the folder that it is used in.
pub(super) fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(part)), None) if part == name)
        && !name.contains('\\')
}

/// Whether a tensor of the full model is part of speech-to-text.
pub(super) fn is_needed(name: &str) -> bool {
    ["speech_encoder.", "text_decoder.", "shared.", "lm_head."].iter().any(|part| name.starts_with(part))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn names_outside_of_the_folder_are_refused() {
        for name in ["", ".", "..", "/a", "a/b", "../a", "a/", "a\\b", "./a"] {
            assert!(!is_plain(name), "{name}");
        }
        assert!(is_plain("model-00001-of-00002.safetensors"));
    }

    #[test]
    fn only_shards_of_speech_to_text_are_needed() {
        let path = Path::new("index");
        let parse = |json: &str| ShardIndex::parse(json.as_bytes(), path).unwrap();
        let full = r#"{"weight_map": {"speech_encoder.a": "1", "text_decoder.b": "1", "shared.weight": "2",
            "vocoder.c": "3", "t2u_model.d": "2", "text_encoder.e": "../4"}}"#;
        assert_eq!(parse(full).needed_shards(path).unwrap().into_iter().collect::<Vec<_>>(), ["1", "2"]);
        let error = parse(r#"{"weight_map": {"shared.weight": "../x"}}"#).needed_shards(path).unwrap_err().to_string();
        assert!(error.contains("shared.weight") && error.contains("same folder"), "{error}");
        assert!(matches!(ShardIndex::parse(b"[]", path), Err(Error::InvalidFile { .. })));
    }
}

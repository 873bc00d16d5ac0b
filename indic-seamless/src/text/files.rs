//! The files that describe a tokenizer, and the JSON ones among them.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};

use crate::{Error, Language, Result};

/// `SentencePiece`'s model.
pub(crate) const SENTENCEPIECE: &str = "sentencepiece.bpe.model";
/// The `tokenizers` library's file.
pub(crate) const TOKENIZER_JSON: &str = "tokenizer.json";
const ADDED_TOKENS: &str = "added_tokens.json";
const CONFIG: &str = "tokenizer_config.json";

/// The contents of the files that a tokenizer is made from.
///
/// One of `sentencepiece` (preferred) and `tokenizer_json` has to be there; without the other two the languages are
/// taken to follow the last piece in the order of their codes.
#[derive(Clone, Default)]
pub struct TokenizerFiles {
    /// `sentencepiece.bpe.model`.
    pub sentencepiece: Option<Cow<'static, [u8]>>,
    /// `tokenizer.json`.
    pub tokenizer_json: Option<Cow<'static, [u8]>>,
    /// `added_tokens.json`.
    pub added_tokens: Option<Cow<'static, [u8]>>,
    /// `tokenizer_config.json`.
    pub config: Option<Cow<'static, [u8]>>,
}

impl fmt::Debug for TokenizerFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |file: &Option<Cow<'static, [u8]>>| file.as_ref().map(|bytes| bytes.len());
        f.debug_struct("TokenizerFiles")
            .field("sentencepiece", &length(&self.sentencepiece))
            .field("tokenizer_json", &length(&self.tokenizer_json))
            .field("added_tokens", &length(&self.added_tokens))
            .field("config", &length(&self.config))
            .finish()
    }
}

impl TokenizerFiles {
    /// Reads what is there in the folder of a checkpoint. `tokenizer.json`, by far the largest, is read only if there
    /// is something that no other file tells.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] if neither model file is there, [`Error::Io`] if a file cannot be read.
    pub fn read(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        Self::read_with(dir, |name| read(dir, name))
    }

    /// [`read`](Self::read) with another way to get a file by its name; `dir` is for errors.
    pub(crate) fn read_with(
        dir: &Path,
        mut read: impl FnMut(&str) -> Result<Option<Cow<'static, [u8]>>>,
    ) -> Result<Self> {
        let sentencepiece = read(SENTENCEPIECE)?;
        let (added_tokens, config) = (read(ADDED_TOKENS)?, read(CONFIG)?);
        let key = b"added_tokens_decoder";
        let named = config.as_ref().is_some_and(|config| config.windows(key.len()).any(|window| window == key));
        let complete = sentencepiece.is_some() && (added_tokens.is_some() || named);
        let tokenizer_json = if complete { None } else { read(TOKENIZER_JSON)? };
        if sentencepiece.is_none() && tokenizer_json.is_none() {
            return Err(missing(dir));
        }
        Ok(Self { sentencepiece, tokenizer_json, added_tokens, config })
    }
}

/// The error for a folder without any model file.
pub(crate) fn missing(dir: &Path) -> Error {
    Error::MissingFile { dir: dir.into(), wanted: format!("{SENTENCEPIECE} or {TOKENIZER_JSON}") }
}

fn read(dir: &Path, name: &str) -> Result<Option<Cow<'static, [u8]>>> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// A token that is no piece of text: it marks a language, the end of a sentence and the like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AddedToken {
    pub(crate) text: String,
    /// Whether `skip_special_tokens` drops it.
    pub(crate) special: bool,
}

/// What the JSON files tell beside the pieces.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) added: BTreeMap<u32, AddedToken>,
    pub(crate) clean_up: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    clean_up_tokenization_spaces: Option<bool>,
    added_tokens_decoder: BTreeMap<u32, Content>,
}

#[derive(Deserialize)]
struct Content {
    content: String,
    #[serde(default = "yes")]
    special: bool,
}

fn yes() -> bool {
    true
}

impl Settings {
    /// Reads the added tokens from the first file that has any, in the reference's order; `pieces` is the number of
    /// ids that the pieces take.
    pub(crate) fn new(
        files: &TokenizerFiles,
        dir: &Path,
        json: Option<&TokenizerJson<'_>>,
        pieces: usize,
    ) -> Result<Self> {
        let config: Config = files.config.as_ref().map_or(Ok(Config::default()), |bytes| parse(bytes, dir, CONFIG))?;
        let mut added: BTreeMap<u32, AddedToken> = config
            .added_tokens_decoder
            .into_iter()
            .map(|(id, token)| (id, AddedToken { text: token.content, special: token.special }))
            .collect();
        if let (true, Some(bytes)) = (added.is_empty(), &files.added_tokens) {
            let tokens: BTreeMap<String, u32> = parse(bytes, dir, ADDED_TOKENS)?;
            added = tokens.into_iter().map(|(text, id)| (id, AddedToken { text, special: true })).collect();
        }
        if let (true, Some(json)) = (added.is_empty(), json) {
            let tokens = json.added_tokens.iter();
            added = tokens.map(|t| (t.id, AddedToken { text: t.content.clone(), special: t.special })).collect();
        }
        if added.is_empty() {
            let ids = pieces as u32..;
            added = ids.zip(Language::all().map(|l| AddedToken { text: l.token(), special: true })).collect();
        }
        for (id, text) in ["<pad>", "<unk>", "<s>", "</s>"].into_iter().enumerate() {
            added.entry(id as u32).or_insert_with(|| AddedToken { text: text.to_owned(), special: true });
        }
        Ok(Self { added, clean_up: config.clean_up_tokenization_spaces.unwrap_or(false) })
    }
}

/// Parses a JSON file.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], dir: &Path, name: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| invalid(dir, name, error))
}

/// The error for a file whose content is wrong.
pub(crate) fn invalid(dir: &Path, name: &str, reason: impl fmt::Display) -> Error {
    Error::InvalidFile { path: PathBuf::from(dir).join(name), reason: reason.to_string() }
}

/// The parts of `tokenizer.json` that decoding needs.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenizerJson<'a> {
    #[serde(default)]
    added_tokens: Vec<JsonToken>,
    #[serde(borrow)]
    pub(crate) model: JsonModel<'a>,
}

#[derive(Debug, Deserialize)]
struct JsonToken {
    id: u32,
    content: String,
    #[serde(default = "yes")]
    special: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct JsonModel<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow, deserialize_with = "vocabulary")]
    pub(crate) vocab: Vec<(Cow<'a, str>, u32)>,
}

impl<'a> TokenizerJson<'a> {
    pub(crate) fn parse(bytes: &'a [u8], dir: &Path) -> Result<Self> {
        let json: Self = serde_json::from_slice(bytes).map_err(|error| invalid(dir, TOKENIZER_JSON, error))?;
        match json.model.kind.as_deref() {
            None | Some("BPE") => Ok(json),
            Some(kind) => Err(invalid(dir, TOKENIZER_JSON, format_args!("model.type is {kind}, wanted BPE"))),
        }
    }
}

/// Reads a map as a list: 256 000 entries need no hashing to be put in order.
fn vocabulary<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(Cow<'de, str>, u32)>, D::Error> {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(Cow<'de, str>, u32)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from pieces to ids")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(Text(piece)) = map.next_key()? {
                entries.push((piece, map.next_value()?));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries)
}

/// A string that is borrowed unless it has escapes; a bare `Cow` would always be copied.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

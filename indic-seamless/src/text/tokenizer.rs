//! [`Tokenizer`]: pieces, added tokens and the text they make.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{
    charsmap::BLANK,
    encoder::Encoder,
    files::{AddedToken, SENTENCEPIECE, Settings, TOKENIZER_JSON, TokenizerFiles, TokenizerJson, invalid, missing},
    pieces::PieceModel,
};
use crate::{Error, Language, Result};

/// End of sentence: the same id in every checkpoint of this family.
const EOS: u32 = 3;

/// Rows that the embedding has after the last token which the tokenizer names: marks of mined and translated training
/// data.
const TRAINING_TAGS: [&str; 3] = ["<MINED_DATA>", "<MMT_BT_DATA>", "<SMT_BT_DATA>"];

/// How [`Tokenizer::decode`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeOptions {
    /// Leave out languages, ends of sentences and other tokens that are no text; true by default.
    pub skip_special_tokens: bool,
    /// Take away the blank before English punctuation and contractions (`it 's .` becomes `it's.`); by default as
    /// the checkpoint says in `clean_up_tokenization_spaces`.
    pub clean_up: Option<bool>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { skip_special_tokens: true, clean_up: None }
    }
}

/// The tokenizer of a checkpoint.
///
/// ```no_run
/// use indic_seamless::{
///     Language,
///     text::{DecodeOptions, Tokenizer},
/// };
///
/// # fn main() -> indic_seamless::Result<()> {
/// let tokenizer = Tokenizer::from_dir("path/to/indic-seamless")?;
/// let tokens = tokenizer.encode_target("नमस्ते", Language::HINDI)?;
/// assert_eq!(tokenizer.decode(&tokens, DecodeOptions::default())?, "नमस्ते");
/// # Ok(())
/// # }
/// ```
pub struct Tokenizer {
    pieces: Pieces,
    added: BTreeMap<u32, AddedToken>,
    /// How many ids the files name; the training tags come after.
    named: usize,
    languages: Vec<Option<u32>>,
    clean_up: bool,
    dir: PathBuf,
    source: Source,
    /// Built when text is encoded for the first time: transcription only decodes.
    encoder: OnceLock<Encoder>,
}

/// The file that the pieces came from.
enum Source {
    SentencePiece(Cow<'static, [u8]>),
    Json(Cow<'static, [u8]>),
}

/// The texts of all pieces, one after the other, and where each of them ends.
#[derive(Default)]
struct Pieces {
    text: String,
    ends: Vec<usize>,
}

impl Pieces {
    fn push(&mut self, piece: &str) {
        self.text.push_str(piece);
        self.ends.push(self.text.len());
    }

    fn get(&self, id: u32) -> Option<&str> {
        let id = usize::try_from(id).ok()?;
        let start = id.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..*self.ends.get(id)?)
    }

    fn from_sentencepiece(bytes: &[u8], dir: &Path) -> Result<Self> {
        let model = PieceModel::parse(bytes).map_err(|broken| invalid(dir, SENTENCEPIECE, broken))?;
        let first: Vec<&str> = model.pieces.iter().take(3).map(|piece| piece.text).collect();
        if first != ["<unk>", "<s>", "</s>"] {
            let reason = format_args!("its first pieces are {first:?}, wanted <unk>, <s> and </s>");
            return Err(invalid(dir, SENTENCEPIECE, reason));
        }
        let mut pieces = Self { text: String::with_capacity(bytes.len()), ends: Vec::new() };
        pieces.ends.reserve_exact(model.pieces.len() + 1);
        // One id more than SentencePiece itself has, since padding comes first.
        pieces.push("<pad>");
        for piece in &model.pieces {
            pieces.push(piece.text);
        }
        pieces.text.shrink_to_fit();
        Ok(pieces)
    }

    fn from_json(json: &mut TokenizerJson<'_>, dir: &Path) -> Result<Self> {
        let vocabulary = &mut json.model.vocab;
        vocabulary.sort_unstable_by_key(|&(_, id)| id);
        let mut pieces = Self::default();
        for (wanted, (piece, id)) in vocabulary.iter().enumerate() {
            if usize::try_from(*id) != Ok(wanted) {
                let reason = format_args!("model.vocab has id {id}, wanted {wanted}: each id once, from 0 on");
                return Err(invalid(dir, TOKENIZER_JSON, reason));
            }
            pieces.push(piece);
        }
        Ok(pieces)
    }
}

impl Tokenizer {
    /// Reads the tokenizer in the folder of a checkpoint: from `sentencepiece.bpe.model`, or else `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] if neither is there, [`Error::InvalidFile`] for one that is broken, [`Error::Io`].
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::load(TokenizerFiles::read(dir.as_ref())?, dir.as_ref())
    }

    /// A tokenizer from the contents of its files.
    ///
    /// # Errors
    ///
    /// [`Error::MissingFile`] if there is neither a `SentencePiece` model nor a `tokenizer.json`,
    /// [`Error::InvalidFile`] for one that is broken.
    ///
    /// ```
    /// use indic_seamless::{
    ///     Error,
    ///     text::{Tokenizer, TokenizerFiles},
    /// };
    ///
    /// let files = TokenizerFiles { sentencepiece: Some(b"not a model".into()), ..TokenizerFiles::default() };
    /// assert!(matches!(Tokenizer::from_files(files), Err(Error::InvalidFile { .. })));
    /// ```
    pub fn from_files(files: TokenizerFiles) -> Result<Self> {
        Self::load(files, Path::new(""))
    }

    /// [`from_files`](Self::from_files) with the folder that errors name.
    pub(crate) fn load(mut files: TokenizerFiles, dir: &Path) -> Result<Self> {
        let mut json = files.tokenizer_json.as_deref().map(|bytes| TokenizerJson::parse(bytes, dir)).transpose()?;
        let pieces = match (&files.sentencepiece, &mut json) {
            (Some(bytes), _) => Pieces::from_sentencepiece(bytes, dir)?,
            (None, Some(json)) => Pieces::from_json(json, dir)?,
            (None, None) => return Err(missing(dir)),
        };
        let Settings { mut added, clean_up } = Settings::new(&files, dir, json.as_ref(), pieces.ends.len())?;
        drop(json);
        let source = match (files.sentencepiece.take(), files.tokenizer_json.take()) {
            (Some(bytes), _) => Source::SentencePiece(bytes),
            (None, Some(bytes)) => Source::Json(bytes),
            (None, None) => return Err(missing(dir)),
        };
        let ids: BTreeMap<&str, u32> = added.iter().map(|(&id, token)| (token.text.as_str(), id)).collect();
        let languages = Language::all().map(|language| ids.get(language.token().as_str()).copied()).collect();
        let tagged = ids.contains_key(TRAINING_TAGS[0]);
        let named = pieces.ends.len().max(added.last_key_value().map_or(0, |(&id, _)| id as usize + 1));
        if !tagged {
            let ids = (named..).map_while(|id| u32::try_from(id).ok());
            added.extend(ids.zip(TRAINING_TAGS.map(|text| AddedToken { text: text.to_owned(), special: true })));
        }
        let encoder = OnceLock::new();
        Ok(Self { pieces, added, named, languages, clean_up, dir: dir.into(), source, encoder })
    }

    /// How many ids there are: the rows of the model's embedding, 256 102 in the large model. The last three are
    /// marks of training data that the files do not name.
    pub fn vocab_size(&self) -> usize {
        self.named.max(self.added.last_key_value().map_or(0, |(&id, _)| id as usize + 1))
    }

    /// The text of a token, with `▁` for a blank; `None` beyond the vocabulary.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.added.get(&id).map(|token| token.text.as_str()).or_else(|| self.pieces.get(id))
    }

    /// Whether a token is no text, such as a language or the end of a sentence.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.added.get(&id).is_some_and(|token| token.special)
    }

    /// The token that stands for a language; `None` if the checkpoint does not know it.
    pub fn language_id(&self, language: Language) -> Option<u32> {
        self.languages.get(language.index()).copied().flatten()
    }

    /// The languages that the checkpoint knows.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        Language::all().filter(|&language| self.language_id(language).is_some())
    }

    /// The text of `ids`.
    ///
    /// # Errors
    ///
    /// [`Error::TokenOutOfRange`] for an id beyond the vocabulary.
    pub fn decode(&self, ids: &[u32], options: DecodeOptions) -> Result<String> {
        // Languages and the like stand apart, parted by blanks; the first four tokens count as text, as they do in
        // the reference.
        let mut parts: Vec<Cow<'_, str>> = Vec::new();
        let mut run: Option<String> = None;
        for &id in ids {
            let added = self.added.get(&id);
            if options.skip_special_tokens && added.is_some_and(|token| token.special) {
                continue;
            }
            match added {
                Some(token) if id > EOS => {
                    parts.extend(run.take().map(|run| joined(&run)).filter(|text| !text.is_empty()).map(Cow::Owned));
                    parts.push(token.text.as_str().into());
                }
                _ => {
                    let piece = self.piece(id).ok_or_else(|| Error::TokenOutOfRange {
                        what: "decode".to_owned(),
                        id,
                        vocabulary: self.vocab_size(),
                    })?;
                    run.get_or_insert_default().push_str(piece);
                }
            }
        }
        parts.extend(run.map(|run| Cow::Owned(joined(&run))));
        let text = parts.join(" ");
        Ok(if options.clean_up.unwrap_or(self.clean_up) { cleaned_up(text) } else { text })
    }

    /// The tokens of `text`, none added. The names of tokens inside of it (`</s>`, `__hin__`) become these tokens.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if the checkpoint's tokenizer can only decode; found out at the first call.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.encoder()?.encode(text)
    }

    /// The tokens of `text` as the model takes it for input: `__language__ text </s>`.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode); [`Error::UnknownLanguage`] if the checkpoint does not know the language.
    pub fn encode_source(&self, text: &str, language: Language) -> Result<Vec<u32>> {
        let mut ids = vec![self.known(language)?];
        ids.extend(self.encode(text)?);
        ids.push(EOS);
        Ok(ids)
    }

    /// The tokens of `text` as the model writes it: `</s> __language__ text </s>`.
    ///
    /// # Errors
    ///
    /// As [`encode_source`](Self::encode_source).
    pub fn encode_target(&self, text: &str, language: Language) -> Result<Vec<u32>> {
        let mut ids = vec![EOS];
        ids.extend(self.encode_source(text, language)?);
        Ok(ids)
    }

    fn known(&self, language: Language) -> Result<u32> {
        self.language_id(language).ok_or_else(|| Error::UnknownLanguage {
            found: language.code().to_owned(),
            known: self.languages().map(|known| known.code().to_owned()).collect(),
        })
    }

    fn encoder(&self) -> Result<&Encoder> {
        if let Some(encoder) = self.encoder.get() {
            return Ok(encoder);
        }
        let named = self.added.iter().filter(|&(&id, _)| (id as usize) < self.named);
        let added = named.map(|(&id, token)| (token.text.clone(), id)).collect();
        let encoder = match &self.source {
            Source::SentencePiece(bytes) => Encoder::from_pieces(bytes, added, &self.dir)?,
            Source::Json(bytes) => Encoder::from_json(bytes, added, &self.dir)?,
        };
        Ok(self.encoder.get_or_init(|| encoder))
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, bytes) = match &self.source {
            Source::SentencePiece(bytes) => (SENTENCEPIECE, bytes.len()),
            Source::Json(bytes) => (TOKENIZER_JSON, bytes.len()),
        };
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size())
            .field("languages", &self.languages().count())
            .field("clean_up", &self.clean_up)
            .field("source", &format_args!("{} ({bytes} bytes)", self.dir.join(file).display()))
            .finish_non_exhaustive()
    }
}

/// The text of pieces that follow one another. Python's `strip` also takes the four separators U+001C to U+001F.
fn joined(pieces: &str) -> String {
    let blank = |c: char| c.is_whitespace() || matches!(c, '\x1c'..='\x1f');
    pieces.replace(BLANK, " ").trim_matches(blank).to_owned()
}

/// The reference's `clean_up_tokenization`, in its order.
fn cleaned_up(mut text: String) -> String {
    for (from, to) in [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ] {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    text
}

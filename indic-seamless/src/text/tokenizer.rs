//! [`Tokenizer`]: pieces, added tokens and the text they make.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::OnceLock};

use super::{
    charsmap::BLANK,
    encoder::Encoder,
    json::TokenizerJson,
    pieces::PieceModel,
    settings::{AddedToken, Settings},
    source::{Named, PieceSource, TokenizerSource},
};
use crate::{
    error::{Error, Result},
    language::Language,
    script::Script,
};

/// End of sentence: the same id in every checkpoint of this family.
const EOS: u32 = 3;

/// The last rows of the embedding: marks of mined and translated training data, which the files of the tokenizer do not name.
const TRAINING_TAGS: [&str; 3] = ["<MINED_DATA>", "<MMT_BT_DATA>", "<SMT_BT_DATA>"];

/// Options of [`Tokenizer::decode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeOptions {
    /// Leave out languages, ends of sentences and other special tokens; true by default.
    pub skip_special_tokens: bool,
    /// Remove the blank before English punctuation and contractions (`it 's .` becomes `it's.`). By default the
    /// checkpoint decides, by `clean_up_tokenization_spaces`.
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
    /// The number of ids that the files name. The training tags follow.
    named: usize,
    languages: Vec<Option<u32>>,
    clean_up: bool,
    source: PieceSource,
    /// Built when text is encoded for the first time: transcription only decodes.
    encoder: OnceLock<Encoder>,
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

    fn from_sentencepiece(file: &Named) -> Result<Self> {
        let model = PieceModel::parse(&file.bytes).map_err(|broken| file.invalid(broken))?;
        let first: Vec<&str> = model.pieces.iter().take(3).map(|piece| piece.text).collect();
        if first != ["<unk>", "<s>", "</s>"] {
            let reason = format_args!("its first pieces are {first:?}, wanted <unk>, <s> and </s>");
            return Err(file.invalid(reason));
        }
        let mut pieces = Self { text: String::with_capacity(file.bytes.len()), ends: Vec::new() };
        pieces.ends.reserve_exact(model.pieces.len() + 1);
        // One id more than SentencePiece itself has, since padding comes first.
        pieces.push("<pad>");
        for piece in &model.pieces {
            pieces.push(piece.text);
        }
        pieces.text.shrink_to_fit();
        Ok(pieces)
    }

    fn from_json(json: &mut TokenizerJson<'_>, file: &Named) -> Result<Self> {
        let vocabulary = &mut json.model.vocab;
        vocabulary.sort_unstable_by_key(|&(_, id)| id);
        let mut pieces = Self::default();
        for (wanted, (piece, id)) in vocabulary.iter().enumerate() {
            if usize::try_from(*id) != Ok(wanted) {
                let reason = format_args!("model.vocab has id {id}, wanted {wanted}: each id once, from 0 on");
                return Err(file.invalid(reason));
            }
            pieces.push(piece);
        }
        Ok(pieces)
    }
}

impl Tokenizer {
    /// Makes a tokenizer.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] for broken content.
    pub(crate) fn new(source: TokenizerSource) -> Result<Self> {
        let TokenizerSource { pieces: source, json, added_tokens, config } = source;
        let settings = |json: Option<&TokenizerJson<'_>>, pieces: &Pieces| {
            Settings::new(config.as_ref(), added_tokens.as_ref(), json, pieces.ends.len())
        };
        let (pieces, Settings { mut added, clean_up }) = match &source {
            PieceSource::SentencePiece(file) => {
                let json = json.as_ref().map(TokenizerJson::parse).transpose()?;
                let pieces = Pieces::from_sentencepiece(file)?;
                let settings = settings(json.as_ref(), &pieces)?;
                (pieces, settings)
            }
            PieceSource::Json(file) => {
                let mut json = TokenizerJson::parse(file)?;
                let pieces = Pieces::from_json(&mut json, file)?;
                let settings = settings(Some(&json), &pieces)?;
                (pieces, settings)
            }
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
        Ok(Self { pieces, added, named, languages, clean_up, source, encoder })
    }

    /// The number of ids: the rows of the model's embedding, 256 102 in the large model. The last three are marks of
    /// training data that the files do not name.
    pub fn vocab_size(&self) -> usize {
        self.named.max(self.added.last_key_value().map_or(0, |(&id, _)| id as usize + 1))
    }

    /// The text of a token, with `▁` for a blank; `None` beyond the vocabulary.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.added.get(&id).map(|token| token.text.as_str()).or_else(|| self.pieces.get(id))
    }

    /// Whether a token is special, such as a language or the end of a sentence.
    pub(crate) fn is_special(&self, id: u32) -> bool {
        self.added.get(&id).is_some_and(|token| token.special)
    }

    /// The tokens that a text in `script` may have: those without letters of other scripts, and special ones.
    ///
    /// ```
    /// let transcriber = indic_seamless::Transcriber::demo()?;
    /// let tokens = transcriber.checkpoint().tokenizer().tokens_of("tamil".parse()?);
    /// assert!(tokens.len() < transcriber.model().vocabulary());
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    pub fn tokens_of(&self, script: Script) -> Vec<u32> {
        let writes = |&id: &u32| self.is_special(id) || self.piece(id).is_some_and(|piece| script.writes(piece));
        self.ids().filter(writes).collect()
    }

    /// Whether a model with so many tokens has some of a script with letters: special tokens and signs are of all scripts.
    pub(crate) fn has_letters_of(&self, script: Script, vocabulary: usize) -> bool {
        let writes = |piece: &str| script.has_letters_in(piece) && script.writes(piece);
        let is_text = |id: u32| (id as usize) < vocabulary && !self.is_special(id);
        self.ids().any(|id| is_text(id) && self.piece(id).is_some_and(writes))
    }

    /// The ids of all tokens. Those of added tokens may be far apart.
    fn ids(&self) -> impl Iterator<Item = u32> {
        let pieces = self.pieces.ends.len() as u32;
        (0..pieces).chain(self.added.range(pieces..).map(|(&id, _)| id))
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
        // Added tokens have blanks around them, except the first four ids, which count as text, as in transformers.
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

    /// The tokens of `text` alone. Names of tokens in it (`</s>`, `__hin__`) become these tokens.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidFile`] if the tokenizer of the checkpoint can only decode. The first call finds this out.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        self.encoder()?.encode(text)
    }

    /// The tokens of `text` as an input of the model: `__language__ text </s>`.
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

    /// The tokens of `text` as an output of the model: `</s> __language__ text </s>`.
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
            similar: Vec::new(),
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
            PieceSource::SentencePiece(file) => Encoder::from_pieces(file, added)?,
            PieceSource::Json(file) => Encoder::from_json(file, added)?,
        };
        Ok(self.encoder.get_or_init(|| encoder))
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Named { path, bytes } = self.source.file();
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size())
            .field("languages", &self.languages().count())
            .field("clean_up", &self.clean_up)
            .field("source", &format_args!("{} ({} bytes)", path.display(), bytes.len()))
            .finish_non_exhaustive()
    }
}

/// The text of consecutive pieces. Like Python's `strip`, it also trims the separators U+001C to U+001F.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_with_letters_among_the_tokens_of_the_model() {
        // The first four are special.
        let pieces = r#"{ "model": { "vocab": {
            "<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, "क": 4, "1": 5, "க": 6, "ก": 7
        } } }"#;
        let added = r#"{ "added_tokens_decoder": {
            "7": { "content": "ก", "special": true }, "4294967295": { "content": "ಕ", "special": false }
        } }"#;
        let file = |text: &'static str| Named { path: "a file".into(), bytes: text.as_bytes().into() };
        let (pieces, config) = (PieceSource::Json(file(pieces)), Some(file(added)));
        let tokenizer = Tokenizer::new(TokenizerSource { pieces, json: None, added_tokens: None, config });
        let tokenizer = tokenizer.expect("tokenizer");
        let has = |script: &str, vocabulary| tokenizer.has_letters_of(script.parse().expect("script"), vocabulary);
        assert!(has("devanagari", 8) && has("tamil", 8));
        assert!(!has("tamil", 6) && !has("kannada", 8), "tokens that the model does not have");
        assert!(!has("thai", 8) && !has("latin", 8), "special tokens");
        assert!(!has("greek", 8), "digits");
    }
}

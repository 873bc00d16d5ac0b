//! The names of the files of a checkpoint, as Hugging Face writes them.

/// The sizes of the model.
pub(super) const CONFIG: &str = "config.json";
/// The defaults of the search, and the languages.
pub(super) const GENERATION: &str = "generation_config.json";
/// How features are computed.
pub(super) const PREPROCESSOR: &str = "preprocessor_config.json";
/// The `SentencePiece` model of the tokenizer.
pub(super) const SENTENCEPIECE: &str = "sentencepiece.bpe.model";
/// The tokenizer as the `tokenizers` library writes it.
pub(super) const TOKENIZER_JSON: &str = "tokenizer.json";
/// Settings of the tokenizer, with its added tokens.
pub(super) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
/// The added tokens by themselves.
pub(super) const ADDED_TOKENS: &str = "added_tokens.json";
/// All weights in one file.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// Which shard holds which tensor.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// The small files beside `config.json` and the tokenizer's model. A checkpoint may lack some of them.
pub(super) const OTHERS: [&str; 5] =
    [GENERATION, PREPROCESSOR, TOKENIZER_CONFIG, ADDED_TOKENS, "special_tokens_map.json"];

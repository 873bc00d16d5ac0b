//! Tokens to text and back, as the reference's own (slow) `SentencePiece` tokenizer has it.

mod charsmap;
mod encoder;
mod files;
mod pieces;
mod tokenizer;
mod words;

pub use files::TokenizerFiles;
pub use tokenizer::{DecodeOptions, Tokenizer};
pub use words::WordTokens;

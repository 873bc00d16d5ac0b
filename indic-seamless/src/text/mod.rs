//! Tokens to text and back, equal to the slow `SentencePiece` tokenizer of transformers.
//!
//! A tokenizer is made from bytes. [`checkpoint`](crate::checkpoint) finds the files.

mod charsmap;
mod encoder;
mod json;
mod pieces;
mod settings;
mod source;
mod tokenizer;
mod words;

pub(crate) use source::{Named, PieceSource, TokenizerSource};
pub use tokenizer::{DecodeOptions, Tokenizer};
pub use words::WordTokens;

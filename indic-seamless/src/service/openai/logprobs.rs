//! The log-probabilities of tokens.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    text::Tokenizer,
    transcript::{Segment, Transcript},
};

/// What stands for a blank in the pieces of the tokenizer.
const BLANK: char = '▁';

/// A token and how sure the model is of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = OpenAiLogprob)]
pub(crate) struct Logprob {
    /// The token, with the blank before it.
    token: String,
    /// Its log-probability; 0 is certain.
    logprob: f32,
    /// Its bytes in UTF-8.
    bytes: Vec<u8>,
}

/// The tokens of a segment's text, without special ones, and their log-probabilities.
pub(super) fn tokens<'a>(segment: &'a Segment, tokenizer: &'a Tokenizer) -> impl Iterator<Item = (u32, f32)> + 'a {
    // The log-probabilities are those of the last tokens.
    let first = segment.tokens.len().saturating_sub(segment.logprobs.len());
    let all = segment.tokens.iter().skip(first).copied().zip(segment.logprobs.iter().copied());
    all.filter(|(token, _)| !tokenizer.is_special(*token))
}

/// Those of a segment.
pub(super) fn of_segment(segment: &Segment, tokenizer: &Tokenizer) -> Vec<Logprob> {
    let logprob = |(id, logprob)| {
        let token = tokenizer.piece(id).unwrap_or_default().replace(BLANK, " ");
        Logprob { bytes: token.as_bytes().to_vec(), token, logprob }
    };
    tokens(segment, tokenizer).map(logprob).collect()
}

/// Those of a whole text, which begins without a blank.
pub(super) fn of_transcript(transcript: &Transcript, tokenizer: &Tokenizer) -> Vec<Logprob> {
    let mut all: Vec<_> = transcript.segments.iter().flat_map(|segment| of_segment(segment, tokenizer)).collect();
    begin(&mut all);
    all
}

/// Takes the blank from the first token of a text.
pub(super) fn begin(all: &mut [Logprob]) {
    if let Some(first) = all.first_mut() {
        first.token = first.token.trim_start().to_owned();
        first.bytes = first.token.as_bytes().to_vec();
    }
}

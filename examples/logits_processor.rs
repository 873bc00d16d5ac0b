//! Keeps a word out of the text with a logits processor of your own. Run with:
//!
//! ```text
//! cargo run --release --example logits_processor
//! ```

use std::sync::Arc;

use indic_seamless::{Language, LogitsContext, LogitsProcessor, Result, TranscribeOptions, Transcriber, Waveform};

/// Forbids a token.
struct Forbid(u32);

impl LogitsProcessor for Forbid {
    fn process(&self, _context: &LogitsContext<'_>, scores: &mut [f32]) {
        scores[self.0 as usize] = f32::NEG_INFINITY;
    }
}

fn main() -> Result<()> {
    let transcriber = Transcriber::demo()?;
    let recording = Waveform::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/audio/hindi-1.wav"))?;
    println!("before: {}", transcriber.transcribe(&recording, Language::ENGLISH)?.text);

    let tokens = transcriber.checkpoint().tokenizer().encode("please")?;
    let forbid: Arc<dyn LogitsProcessor> = Arc::new(Forbid(tokens[0]));
    let options = TranscribeOptions { processors: vec![forbid], ..TranscribeOptions::default() };
    println!("after: {}", transcriber.transcribe_with(&recording, Language::ENGLISH, options)?.text);
    Ok(())
}

//! What the benchmarks of this crate share: the model, the recording, and searches of a fixed length.

use std::path::PathBuf;

use clap::Parser;
use indic_seamless::{GenerationConfig, Language, Precision};

/// What is measured.
#[derive(Parser)]
pub(crate) struct Subject {
    /// Folder of a checkpoint
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// Recording
    #[arg(long, value_name = "FILE")]
    pub(crate) audio: PathBuf,
    #[arg(long, default_value = "auto")]
    pub(crate) precision: Precision,
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) threads: usize,
    #[arg(long, default_value = "hin")]
    pub(crate) lang: Language,
    /// Exactly so many tokens are searched for
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub(crate) new_tokens: usize,
}

impl Subject {
    /// A search of exactly [`new_tokens`](Self::new_tokens).
    pub(crate) fn exactly(&self, base: &GenerationConfig) -> GenerationConfig {
        let new_tokens = self.new_tokens;
        GenerationConfig { min_new_tokens: new_tokens, max_new_tokens: new_tokens, ..base.clone() }
    }
}

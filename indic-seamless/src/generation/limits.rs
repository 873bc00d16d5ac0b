//! Limits of a search: what the model can do, and how much memory it takes.

use super::GenerationConfig;
use crate::{
    error::{Error, Result},
    model::config::ModelConfig,
};

/// Tokens in the decoder's prompt: start token and language.
pub(crate) const PROMPT: usize = 2;

/// What a model allows a search, and the memory that the search takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tokens in the vocabulary.
    pub(crate) vocabulary: usize,
    /// The longest sequence of the decoder, `max_position_embeddings`.
    pub(crate) positions: usize,
    /// The most bytes of keys and values that the caches hold for each token of a hypothesis.
    pub(crate) bytes_per_token: usize,
}

impl Limits {
    /// The limits of a model with these sizes.
    pub(crate) fn of(model: &ModelConfig) -> Self {
        Self {
            vocabulary: model.vocab_size,
            positions: model.max_position_embeddings,
            bytes_per_token: 2 * model.decoder_layers * model.hidden_size * size_of::<f32>(),
        }
    }

    /// The most tokens after the prompt.
    pub(crate) fn new_tokens(&self) -> usize {
        self.positions.saturating_sub(PROMPT)
    }

    /// The most bytes that a search of one clip takes: per beam two rows of logits, and the caches.
    pub(crate) fn bytes(&self, config: &GenerationConfig) -> u64 {
        let tokens = (PROMPT.saturating_add(config.max_new_tokens)) as u64;
        let row = (2 * self.vocabulary * size_of::<f32>()) as u64;
        (config.num_beams as u64).saturating_mul(row.saturating_add(tokens.saturating_mul(self.bytes_per_token as u64)))
    }
}

impl GenerationConfig {
    /// All token ids, each with the name of its option.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let all = [
            ("decoder_start_token_id", vec![self.decoder_start_token_id]),
            ("forced_bos_token_id", self.forced_bos_token_id.into_iter().collect()),
            ("eos_token_id", self.eos_token_id.clone()),
            ("forced_eos_token_id", self.forced_eos_token_id.clone()),
            ("suppress_tokens", self.suppress_tokens.clone()),
            ("begin_suppress_tokens", self.begin_suppress_tokens.clone()),
        ];
        all.into_iter().flat_map(|(option, ids)| ids.into_iter().map(move |id| (option, id)))
    }

    /// [`check`](Self::check), and that the model has the tokens and positions, and the machine enough memory.
    /// `memory` is the number of free bytes, if it is known.
    pub(crate) fn check_within(&self, limits: &Limits, memory: Option<u64>) -> Result<()> {
        self.check()?;
        let vocabulary = limits.vocabulary;
        if let Some((option, id)) = self.ids().find(|&(_, id)| id as usize >= vocabulary) {
            return Err(Error::TokenOutOfRange { what: format!("option {option}"), id, vocabulary });
        }
        let most = limits.new_tokens();
        if self.max_new_tokens > most {
            return Err(Error::InvalidOption {
                option: "max_new_tokens",
                found: self.max_new_tokens.to_string(),
                wanted: format!("at most {most}: the model has {} positions", limits.positions),
            });
        }
        match (memory, limits.bytes(self)) {
            (Some(memory), bytes) if bytes > memory => {
                let megabytes = |bytes: u64| bytes / 1_000_000;
                Err(Error::InvalidOption {
                    option: "num_beams",
                    found: format!(
                        "{} with max_new_tokens {}, which may take {} MB",
                        self.num_beams,
                        self.max_new_tokens,
                        megabytes(bytes)
                    ),
                    wanted: format!("fewer beams or tokens: {} MB of memory are free", megabytes(memory)),
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Limits = Limits { vocabulary: 256_102, positions: 4096, bytes_per_token: 24 * 2 * 1024 * 4 };

    fn error(change: impl FnOnce(&mut GenerationConfig)) -> String {
        let mut config = GenerationConfig::default();
        change(&mut config);
        config.check_within(&LARGE, Some(8_000_000_000)).expect_err("beyond the limits").to_string()
    }

    #[test]
    fn what_a_checkpoint_and_memory_allow() {
        let beams = GenerationConfig { num_beams: 5, max_new_tokens: 4094, ..Default::default() };
        assert!(beams.check_within(&LARGE, Some(8_000_000_000)).is_ok());
        assert!(error(|c| c.max_new_tokens = 4095).contains("at most 4094"));
        assert!(error(|c| c.max_new_tokens = usize::MAX).contains("max_new_tokens"));
        assert!(error(|c| c.num_beams = 5000).contains("8000 MB of memory are free"));
        assert!(error(|c| c.num_beams = usize::MAX).contains("num_beams"));
        assert!(beams.check_within(&LARGE, Some(1_000_000_000)).is_err());
        assert!(beams.check_within(&LARGE, None).is_ok());
    }

    #[test]
    fn token_ids_name_their_option() {
        assert!(
            error(|c| c.decoder_start_token_id = 300_000).starts_with("option decoder_start_token_id: token id 300000")
        );
        assert!(error(|c| c.suppress_tokens = vec![1, 256_102]).contains("suppress_tokens"));
        assert!(error(|c| c.eos_token_id = vec![u32::MAX]).contains("eos_token_id"));
        assert!(error(|c| c.forced_bos_token_id = Some(256_102)).contains("wanted one below 256102"));
    }
}

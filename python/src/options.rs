//! The options of a transcription, which come as JSON.

use std::time::{Duration, Instant};

use indic_seamless::{
    AudioOptions, CancelToken, EarlyStopping, Error, GenerationConfig, Language, Priority, Result, ScriptChoice,
    Segmentation, TranscribeOptions,
    audio::{Channel, DamagePolicy},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::audio::invalid;

/// The keyword arguments of `Transcriber.transcribe` that were given.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    pub(crate) language: Option<String>,
    beams: Option<usize>,
    words: bool,
    script: Option<String>,
    segmentation: Option<String>,
    retry: Option<String>,
    priority: Option<String>,
    max_new_tokens: Option<usize>,
    min_new_tokens: Option<usize>,
    no_repeat_ngram_size: Option<usize>,
    repetition_penalty: Option<f32>,
    length_penalty: Option<f64>,
    early_stopping: Option<EarlyStopping>,
    num_return_sequences: Option<usize>,
    timeout: Option<f64>,
    start: Option<f64>,
    duration: Option<f64>,
    channel: Option<usize>,
    damage: Option<String>,
}

impl Options {
    pub(crate) fn language(&self) -> Result<Language> {
        self.language.as_deref().unwrap_or("eng").parse()
    }

    /// Which part of a recording is read, and how; `damage` unless something else was given.
    pub(crate) fn audio(&self, damage: DamagePolicy) -> Result<AudioOptions> {
        let seconds = |option, value| Duration::try_from_secs_f64(value).map_err(|_| invalid(option, value));
        let mut options = AudioOptions::new().max_duration(Duration::MAX).damage(damage);
        if let Some(start) = self.start {
            options = options.start(seconds("start", start)?);
        }
        if let Some(duration) = self.duration {
            options = options.duration(seconds("duration", duration)?);
        }
        if let Some(channel) = self.channel {
            options = options.channel(Channel::Only(channel));
        }
        if let Some(damage) = &self.damage {
            options = options.damage(damage.parse()?);
        }
        Ok(options)
    }

    /// How it is transcribed, with the search of `base` where nothing else was given.
    pub(crate) fn transcription<'a>(
        &self,
        base: &GenerationConfig,
        cancel: &CancelToken,
    ) -> Result<TranscribeOptions<'a>> {
        let parsed = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
        let generation = GenerationConfig {
            num_beams: self.beams.unwrap_or(base.num_beams),
            max_new_tokens: self.max_new_tokens.unwrap_or(base.max_new_tokens),
            min_new_tokens: self.min_new_tokens.unwrap_or(base.min_new_tokens),
            no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(base.no_repeat_ngram_size),
            repetition_penalty: self.repetition_penalty.unwrap_or(base.repetition_penalty),
            length_penalty: self.length_penalty.unwrap_or(base.length_penalty),
            early_stopping: self.early_stopping.unwrap_or(base.early_stopping),
            num_return_sequences: self.num_return_sequences.unwrap_or(base.num_return_sequences),
            ..base.clone()
        };
        let timeout = |seconds: f64| {
            let duration = Duration::try_from_secs_f64(seconds).map_err(|_| invalid("timeout", seconds))?;
            Instant::now().checked_add(duration).ok_or_else(|| invalid("timeout", seconds))
        };
        Ok(TranscribeOptions {
            generation: Some(generation),
            words: self.words,
            script: self.script.as_deref().map(str::parse::<ScriptChoice>).transpose()?.unwrap_or_default(),
            segmentation: self.segmentation.as_deref().map(str::parse::<Segmentation>).transpose()?.unwrap_or_default(),
            retry: parsed(&self.retry)?.unwrap_or_default(),
            priority: self.priority.as_deref().map(str::parse::<Priority>).transpose()?.unwrap_or_default(),
            cancel: cancel.clone(),
            deadline: self.timeout.map(timeout).transpose()?,
            ..TranscribeOptions::default()
        })
    }

    /// From the JSON that the Python part writes.
    pub(crate) fn of(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| Error::InvalidOption {
            option: "options",
            found: Self::wrong(json).unwrap_or_else(|| error.to_string()),
            wanted: "the types that the signature says".to_owned(),
        })
    }

    /// The first option that cannot be read, and why.
    fn wrong(json: &str) -> Option<String> {
        let given: Map<String, Value> = serde_json::from_str(json).ok()?;
        given.into_iter().find_map(|(name, value)| {
            let alone = Value::Object(Map::from_iter([(name.clone(), value)]));
            serde_json::from_value::<Self>(alone).err().map(|error| format!("{name}: {error}"))
        })
    }
}

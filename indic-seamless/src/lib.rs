//! Speech to text with SeamlessM4T v2, such as [`ai4bharat/indic-seamless`]: transcription, or translation into another
//! language, in pure Rust on [Burn].
//!
//! A [`Transcriber`] holds a loaded model. It turns a [`Waveform`] into a [`Transcript`]:
//!
//! ```no_run
//! use indic_seamless::{Language, Transcriber, Waveform};
//!
//! # fn main() -> indic_seamless::Result<()> {
//! let transcriber = Transcriber::from_dir("path/to/indic-seamless")?;
//! let recording = Waveform::open("speech.mp3")?;
//! let tamil: Language = "tam".parse()?;
//! println!("{}", transcriber.transcribe(&recording, tamil)?.text);
//! # Ok(())
//! # }
//! ```
//!
//! `Transcriber::demo` loads a small model inside the crate, for first steps and for tests.
//!
//! A recording of more than 20 s, or with silence in it, is cut at pauses into segments, as the model was trained on short
//! utterances. [`TranscribeOptions`] sets the search, words with their times, callbacks, and ways to stop. A
//! [`TranscriptStream`] takes live speech. An [`AudioReader`] reads recordings that do not fit into memory.
//!
//! A recording passes through the modules in this order: [`audio`] decodes and resamples it, [`segmentation`] finds speech,
//! [`features`] computes log-mel energies, [`model`] has the encoder and the decoder, [`generation`] searches for the best
//! tokens, and [`text`] turns them into text. [`checkpoint`] finds and maps the weights.
//!
//! # Shapes
//!
//! | | |
//! |---|---|
//! | waveform | `[n]`, mono, 16 kHz |
//! | fbank | `[frames, 80]`, a frame every 10 ms |
//! | features | `[batch, T, 160]`, `T = ceil(frames / 2)` |
//! | conformer | `[batch, T, hidden]`, `hidden` is 1024 in the large model |
//! | encoder output | `[batch, T / 8 + 1, hidden]` |
//! | decoder output | `[hypotheses, time, hidden]` |
//! | logits | `[hypotheses, time, vocabulary]`, 256,102 tokens in the large model |
//!
//! # Precision
//!
//! Weights are `f32`, `bf16`, int8 or int4 in memory ([`Precision`]); sums are always `f32` or exact. int8 and int4 are the
//! fastest and smallest: [`checkpoint::Checkpoint::quantize`] writes them once. The kernels are chosen at run time, by the
//! instruction sets of the machine ([`Isa`]).
//!
//! # Cargo features
//!
//! `demo` (default) puts the demo model, 3.9 MB, into the binary; `hub` (default) downloads from the Hugging Face hub; `service`
//! is the HTTP service; `ndarray`, `wgpu` and `cuda` add [`Backend`]s to Flex, the default.
//!
//! [`ai4bharat/indic-seamless`]: https://huggingface.co/ai4bharat/indic-seamless
//! [Burn]: https://burn.dev

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod audio;
mod backend;
mod cancel;
pub mod checkpoint;
mod damage;
mod device;
pub mod engine;
mod error;
pub mod features;
mod format;
pub mod generation;
mod kernels;
mod language;
mod memory;
pub mod model;
pub mod nn;
mod panics;
mod scheduler;
mod script;
pub mod segmentation;
#[cfg(feature = "service")]
pub mod service;
pub mod subtitles;
pub mod text;
mod transcriber;
mod transcript;

pub use audio::{AudioOptions, AudioReader, PipeFormat, Waveform};
pub use backend::{Backend, Precision};
pub use cancel::CancelToken;
pub use damage::{Damage, DamageKind};
pub use error::{DeviceErrorKind, Error, HubErrorKind, Result, StopReason};
pub use format::OutputFormat;
pub use generation::{EarlyStopping, GenerationConfig, LogitsContext, LogitsProcessor, TokenEvent};
#[doc(hidden)]
pub use kernels::fuzzing;
pub use kernels::{ISA_VARIABLE, Isa};
pub use language::Language;
pub use panics::hide_caught_panics;
pub use scheduler::{Activity, ByPriority, ModelDecoder, Priority};
pub use script::{Script, ScriptChoice};
pub use transcriber::{
    LanguageScore, Progress, Retry, Segmentation, TranscribeOptions, Transcriber, TranscriberBuilder, TranscriptStream,
};
pub use transcript::{Alternative, EndReason, Flag, Segment, Timings, Transcript, Word};

/// The README's examples are compiled with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

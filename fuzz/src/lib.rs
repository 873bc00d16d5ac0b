//! Fuzz targets: what reads bytes from strangers, and what must agree with another way to compute it.
//!
//! `ci/fuzz.sh` runs them with libFuzzer; `tests/replay.rs` replays the corpora and all that was ever found. CONTRIBUTING.md says how
//! to add one.

#![cfg(feature = "targets")]

mod audio;
mod checkpoint;
#[path = "../../tests/common/containers.rs"]
mod containers;
mod decoders;
mod harness;
mod input;
mod kernels;
mod packets;
mod programs;
mod realtime;
mod requests;
mod search;
mod segmenter;
mod subtitles;
mod targets;
mod tiny;
mod tokenizers;
mod weights;

pub use self::{harness::Target, targets::TARGETS};

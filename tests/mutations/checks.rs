//! What must hold of a mutated recording.

use std::time::Duration;

use indic_seamless::{Error, audio::DamagePolicy};

use crate::{
    clips::{Clip, Tells},
    heard::{Heard, Way, hear},
    mutate::Mutation,
};

/// The longest time and the most memory that a recording may take, on a busy machine. The clips are small: most take a
/// thousandth of both.
const MOST_TIME: Duration = Duration::from_secs(30);
const MOST_MEMORY: usize = 200 << 20;

/// What a mutated recording was found to be.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Whether there were samples in front of the mutation, which must be the same.
    pub(crate) checked_before: bool,
    /// Whether it had to be said that something is missing.
    pub(crate) checked_damage: bool,
    /// What is wrong.
    pub(crate) wrong: Option<String>,
    pub(crate) took: Duration,
    pub(crate) memory: usize,
}

/// Decodes a mutation of `clip`, and checks what comes out.
pub(crate) fn check(clip: &Clip, mutation: &Mutation, way: Way, policy: DamagePolicy) -> Verdict {
    let bytes = &mutation.bytes;
    let plain = &clip.plain().heard;
    let heard = hear(bytes, way, clip.extension(), policy, plain.samples.len());
    let place = clip.bytes.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    let before = clip.samples_before(place);
    let keeps = policy == DamagePolicy::Keep;
    let checked_before = keeps && before > 0;
    let checked_damage = keeps && !mutation.sealed && clip.tells_of(bytes, place);
    let wrong = heard
        .wrong
        .clone()
        .or_else(|| costs(&heard))
        .or_else(|| error(&heard))
        .or_else(|| if checked_before { loses(plain, &heard, before) } else { None })
        .or_else(|| if checked_damage { hides(clip, bytes, plain, &heard) } else { None });
    Verdict { checked_before, checked_damage, wrong, took: heard.took, memory: heard.memory }
}

fn costs(heard: &Heard) -> Option<String> {
    let Heard { took, memory, .. } = heard;
    (*took > MOST_TIME || *memory > MOST_MEMORY).then(|| format!("it took {took:?} and {memory} bytes"))
}

/// Errors say what is wrong with the recording, and not that reading failed.
fn error(heard: &Heard) -> Option<String> {
    match &heard.error {
        None
        | Some(
            Error::DamagedAudio { .. }
            | Error::UnsupportedAudio { .. }
            | Error::NoAudio { .. }
            | Error::AudioTooLong { .. }
            | Error::InvalidSample { .. },
        ) => None,
        Some(other) => Some(format!("the error is {other:?}")),
    }
}

/// What lies in front of the mutation is still there.
fn loses(plain: &Heard, heard: &Heard, before: usize) -> Option<String> {
    if let Some(error) = &heard.error {
        return Some(format!("{before} samples before the place are lost: {error}"));
    }
    let same = heard.samples.iter().zip(&plain.samples).take_while(|(a, b)| a == b).count();
    (same < before).then(|| format!("{same} of {before} samples before the place are as they were"))
}

/// Nothing is missing without a word.
fn hides(clip: &Clip, bytes: &[u8], plain: &Heard, heard: &Heard) -> Option<String> {
    if !heard.is_whole() {
        return None;
    }
    if heard.length < plain.length {
        return Some(format!("{} of {} samples, and no damage", heard.length, plain.length));
    }
    let same = heard.samples == plain.samples && heard.length == plain.length;
    let changed = clip.tells == Tells::Checksums && bytes.len() == clip.bytes.len();
    (changed && !same).then(|| "other samples, and no damage".to_owned())
}

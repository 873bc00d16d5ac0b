//! Recordings with bytes flipped, lost, moved and added, of every container: no panic, bounded time and memory, nothing lost in
//! front of the damage, and nothing lost without a word.
//!
//! Each mutation has a number, from which all random choices follow. `ci/mutations.sh` makes a hundred thousand.

#[path = "../common/containers.rs"]
mod containers;

mod checks;
mod clips;
mod heard;
mod movies;
mod mutate;
mod packets;
mod run;
mod units;

use std::env;

use indic_seamless::audio::formats;
use peak_alloc::PeakAlloc;

/// Counts what is allocated.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The number in an environment variable.
fn variable(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn every_clip_is_whole_and_has_parts() {
    let _alone = run::alone();
    let clips = clips::all();
    for clip in &clips {
        let heard = &clip.plain().heard;
        // This one is over the limit.
        if clip.name != "two_hours_of_silence.flac" {
            assert!(heard.is_whole(), "{}: {:?}, {:?}", clip.name, heard.damage, heard.error);
            assert!((4_000..40_000).contains(&heard.length), "{}: {} samples", clip.name, heard.length);
            let known = clip.samples_before(clip.bytes.len());
            assert!(known > heard.length / 3, "{}: {known} of {} samples", clip.name, heard.length);
        }
        let units = units::units(&clip.bytes);
        assert!(units.len() > 1 || clip.extension() == "au", "{}: {units:?}", clip.name);
        assert!(units.iter().all(|unit| unit.start < unit.end && unit.end <= clip.bytes.len()), "{}", clip.name);
    }
    for format in formats() {
        let count = clips.iter().filter(|clip| format.extensions.contains(&clip.extension())).count();
        assert!(count > 0, "no clip of {format}");
    }
}

#[test]
fn survives_mutations() {
    let _alone = run::alone();
    run::run(0, 3_000);
}

#[test]
#[ignore = "minutes; ci/mutations.sh runs it"]
fn survives_many_mutations() {
    let _alone = run::alone();
    run::run(variable("MUTATIONS_FIRST").unwrap_or(0), variable("MUTATIONS_COUNT").unwrap_or(100_000));
}

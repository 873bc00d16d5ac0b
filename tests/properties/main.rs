//! What must hold for whatever proptest makes up. A failure shows the smallest case that still fails.
//!
//! Each run sees the same cases. `PROPTEST_CASES=10000` makes more of them, `PROPTEST_RNG_SEED=1` others.

mod batches;
#[path = "../common/mod.rs"]
mod common;
mod languages;
mod resampler;
mod schema;
mod segmenter;
mod subtitle_files;
mod subtitles;
mod transcripts;

use std::env;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestCaseResult, TestRunner},
};

/// Checks that something holds for so many cases.
fn check<S: Strategy>(cases: u32, made: S, holds: impl Fn(S::Value) -> TestCaseResult) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(16_000);
    }
    if let Err(failure) = TestRunner::new(config).run(&made, holds) {
        panic!("{failure}");
    }
}

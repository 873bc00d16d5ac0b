//! The summary of a shard: what has become of its rows.

use std::time::{SystemTime, UNIX_EPOCH};

use indic_seamless::{Error, OutputFormat, Result};
use serde::Serialize;

use super::{failure::may_pass, output::Output, row::Row, shard::Shard};

/// The folder of the summaries.
pub(super) const SUMMARIES: &str = "_summary";

/// Why a row has no result.
#[derive(Debug, Serialize)]
struct Failure {
    line: u64,
    id: String,
    audio: String,
    error: String,
    /// Whether it may succeed when the run is repeated.
    retry: bool,
}

/// What has become of the rows of a shard.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    manifest: String,
    shard: usize,
    shards: usize,
    rows: usize,
    /// Rows with results of this run.
    pub(super) transcribed: usize,
    /// Rows that had their results before.
    pub(super) skipped: usize,
    /// Rows that were not begun, because the run was given up.
    pub(super) not_begun: usize,
    /// Whether the run was given up because results may not be written.
    #[serde(skip)]
    pub(super) is_refused: bool,
    failed: usize,
    failures: Vec<Failure>,
    /// Seconds of audio that were transcribed.
    pub(super) audio_s: f64,
    wall_s: f64,
    /// When the run ended, in seconds since 1970.
    ended_s: u64,
    version: &'static str,
}

impl Summary {
    pub(super) fn new(manifest: &str, Shard { index, count }: Shard, rows: usize) -> Self {
        Self {
            manifest: manifest.to_owned(),
            shard: index,
            shards: count,
            rows,
            transcribed: 0,
            skipped: 0,
            not_begun: 0,
            is_refused: false,
            failed: 0,
            failures: Vec::new(),
            audio_s: 0.0,
            wall_s: 0.0,
            ended_s: 0,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Takes note of a row without results.
    pub(super) fn failed(&mut self, row: &Row, error: &Error, text: String) {
        let (line, id, audio) = (row.line, row.id.clone(), row.audio.to_string());
        self.failed += 1;
        self.failures.push(Failure { line, id, audio, error: text, retry: may_pass(error) });
    }

    /// How many rows have no results but may have them when the run is repeated, and how many never.
    pub(super) fn lacking(&self) -> (usize, usize) {
        let passing = self.failures.iter().filter(|failure| failure.retry).count();
        let lasting = self.failed - passing;
        if self.is_refused { (0, passing + lasting + self.not_begun) } else { (passing + self.not_begun, lasting) }
    }

    /// The line for people.
    pub(super) fn line(&self) -> String {
        let Self { transcribed, skipped, failed, audio_s, wall_s, .. } = self;
        let not_begun = if self.not_begun > 0 { format!(", {} not begun", self.not_begun) } else { String::new() };
        format!(
            "{transcribed} transcribed ({audio_s:.0} s of audio in {wall_s:.0} s), {skipped} skipped because their results \
             exist, {failed} failed{not_begun}"
        )
    }

    /// Writes it, after all results, in place of that of an earlier run. The failures are in the order of the manifest.
    pub(super) fn write(&mut self, output: &Output, wall_s: f64) -> Result<()> {
        self.failures.sort_by_key(|failure| failure.line);
        self.wall_s = wall_s;
        self.ended_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let name = format!("{SUMMARIES}/shard-{}-of-{}.json", self.shard, self.shards);
        // Numbers and strings can always be written as JSON.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        output.replace(&name, text + "\n", OutputFormat::JSON)
    }
}

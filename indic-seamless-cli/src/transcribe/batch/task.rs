//! The rows of a shard, from recordings to results.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use indic_seamless::{OutputFormat, Result, Segmentation};

use super::{
    copies,
    failure::may_pass,
    location::Location,
    row::Row,
    stores::{Ended, GIVE_UP, Stores},
    summary::Summary,
};
use crate::transcribe::{
    file::{Work, check, is_pipe},
    options::Options,
    run_bar::RunBar,
    together,
};

/// What a shard has to do.
pub(super) struct Task {
    rows: Vec<Row>,
    /// The places of the rows that lack results, with the formats that they lack.
    todo: Vec<(usize, Vec<OutputFormat>)>,
    pub(super) stores: Stores,
}

impl Task {
    /// Finds out which results are there.
    pub(super) fn new(rows: Vec<Row>, stores: Stores, options: &Options) -> Result<Self> {
        let lacking = stores.lacking(&rows, options)?;
        let todo = lacking.into_iter().enumerate().filter(|(_, formats)| !formats.is_empty()).collect();
        Ok(Self { rows, todo, stores })
    }

    /// How many rows have all their results.
    pub(super) fn skipped(&self) -> usize {
        self.rows.len() - self.todo.len()
    }

    /// Transcribes the rows that lack results. Without any, the model is not loaded.
    pub(super) fn run(
        self: &Arc<Self>,
        options: Options,
        segmentation: Segmentation,
        summary: &mut Summary,
    ) -> Result<()> {
        if self.todo.is_empty() {
            return Ok(());
        }
        if self.todo.iter().any(|(place, _)| matches!(self.rows[*place].audio, Location::Object(_))) {
            copies::probe()?;
        }
        let work = Work::load(options, segmentation, |options| self.bar(options), false)?;
        self.check_rows(&work)?;
        let (count, recordings) = (self.todo.len(), work.options.recordings);
        let (work, stopped) = (Arc::new(work), Arc::new(AtomicBool::new(false)));
        let transcribe = {
            let (task, work, stopped) = (Arc::clone(self), Arc::clone(&work), Arc::clone(&stopped));
            move |number: usize| {
                if stopped.load(Ordering::SeqCst) {
                    return Ended::NotBegun;
                }
                let (place, formats) = &task.todo[number];
                task.stores.transcribe(&work, number, &task.rows[*place], formats)
            }
        };
        let mut passing = 0;
        let take = |number: usize, ended: Ended| {
            let row = &self.rows[self.todo[number].0];
            match ended {
                Ended::Written(seconds) => {
                    passing = 0;
                    summary.transcribed += 1;
                    summary.audio_s += seconds;
                }
                Ended::Failed(error, text) => {
                    passing = if may_pass(&error) { passing + 1 } else { 0 };
                    work.bar.above(|| eprintln!("error: {text}"));
                    summary.failed(row, &error, text);
                }
                Ended::Refused(error) => {
                    summary.failed(row, &error, error.to_string());
                    summary.is_refused = true;
                    if !stopped.swap(true, Ordering::SeqCst) {
                        work.bar.above(|| eprintln!("error: {error}: no result may be written"));
                    }
                }
                Ended::NotBegun => summary.not_begun += 1,
            }
            if passing == GIVE_UP && !stopped.swap(true, Ordering::SeqCst) {
                work.bar.above(|| eprintln!("error: {GIVE_UP} failures in a row: the rest is left to another run"));
            }
            Ok(())
        };
        together::transcribe(&work.transcriber, recordings, count, false, transcribe, take)?;
        work.bar.clear();
        Ok(())
    }

    /// Refuses what the model cannot do: languages and scripts that it does not write, and too many beams.
    fn check_rows(&self, work: &Work) -> Result<()> {
        let mut known = HashSet::new();
        for row in &self.rows {
            if known.insert((row.lang, row.num_beams, row.script)) {
                check(&work.transcriber, &row.choice(&work.choice))?;
            }
        }
        Ok(())
    }

    /// The bar, with the lengths of files.
    fn bar(&self, options: &Options) -> RunBar {
        let file = |(place, _): &(usize, Vec<OutputFormat>)| match &self.rows[*place].audio {
            Location::File(path) => Some(path.clone()),
            Location::Object(_) => None,
        };
        let files: Vec<Option<PathBuf>> = self.todo.iter().map(file).collect();
        let audio = options.audio_options();
        RunBar::new(files.len(), move |number| {
            let file = files.get(number)?.as_ref().filter(|file| !is_pipe(file))?;
            audio.length_hint(file).ok()?.map(|length| length.as_secs_f64())
        })
    }
}

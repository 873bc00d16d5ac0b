//! A transcription under way: pieces of a recording in, segments out.

use std::{mem, sync::Arc, time::Instant};

use super::{
    Progress, Retry, TranscribeOptions, Transcriber,
    batch::Batching,
    read_ahead::Heard,
    stopwatch::{Phase, Stopwatch},
};
use crate::{
    cancel::CancelToken,
    damage::Damage,
    error::{Error, Result},
    generation::{GenerationConfig, Limits, LogitsProcessor, TokenEvent},
    language::Language,
    memory,
    segmentation::Clip,
    transcript::{Segment, Transcript},
};

/// A transcription under way.
pub(super) struct Session<'t, 'o> {
    pub(super) transcriber: &'t Transcriber,
    pub(super) task: Task,
    pub(super) listeners: Listeners<'o>,
    pub(super) position: Position,
    batching: Batching,
    pub(super) stopwatch: Stopwatch,
}

/// What is to be done. It was checked, and does not change.
pub(super) struct Task {
    pub(super) language: Language,
    /// The tokens that every text begins with.
    pub(super) prompt: Vec<u32>,
    pub(super) generation: GenerationConfig,
    pub(super) processors: Vec<Arc<dyn LogitsProcessor>>,
    pub(super) retry: Retry,
    pub(super) words: bool,
    pub(super) cancel: CancelToken,
}

/// Who is told about the work.
pub(super) struct Listeners<'o> {
    pub(super) on_token: Option<&'o mut (dyn FnMut(TokenEvent) + Send)>,
    on_segment: Option<&'o mut (dyn FnMut(&Segment) + Send)>,
    on_progress: Option<&'o mut (dyn FnMut(Progress) + Send)>,
}

/// How far the work is in the recording.
#[derive(Debug, Default)]
pub(super) struct Position {
    /// Its length, if it is known.
    total_s: Option<f64>,
    /// The end of what was read, in seconds on its clock.
    read_s: f64,
    /// Seconds that the listener was told are done.
    done_s: f64,
}

impl Position {
    /// The end of what was read, in seconds on the recording's clock.
    pub(super) fn read_s(&self) -> f64 {
        self.read_s
    }

    /// Goes back to the start, for another recording.
    pub(super) fn restart(&mut self) {
        (self.read_s, self.done_s) = (0.0, 0.0);
    }
}

impl<'t, 'o> Session<'t, 'o> {
    /// Checks the options; `total_s` is the length of the recording, if it is known.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownLanguage`], [`Error::InvalidOption`] and [`Error::TokenOutOfRange`] for options that do not suit the
    /// checkpoint.
    pub(super) fn new(
        transcriber: &'t Transcriber,
        language: Language,
        options: TranscribeOptions<'o>,
        total_s: Option<f64>,
    ) -> Result<Self> {
        let checkpoint = transcriber.checkpoint();
        let cancel = options.cancel_token();
        let TranscribeOptions {
            generation,
            processors,
            batch_size,
            words,
            retry,
            on_token,
            on_segment,
            on_progress,
            ..
        } = options;
        let generation = generation.unwrap_or_else(|| checkpoint.generation().clone());
        let limits = Limits::of(checkpoint.config());
        let memory = memory::available();
        generation.check_within(&limits, memory)?;
        let most_clips = memory.map_or(u64::MAX, |memory| memory / limits.bytes(&generation).max(1));
        let batching = Batching::new(batch_size, generation.num_beams, most_clips)?;
        let prompt = vec![generation.decoder_start_token_id, checkpoint.language_token(language)?];
        Ok(Self {
            transcriber,
            task: Task { language, prompt, generation, processors, retry, words, cancel },
            listeners: Listeners { on_token, on_segment, on_progress },
            position: Position { total_s, ..Position::default() },
            batching,
            stopwatch: Stopwatch::new(transcriber.load_ms),
        })
    }

    /// Transcribes the pieces of a recording, whatever they come from. The transcript has the segments of these pieces and
    /// the length of all that was read.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] with the transcript so far, and those of the pieces and of the model: an [`Error::Unfinished`] after
    /// the first segment.
    pub(super) fn run(&mut self, pieces: impl Iterator<Item = Result<Heard>>) -> Result<Transcript> {
        let started = Instant::now();
        let (mut segments, mut damage) = (Vec::new(), Vec::new());
        let outcome = self.transcribe_pieces(pieces, &mut segments, &mut damage);
        self.stopwatch.add(Phase::Total, started.elapsed());
        let transcript =
            Transcript::new(self.position.read_s(), self.task.language, segments, self.stopwatch.timings());
        let transcript = Transcript { damage, ..transcript };
        match outcome {
            Ok(()) => Ok(transcript),
            Err(Error::Stopped { reason, .. }) => Err(Error::Stopped { reason, partial: Some(Box::new(transcript)) }),
            Err(error) if transcript.segments.is_empty() => Err(error),
            Err(error) => Err(Error::Unfinished { cause: Box::new(error), partial: Box::new(transcript) }),
        }
    }

    fn transcribe_pieces(
        &mut self,
        pieces: impl Iterator<Item = Result<Heard>>,
        finished: &mut Vec<Segment>,
        damages: &mut Vec<Damage>,
    ) -> Result<()> {
        let mut waiting = Vec::new();
        for heard in pieces {
            let Heard { clips, end_s, damage, caught_up, audio, segmentation } = match heard {
                Ok(heard) => heard,
                Err(error @ Error::Stopped { .. }) => return Err(error),
                // What was heard before the error is transcribed.
                Err(error) => {
                    return match self.transcribe_clips(&waiting, finished) {
                        Err(stopped @ Error::Stopped { .. }) => Err(stopped),
                        // What follows from it is of no interest, such as a clip that is too short.
                        Ok(()) | Err(_) => Err(error),
                    };
                }
            };
            self.stopwatch.add(Phase::Audio, audio);
            self.stopwatch.add(Phase::Segmentation, segmentation);
            self.position.read_s = end_s;
            damages.extend(damage);
            waiting.extend(clips);
            if self.batching.is_enough(&waiting) || caught_up && !waiting.is_empty() {
                self.transcribe_clips(&mem::take(&mut waiting), finished)?;
            } else if waiting.is_empty() {
                self.progress(self.position.read_s());
            }
        }
        self.transcribe_clips(&waiting, finished)
    }

    /// Transcribes clips in batches and hands their segments out in the order of time.
    fn transcribe_clips(&mut self, clips: &[Clip], finished: &mut Vec<Segment>) -> Result<()> {
        // `Some(None)` is a clip without text.
        let mut done: Vec<Option<Option<Segment>>> = vec![None; clips.len()];
        let mut given = 0;
        for batch in self.batching.batches(clips) {
            let together: Vec<&Clip> = batch.iter().map(|&place| &clips[place]).collect();
            match self.decode(&together) {
                Ok(segments) => batch.iter().zip(segments).for_each(|(&place, segment)| done[place] = Some(segment)),
                Err(error) => {
                    // Segments behind an unfinished one are handed out, too.
                    done.into_iter().flatten().flatten().for_each(|segment| self.give(segment, finished));
                    return Err(error);
                }
            }
            while let Some(segment) = done.get_mut(given).and_then(Option::take) {
                segment.into_iter().for_each(|segment| self.give(segment, finished));
                given += 1;
            }
            let read_s = self.position.read_s();
            self.progress(clips.get(given).map_or(read_s, |next| next.start));
        }
        self.batching.widen();
        Ok(())
    }

    /// Hands a segment out.
    fn give(&mut self, segment: Segment, finished: &mut Vec<Segment>) {
        if let Some(on_segment) = &mut self.listeners.on_segment {
            on_segment(&segment);
        }
        finished.push(segment);
    }

    /// Tells how far the work is.
    fn progress(&mut self, done_s: f64) {
        // Speech is detected with a delay: a segment may begin before the progress that was already reported.
        self.position.done_s = self.position.done_s.max(done_s);
        if let Some(on_progress) = &mut self.listeners.on_progress {
            on_progress(Progress { done_s: self.position.done_s, total_s: self.position.total_s });
        }
    }
}

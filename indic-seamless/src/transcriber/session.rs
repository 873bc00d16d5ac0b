//! A transcription under way: pieces of a recording in, segments out.

use std::{sync::Arc, time::Instant};

use super::{
    Progress, Retry, TranscribeOptions, Transcriber,
    batch::Window,
    flight::Flight,
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
    script::Script,
    transcript::{Segment, Transcript},
};

/// A transcription under way.
pub(super) struct Session<'t, 'o> {
    pub(super) transcriber: &'t Transcriber,
    pub(super) task: Task,
    pub(super) listeners: Listeners<'o>,
    pub(super) position: Position,
    window: Window,
    pub(super) flight: Flight,
    pub(super) stopwatch: Stopwatch,
}

/// What is to be done. It was checked, and does not change.
pub(super) struct Task {
    pub(super) language: Language,
    /// The tokens that every text begins with.
    pub(super) prompt: Vec<u32>,
    pub(super) generation: GenerationConfig,
    pub(super) processors: Vec<Arc<dyn LogitsProcessor>>,
    /// The only script of texts, if there is one.
    pub(super) script: Option<Script>,
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
            script,
            batch_size,
            priority,
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
        let window = Window::new(batch_size, most_clips)?;
        let prompt = vec![generation.decoder_start_token_id, checkpoint.language_token(language)?];
        let script = script.script(language);
        if let Some(script) = script
            && !checkpoint.tokenizer().has_letters_of(script, transcriber.model().vocabulary())
        {
            let wanted = "a script that the tokenizer has letters of".to_owned();
            return Err(Error::InvalidOption { option: "script", found: script.to_string(), wanted });
        }
        Ok(Self {
            transcriber,
            task: Task { language, prompt, generation, processors, script, retry, words, cancel },
            listeners: Listeners { on_token, on_segment, on_progress },
            position: Position { total_s, ..Position::default() },
            window,
            flight: Flight::new(priority),
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
        let outcome = match self.submit_pieces(pieces, finished, damages) {
            Err(error) | Ok(Err(error @ Error::Stopped { .. })) => Err(error),
            Ok(Ok(())) => self.land_all(finished),
            // What was heard before the error is transcribed.
            Ok(Err(error)) => match self.land_all(finished) {
                Err(stopped @ Error::Stopped { .. }) => Err(stopped),
                // What follows from it is of no interest, such as a clip that is too short.
                Ok(()) | Err(_) => Err(error),
            },
        };
        // Segments behind an unfinished one are handed out, too.
        self.flight.abandon().for_each(|segment| self.give(segment, finished));
        outcome
    }

    /// Gives the clips of a recording to the scheduler, and hands segments out as they are finished. Returns the error that ended
    /// the pieces, if any.
    ///
    /// # Errors
    ///
    /// Those of the clips.
    fn submit_pieces(
        &mut self,
        pieces: impl Iterator<Item = Result<Heard>>,
        finished: &mut Vec<Segment>,
        damages: &mut Vec<Damage>,
    ) -> Result<Result<()>> {
        for heard in pieces {
            let Heard { clips, end_s, damage, caught_up, audio, segmentation } = match heard {
                Ok(heard) => heard,
                Err(error) => return Ok(Err(error)),
            };
            self.stopwatch.add(Phase::Audio, audio);
            self.stopwatch.add(Phase::Segmentation, segmentation);
            self.position.read_s = end_s;
            damages.extend(damage);
            for clip in clips {
                loop {
                    let (flying, seconds) = self.flight.size();
                    if self.window.has_room(flying, seconds, clip.seconds()) {
                        break;
                    }
                    self.land(true, finished)?;
                }
                self.submit(clip);
            }
            if caught_up {
                self.land_all(finished)?;
            }
            self.land(false, finished)?;
            if self.flight.start().is_none() {
                self.progress(self.position.read_s());
            }
        }
        Ok(Ok(()))
    }

    /// Waits until all clips that were given to the scheduler are done.
    fn land_all(&mut self, finished: &mut Vec<Segment>) -> Result<()> {
        while self.flight.start().is_some() {
            self.land(true, finished)?;
        }
        Ok(())
    }

    /// Takes in what the scheduler tells and hands segments out in the order of time. Waits for news if `wait` says so.
    fn land(&mut self, wait: bool, finished: &mut Vec<Segment>) -> Result<()> {
        let mut more = self.hear(wait)?;
        while more {
            more = self.hear(false)?;
        }
        while let Some(segment) = self.flight.next() {
            segment.into_iter().for_each(|segment| self.give(segment, finished));
            self.window.widen();
            let read_s = self.position.read_s();
            self.progress(self.flight.start().unwrap_or(read_s));
        }
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

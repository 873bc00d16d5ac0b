//! The clips of a recording that the scheduler computes, in the order of time.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use super::{
    session::{Session, Task},
    stopwatch::Phase,
};
use crate::{
    error::Result,
    generation::{GenerationConfig, Hypothesis},
    model::Encoded,
    scheduler::{Account, Event, Found, Job, News, Priority, Source, Spec, Trace, receive},
    segmentation::Clip,
    transcript::Segment,
};

/// The clips that were given to the scheduler and whose segments were not handed out yet.
#[derive(Debug)]
pub(super) struct Flight {
    account: Arc<Account>,
    sender: Sender<Event>,
    events: Receiver<Event>,
    clips: VecDeque<Flying>,
    /// The number of the first of them among all clips of the recording.
    first: usize,
}

/// A clip.
#[derive(Debug)]
struct Flying {
    clip: Arc<Clip>,
    /// `Some(None)` if it has no text.
    segment: Option<Option<Segment>>,
}

impl Flight {
    pub(super) fn new(priority: Priority) -> Self {
        let (sender, events) = channel();
        Self { account: Arc::new(Account::new(priority)), sender, events, clips: VecDeque::new(), first: 0 }
    }

    /// The number of clips that are being computed, and their seconds.
    pub(super) fn size(&self) -> (usize, f64) {
        let flying = self.clips.iter().filter(|flying| flying.segment.is_none());
        flying.fold((0, 0.0), |(clips, seconds), flying| (clips + 1, seconds + flying.clip.seconds()))
    }

    /// Where the first clip begins whose segment was not handed out yet.
    pub(super) fn start(&self) -> Option<f64> {
        Some(self.clips.front()?.clip.start)
    }

    /// The next segment in the order of time, if it is finished; `Some(None)` if a clip has no text.
    pub(super) fn next(&mut self) -> Option<Option<Segment>> {
        let segment = self.clips.front_mut()?.segment.take()?;
        self.clips.pop_front();
        self.first += 1;
        Some(segment)
    }

    /// Gives up what is being computed, and returns the segments that are finished.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = Segment> + use<> {
        self.account.close();
        let mut next = Self::new(self.account.priority);
        next.first = self.first + self.clips.len();
        let mut given_up = std::mem::replace(self, next);
        std::mem::take(&mut given_up.clips).into_iter().filter_map(|flying| flying.segment.flatten())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.account.close();
    }
}

impl Task {
    fn spec(&self, generation: GenerationConfig) -> Spec {
        Spec { prompt: self.prompt.clone(), generation, processors: self.processors.clone(), script: self.script }
    }
}

impl Session<'_, '_> {
    /// Gives a clip to the scheduler.
    pub(super) fn submit(&mut self, clip: Clip) {
        let Self { transcriber, task, listeners, flight, .. } = self;
        let clip = Arc::new(clip);
        transcriber.scheduler.submit(Job {
            account: Arc::clone(&flight.account),
            number: flight.first + flight.clips.len(),
            source: Source::Clip(Arc::clone(&clip)),
            spec: task.spec(task.bounded(&clip)),
            tells_tokens: listeners.on_token.is_some(),
            cancel: task.cancel.clone(),
            events: flight.sender.clone(),
            trace: Trace::of_current(),
        });
        flight.clips.push_back(Flying { clip, segment: None });
    }

    /// Takes in the next news of a clip, for which it waits if `wait` says so. Returns whether there was any.
    pub(super) fn hear(&mut self, wait: bool) -> Result<bool> {
        let next = if wait {
            Some(receive(&self.flight.events, &self.task.cancel)?)
        } else {
            self.task.cancel.check()?;
            self.flight.events.try_recv().ok()
        };
        let Some(Event { number, news }) = next else { return Ok(false) };
        if let Some(Found { encoded, hypotheses, .. }) = self.found(news)? {
            let place = number - self.flight.first;
            let clip = Arc::clone(&self.flight.clips[place].clip);
            let segment = self.segment(&clip, number, &encoded, hypotheses)?;
            self.flight.clips[place].segment = Some(segment);
        }
        Ok(true)
    }

    /// What the scheduler found, if that is the news. Tells the listener of tokens, and counts the time.
    fn found(&mut self, news: News) -> Result<Option<Found>> {
        match news {
            News::Token(event) => {
                if let Some(on_token) = &mut self.listeners.on_token {
                    on_token(event);
                }
                Ok(None)
            }
            News::Done(found) => {
                self.stopwatch.add(Phase::Features, found.times.features);
                self.stopwatch.add(Phase::Encoder, found.times.encoder);
                self.stopwatch.add(Phase::Generation, found.times.generation);
                Ok(Some(found))
            }
            News::Failed(error) => Err(error),
            News::Panicked(said) => std::panic::resume_unwind(Box::new(said)),
        }
    }

    /// The hypotheses of another search for clip `number`, best first.
    pub(super) fn search_again(
        &mut self,
        number: usize,
        encoded: &Encoded,
        generation: &GenerationConfig,
    ) -> Result<Vec<Hypothesis>> {
        let (sender, events) = channel();
        self.transcriber.scheduler.submit(Job {
            account: Arc::clone(&self.flight.account),
            number,
            source: Source::Encoded(Box::new(encoded.clone())),
            spec: self.task.spec(generation.clone()),
            tells_tokens: self.listeners.on_token.is_some(),
            cancel: self.task.cancel.clone(),
            events: sender,
            trace: Trace::of_current(),
        });
        loop {
            let event = receive(&events, &self.task.cancel)?;
            if let Some(Found { hypotheses, .. }) = self.found(event.news)? {
                return Ok(hypotheses);
            }
        }
    }
}

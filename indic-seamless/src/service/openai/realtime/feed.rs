//! What a socket hears: samples become items, and clips of speech are given to the model.

use std::{
    collections::VecDeque,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    captions::Change,
    events::{EventError, ItemView, ServerEvent},
    item::{Item, Job},
    session::Session,
};
use crate::{
    audio::{Waveform, seconds},
    error::Result,
    segmentation::{Clip, SegmentationOptions, Segmenter},
    service::{
        Shared,
        engine::{LiveClip, RunningClip},
        openai::logprobs,
        problem::Problem,
    },
    transcript::Segment,
};

/// Samples that are taken in at a time: a second.
pub(super) const PIECE: usize = Waveform::SAMPLE_RATE as usize;
/// The least audio that can be committed, as in OpenAI's API.
const LEAST: Duration = Duration::from_millis(100);
/// More than a converter of rates holds back of what came, and than rounding makes of it.
const HELD_BACK: Duration = Duration::from_millis(1);
/// Clips of a socket that the model has at a time, so that no sender takes all its places.
const AT_A_TIME: usize = 4;
/// How much more must be heard of the clip under way before it is guessed at again.
const GROWTH: Duration = Duration::from_millis(500);

/// What the model has found.
pub(super) enum News {
    /// The segment of the first clip that is not done.
    Clip(Result<Option<Segment>, Problem>),
    /// A guess at the clip under way.
    Guess(Result<Option<Segment>, Problem>),
}

/// The audio and the items of a socket.
#[derive(Debug)]
pub(super) struct Feed {
    shared: Arc<Shared>,
    request_id: Arc<str>,
    segmenter: Segmenter,
    /// Where the segmenter's clock began, in seconds on the socket's.
    origin: f64,
    /// Seconds that were heard since the last commit.
    uncommitted: f64,
    /// In the order of time. Only the last may not be committed.
    items: VecDeque<Item>,
    /// The item that was committed last.
    previous: Option<String>,
    guess: Option<RunningClip>,
    /// How far the last guess at the clip under way went, in seconds on the segmenter's clock.
    guessed: f64,
    /// Events that were not sent yet.
    outbox: Vec<String>,
}

impl Feed {
    pub(super) fn new(shared: Arc<Shared>, request_id: Arc<str>, options: SegmentationOptions) -> Result<Self> {
        Ok(Self {
            shared,
            request_id,
            segmenter: Segmenter::new(options)?,
            origin: 0.0,
            uncommitted: 0.0,
            items: VecDeque::new(),
            previous: None,
            guess: None,
            guessed: 0.0,
            outbox: Vec::new(),
        })
    }

    /// Tells the client.
    pub(super) fn tell(&mut self, event: &ServerEvent<'_>) {
        self.outbox.push(event.json());
    }

    /// The events that were not sent yet.
    pub(super) fn outbox(&mut self) -> Vec<String> {
        std::mem::take(&mut self.outbox)
    }

    /// Seconds of audio that were heard.
    pub(super) fn heard_s(&self) -> f64 {
        self.origin + self.segmenter.position()
    }

    /// Bytes of the clips that are not done.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.items.iter().flat_map(|item| &item.clips).map(Job::bytes).sum()
    }

    /// Whether all clips are done.
    pub(super) fn is_done(&self) -> bool {
        self.items.iter().all(|item| item.clips.is_empty())
    }

    /// Takes in samples.
    pub(super) fn hear(&mut self, samples: &[f32], session: &Session) {
        let mut clips = Vec::new();
        self.segmenter.push(samples, &mut clips);
        self.uncommitted += seconds(samples.len());
        clips.into_iter().for_each(|clip| self.take(clip, session));
        if let Some(since) = self.segmenter.open_since().filter(|_| session.ends_items) {
            self.start(since);
        }
    }

    /// Ends the item under way, as the client asks for.
    pub(super) fn commit(&mut self, session: &Session) -> Result<(), EventError> {
        if self.uncommitted < (LEAST - HELD_BACK).as_secs_f64() {
            let detail = format!(
                "the buffer is too small: it has {:.0} ms of audio, wanted at least {} ms",
                self.uncommitted * 1000.0,
                LEAST.as_millis()
            );
            return Err(EventError::new("input_audio_buffer_commit_empty", detail));
        }
        let committed = self.cut(session);
        // Nothing was said: then there is an item without text.
        if !committed {
            self.commit_item();
        }
        Ok(())
    }

    /// Ends the item under way, if there is one, and begins to listen afresh. Returns whether there was one.
    fn cut(&mut self, session: &Session) -> bool {
        let before = self.previous.clone();
        let mut clips = Vec::new();
        let heard = self.segmenter.position();
        self.segmenter.finish(&mut clips);
        clips.into_iter().for_each(|clip| self.take(clip, session));
        self.begin(heard);
        if self.items.back().is_some_and(|item| !item.committed) {
            self.commit_item();
        }
        self.uncommitted = 0.0;
        self.previous != before
    }

    /// Forgets what was not committed.
    pub(super) fn clear(&mut self, session: &Session) -> Result<()> {
        self.items.pop_back_if(|item| !item.committed);
        self.listen(session.segmentation.clone())?;
        self.tell(&ServerEvent::Cleared);
        Ok(())
    }

    /// Commits what is under way, and listens in another way from now on.
    pub(super) fn change(&mut self, session: &Session, options: SegmentationOptions) -> Result<()> {
        self.cut(session);
        self.listen(options)
    }

    /// Commits what is under way; nothing comes after it.
    pub(super) fn finish(&mut self, session: &Session) {
        self.cut(session);
    }

    fn listen(&mut self, options: SegmentationOptions) -> Result<()> {
        let heard = self.segmenter.position();
        self.segmenter = Segmenter::new(options)?;
        self.begin(heard);
        self.uncommitted = 0.0;
        Ok(())
    }

    /// Notes that the segmenter's clock begins again, after so many seconds.
    fn begin(&mut self, heard: f64) {
        self.origin += heard;
        (self.guess, self.guessed) = (None, 0.0);
    }

    /// A time on the segmenter's clock in milliseconds on the socket's.
    fn milliseconds(&self, time: f64) -> u64 {
        ((self.origin + time) * 1000.0).round() as u64
    }

    /// The item under way.
    fn item(&mut self) -> &mut Item {
        if self.items.back().is_none_or(|item| item.committed) {
            self.items.push_back(Item::new());
        }
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// Tells that somebody speaks since a time on the segmenter's clock.
    fn start(&mut self, since: f64) {
        let audio_start_ms = self.milliseconds(since);
        let item = self.item();
        if std::mem::replace(&mut item.started, true) {
            return;
        }
        let event = ServerEvent::SpeechStarted { audio_start_ms, item_id: &item.id }.json();
        self.outbox.push(event);
    }

    /// Gives a clip to the model.
    fn take(&mut self, clip: Clip, session: &Session) {
        // It would be of the same clip.
        self.guess = None;
        let (start, end) = (clip.audio_start, clip.audio_start + clip.seconds());
        self.guessed = end;
        if session.ends_items {
            self.start(start);
        }
        let live = self.live(clip, session, false);
        let item = self.item();
        if session.logprobs {
            item.logprobs.get_or_insert_default();
        }
        item.add(live);
        self.submit();
        if session.ends_items {
            let audio_end_ms = self.milliseconds(end);
            let item = self.item();
            let event = ServerEvent::SpeechStopped { audio_end_ms, item_id: &item.id }.json();
            self.outbox.push(event);
            self.commit_item();
            self.uncommitted = self.uncommitted.min((self.segmenter.position() - end).max(0.0));
        }
    }

    fn live(&self, clip: Clip, session: &Session, grows: bool) -> LiveClip {
        let deadline = Instant::now() + self.shared.settings.deadline;
        LiveClip { clip, language: session.language(), grows, deadline }
    }

    /// Gives the first clips to the model, unless it has them.
    fn submit(&mut self) {
        for job in self.items.iter_mut().flat_map(|item| &mut item.clips).take(AT_A_TIME) {
            if let Job::Waiting(live) = job
                && let Some(live) = live.take()
            {
                let running = self.shared.engine.submit_clip(&self.request_id, live);
                *job = running.map_or_else(Job::Failed, Job::Running);
            }
        }
    }

    /// Ends the item under way.
    fn commit_item(&mut self) {
        let item = self.item();
        item.committed = true;
        let id = item.id.clone();
        let previous = self.previous.replace(id.clone());
        let previous_item_id = previous.as_deref();
        let item = ItemView::new(&id);
        self.tell(&ServerEvent::Committed { previous_item_id, item_id: &id });
        self.tell(&ServerEvent::ItemAdded { previous_item_id, item });
        self.tell(&ServerEvent::ItemDone { previous_item_id, item });
        self.complete();
    }

    /// Guesses at the clip under way if it has grown, the last guess is done, and nobody waits for the model.
    pub(super) fn guess(&mut self, session: &Session) {
        let Some(since) = self.segmenter.open_since() else { return };
        let new = self.segmenter.position() - self.guessed.max(since);
        let waits = self.items.back().is_some_and(|item| !item.committed && !item.clips.is_empty());
        if self.guess.is_some() || waits || new < GROWTH.as_secs_f64() || !self.shared.engine.is_free() {
            return;
        }
        self.guessed = self.segmenter.position();
        // What it would be if nothing more came.
        let mut clips = Vec::new();
        self.segmenter.clone().finish(&mut clips);
        // Without a guess, the words come with the whole clip.
        let live = clips.pop().map(|clip| self.live(clip, session, true));
        self.guess = live.and_then(|live| self.shared.engine.submit_clip(&self.request_id, live).ok());
    }

    /// Waits for what the model finds. Cancel-safe.
    pub(super) async fn news(&mut self) -> News {
        let Self { items, guess, .. } = self;
        let clip = async {
            match items.iter_mut().find_map(|item| item.clips.front_mut()) {
                Some(Job::Running(running)) => running.segment().await,
                Some(Job::Failed(problem)) => Err(problem.clone()),
                // None is, or none was given to the model, which is done at once.
                Some(Job::Waiting(_)) | None => pending().await,
            }
        };
        let guess = async {
            match guess {
                Some(running) => running.segment().await,
                None => pending().await,
            }
        };
        tokio::select! {
            found = clip => News::Clip(found),
            found = guess => News::Guess(found),
        }
    }

    /// Takes in what the model has found.
    pub(super) fn receive(&mut self, news: News) {
        match news {
            News::Clip(found) => self.settle(found),
            News::Guess(found) => {
                self.guess = None;
                if let Ok(Some(segment)) = found {
                    let item = self.item();
                    let change = item.captions.guess(&segment.text);
                    let event = change.map(|change| delta(&item.id, &change));
                    self.outbox.extend(event);
                }
            }
        }
    }

    /// Takes in the segment of the first clip that is not done.
    fn settle(&mut self, found: Result<Option<Segment>, Problem>) {
        let Some(item) = self.items.iter_mut().find(|item| !item.clips.is_empty()) else { return };
        item.clips.pop_front();
        match found {
            Ok(segment) => {
                if let (Some(all), Some(segment), Ok(loaded)) =
                    (&mut item.logprobs, &segment, self.shared.engine.loaded())
                {
                    all.extend(logprobs::of_segment(segment, loaded.tokenizer()));
                }
                let text = segment.map(|segment| segment.text).unwrap_or_default();
                let change = item.captions.settle(&text);
                self.outbox.extend(change.map(|change| delta(&item.id, &change)));
            }
            Err(problem) => item.failed = Some(problem),
        }
        self.submit();
        self.complete();
    }

    /// Tells of the items that are done.
    fn complete(&mut self) {
        while let Some(mut item) = self.items.pop_front_if(|item| item.committed && item.clips.is_empty()) {
            if let Some(all) = &mut item.logprobs {
                logprobs::begin(all);
            }
            self.outbox.push(item.completed().json());
        }
    }
}

fn delta(item_id: &str, change: &Change) -> String {
    ServerEvent::Delta { item_id, content_index: 0, delta: &change.delta, hypothesis: &change.hypothesis }.json()
}

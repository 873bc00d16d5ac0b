//! The work of the computing thread, step by step.

use std::{
    collections::VecDeque,
    mem,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use super::{
    Loaded, Source,
    activity::{Activity, Told},
    heads::Heads,
    inbox::{Call, Inbox, Task},
    job::{Event, Found, Job, News, Times},
    policy::{self, Asks, Next},
    search::{Search, step},
};
use crate::{
    cancel::CancelToken,
    device::{guard, is_accelerator, panicked},
    error::{Error, Result, StopReason, panic_message},
    features::{FeatureBatch, Features},
    model::{Advanced, Encoded, Encoding, decoder::room},
};

/// Positions of the encoder's output for a second of speech.
const POSITIONS_PER_S: f64 = 6.25;

/// What is under way.
pub(super) struct Worker<'a> {
    loaded: &'a Loaded,
    inbox: &'a Inbox,
    told: &'a Told,
    calls: VecDeque<Call>,
    /// Whether a call was made last, so that it is the turn of something else.
    called: bool,
    waiting: Vec<Waiting>,
    encoding: Vec<Underway<'a>>,
    searches: Vec<Search>,
    heads: Heads,
    /// Who waits for the clip that is being encoded, to be told of a panic.
    at_work: Option<(Sender<Event>, usize)>,
    /// Room for the logits of a step.
    logits: Vec<f32>,
    /// Bytes of a row of the decoder's caches.
    row_bytes: u64,
    /// The most bytes of them, unless a search by itself needs more.
    most_bytes: u64,
    /// What was done.
    activity: Activity,
}

/// A clip that waits for the encoder.
struct Waiting {
    job: Job,
    /// Since when. A search that gives its memory up has waited since it was submitted.
    since: Instant,
    /// What it has taken so far.
    times: Times,
    /// Bytes of the caches that it gave up.
    had: u64,
}

impl Waiting {
    fn new(job: Job) -> Self {
        Self { job, since: Instant::now(), times: Times::default(), had: 0 }
    }
}

/// A clip on its way through the encoder.
struct Underway<'a> {
    job: Job,
    encoding: Encoding<'a>,
    times: Times,
    /// What it asks for, as if it had not waited.
    asks: Asks,
    /// Since when it waits.
    waited_since: Instant,
}

impl Underway<'_> {
    fn asks_at(&self, now: Instant) -> Asks {
        self.asks.after(now.duration_since(self.waited_since))
    }
}

impl<'a> Worker<'a> {
    pub(super) fn new(loaded: &'a Loaded, most_bytes: u64, inbox: &'a Inbox, told: &'a Told) -> Self {
        Self {
            loaded,
            inbox,
            told,
            calls: VecDeque::new(),
            called: false,
            waiting: Vec::new(),
            encoding: Vec::new(),
            searches: Vec::new(),
            heads: Heads::default(),
            at_work: None,
            logits: Vec::new(),
            row_bytes: loaded.model.cache_row_bytes() as u64,
            most_bytes,
            activity: Activity::default(),
        }
    }

    /// Computes until nothing is left.
    pub(super) fn work(&mut self) {
        loop {
            for task in self.inbox.take() {
                match task {
                    Task::Clip(job) => self.waiting.push(Waiting::new(*job)),
                    Task::Call(call) => self.calls.push_back(call),
                }
            }
            self.drop_stopped();
            self.tell();
            match catch_unwind(AssertUnwindSafe(|| self.advance())) {
                Ok(true) => self.at_work = None,
                Ok(false) => return,
                Err(panic) => self.fail_all(&panic_message(&*panic)),
            }
        }
    }

    /// Tells what there is to do.
    fn tell(&mut self) {
        self.activity.searches = self.searches.len();
        self.activity.cache_bytes = self.searches.iter().map(|search| search.asks_now().bytes).sum();
        self.activity.waiting = self.waiting.iter().map(|waiting| waiting.job.account.priority).collect();
        self.told.set(self.activity);
    }

    /// Takes one step. `false` if there is nothing to do.
    fn advance(&mut self) -> bool {
        // Calls and everything else take turns: neither may keep the other waiting for ever.
        if !self.called && self.call() {
            self.called = true;
            return true;
        }
        self.called = false;
        match self.next(Instant::now()) {
            Next::Begin(place) => self.begin(place),
            Next::Encode(place) => self.encode(place),
            Next::Step => self.step(),
            Next::Nothing => return self.call(),
        }
        true
    }

    /// Makes the first of the calls. `false` if there is none.
    fn call(&mut self) -> bool {
        let Some(call) = self.calls.pop_front() else { return false };
        call(self.loaded);
        true
    }

    /// Drops what nobody wants any more.
    fn drop_stopped(&mut self) {
        let keep = |job: &mut Job| match job.stopped() {
            None => true,
            Some(reason) => {
                job.tell(News::Failed(Error::Stopped { reason, partial: None }));
                false
            }
        };
        self.waiting.retain_mut(|waiting| keep(&mut waiting.job));
        self.encoding.retain_mut(|underway| keep(&mut underway.job));
        self.searches.retain_mut(|search| keep(&mut search.job));
    }

    /// Ends everything after a panic, which a GPU that fails causes too.
    fn fail_all(&mut self, said: &str) {
        let device = self.loaded.model.device();
        let news = || match is_accelerator(&device) {
            true => News::Failed(panicked(&device, said)),
            false => News::Panicked(said.to_owned()),
        };
        let waiting = mem::take(&mut self.waiting).into_iter().map(|waiting| waiting.job);
        let encoding = mem::take(&mut self.encoding).into_iter().map(|underway| underway.job);
        let searching = mem::take(&mut self.searches).into_iter().map(|search| search.job);
        waiting.chain(encoding).chain(searching).for_each(|mut job| job.tell(news()));
        if let Some((events, number)) = self.at_work.take() {
            let _ = events.send(Event { number, news: news() });
        }
    }

    fn next(&self, now: Instant) -> Next {
        let waiting: Vec<Asks> = self.waiting.iter().map(|waiting| self.asks(waiting, now)).collect();
        let encoding: Vec<Asks> = self.encoding.iter().map(|underway| underway.asks_at(now)).collect();
        // What was kept for a search is its own until it ends.
        let kept = |search: &Search| Asks { bytes: search.asks.bytes.max(search.asks_now().bytes), ..search.asks };
        let searching: Vec<Asks> = self.searches.iter().map(kept).collect();
        policy::next(&waiting, &encoding, &searching, self.most_bytes)
    }

    fn asks(&self, Waiting { job, since, had, .. }: &Waiting, now: Instant) -> Asks {
        let (account, seconds) = (&job.account, job.seconds());
        let waited_s = now.duration_since(*since).as_secs_f64();
        let rows = job.spec.generation.num_beams;
        let positions = match &job.source {
            Source::Clip(_) => (seconds * POSITIONS_PER_S) as usize + 1,
            Source::Encoded(encoded) => encoded.lengths.iter().sum(),
        };
        let speech_s = positions as f64 / POSITIONS_PER_S;
        let tokens = policy::expected_tokens(speech_s, job.spec.generation.max_new_tokens);
        let own = rows.saturating_mul(room(job.spec.prompt.len() + tokens));
        Asks {
            recording: recording(job),
            key: policy::key(account.priority, account.served_s(), seconds, waited_s),
            rows,
            bytes: (positions as u64).saturating_add(own as u64).saturating_mul(self.row_bytes).max(*had),
            growth: 0,
        }
    }

    /// Takes a waiting clip up.
    fn begin(&mut self, place: usize) {
        let waiting = self.waiting.remove(place);
        let asks = self.asks(&waiting, waiting.since);
        let Waiting { mut job, since: waited_since, mut times, .. } = waiting;
        self.at_work = Some((job.events.clone(), job.number));
        job.account.serve(job.seconds());
        if let Source::Encoded(encoded) = &job.source {
            let encoded = Encoded::clone(encoded);
            return self.search(job, encoded, times, asks, waited_since);
        }
        let seconds = job.seconds();
        job.trace.enter(|recording| tracing::debug_span!(parent: recording, "encoder", clip.seconds = seconds));
        match timed(&mut times.features, || self.features(&job)) {
            Err(error) => job.tell(News::Failed(error)),
            Ok(features) => {
                let mut inspect = stops(job.cancel.clone());
                let model = &self.loaded.model;
                let start = || Ok(model.start_encoding(&features, &mut inspect));
                match timed(&mut times.encoder, || guard(&model.device(), start)) {
                    Ok(ControlFlow::Continue(encoding)) => {
                        self.encoding.push(Underway { job, encoding, times, asks, waited_since });
                    }
                    Ok(ControlFlow::Break(())) => stop(&mut job),
                    Err(error) => job.tell(News::Failed(error)),
                }
            }
        }
    }

    fn features(&self, job: &Job) -> Result<FeatureBatch> {
        self.loaded.checkpoint.check_unchanged()?;
        let Source::Clip(clip) = &job.source else { unreachable!("a clip that is not encoded yet") };
        let features = Features::extract(&clip.samples)?;
        Ok(FeatureBatch::new(&[features], self.loaded.checkpoint.padding_value()))
    }

    /// Passes a layer of the encoder.
    fn encode(&mut self, place: usize) {
        let Underway { mut job, encoding, mut times, asks, waited_since } = self.encoding.remove(place);
        self.at_work = Some((job.events.clone(), job.number));
        if let Err(error) = self.loaded.checkpoint.check_unchanged() {
            return job.tell(News::Failed(error));
        }
        let mut inspect = stops(job.cancel.clone());
        let advance = || Ok(encoding.advance(&mut inspect));
        match timed(&mut times.encoder, || guard(&self.loaded.model.device(), advance)) {
            Ok(ControlFlow::Continue(Advanced::Layer(encoding))) => {
                self.encoding.push(Underway { job, encoding, times, asks, waited_since });
            }
            Ok(ControlFlow::Continue(Advanced::Done(encoded))) => self.search(job, encoded, times, asks, waited_since),
            Ok(ControlFlow::Break(())) => stop(&mut job),
            Err(error) => job.tell(News::Failed(error)),
        }
    }

    /// Lets a search join the others. `asks` is what its clip asks for, as if it had not waited.
    fn search(&mut self, mut job: Job, encoded: Encoded, times: Times, asks: Asks, waited_since: Instant) {
        job.trace.enter(|recording| tracing::debug_span!(parent: recording, "decoder"));
        let head = match job.spec.script.map(|script| self.heads.get(self.loaded, script)).transpose() {
            Ok(head) => head,
            Err(error) => return job.tell(News::Failed(error)),
        };
        let asks = asks.after(waited_since.elapsed());
        match Search::begin(&self.loaded.model, job, head, encoded, times, asks, waited_since) {
            Ok(search) if search.steps.ended() => self.finish(search),
            Ok(search) => self.searches.push(search),
            Err(failed) => {
                let (mut job, error) = *failed;
                job.tell(News::Failed(error));
            }
        }
    }

    /// Takes a step of all searches for which there is memory.
    fn step(&mut self) {
        let check = || self.loaded.checkpoint.check_unchanged();
        if let Err(error) = check() {
            // Each gets an error of its own.
            let mut first = Some(error);
            for Search { mut job, .. } in mem::take(&mut self.searches) {
                let error = first.take().or_else(|| check().err());
                job.tell(News::Failed(
                    error.unwrap_or(Error::Stopped { reason: StopReason::Cancelled, partial: None }),
                ));
            }
            return;
        }
        let asks = self.make_room();
        let goes = policy::step(&asks, self.most_bytes);
        let (places, mut going): (Vec<usize>, Vec<&mut Search>) =
            self.searches.iter_mut().enumerate().filter(|(place, _)| goes[*place]).unzip();
        self.activity.steps += 1;
        self.activity.tokens += going.len() as u64;
        self.activity.rows += going.iter().map(|search| search.asks.rows as u64).sum::<u64>();
        for (place, failure) in step(&self.loaded.model, &mut going, &mut self.logits).into_iter().rev() {
            self.searches.remove(places[place]).job.tell(failure.into());
        }
        let ended: Vec<Search> = self.searches.extract_if(.., |search| search.steps.ended()).collect();
        // Before their callers hear of it.
        self.tell();
        ended.into_iter().for_each(|search| self.finish(search));
    }

    /// What the searches ask for, after some have begun to wait so that the first has memory.
    fn make_room(&mut self) -> Vec<Asks> {
        loop {
            // Keys of one moment: who waits becomes the first in time, and who is first stays it.
            let now = Instant::now();
            let asks_at = |search: &Search| search.asks_now().after(now.duration_since(search.begun));
            let asks: Vec<Asks> = self.searches.iter().map(asks_at).collect();
            // Whoever hears of tokens would hear of them twice.
            let may = |place: usize| !self.searches[place].job.tells_tokens;
            let Some(place) = policy::gives_way(&asks, self.most_bytes, may) else { return asks };
            let Search { mut job, encoded, times, waited_since: since, .. } = self.searches.remove(place);
            job.source = Source::Encoded(Box::new(encoded));
            let had = asks[place].bytes + asks[place].growth;
            self.activity.restarts += 1;
            self.waiting.push(Waiting { job, since, times, had });
        }
    }

    /// Hands the result of a search out.
    fn finish(&self, search: Search) {
        let Search { mut job, steps, encoded, times, .. } = search;
        // The last step may have read weights after its check.
        job.tell(match self.loaded.checkpoint.check_unchanged() {
            Err(error) => News::Failed(error),
            Ok(()) => {
                let hypotheses = steps.results().pop().unwrap_or_default();
                News::Done(Found { encoded, hypotheses, times })
            }
        });
    }
}

/// An identity for the recording of a clip.
fn recording(job: &Job) -> usize {
    Arc::as_ptr(&job.account) as usize
}

/// Breaks the encoder off when the work is cancelled.
fn stops<S, T>(cancel: CancelToken) -> impl FnMut(S, &T) -> ControlFlow<()> {
    move |_, _| if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Tells the caller of a clip whose encoding was broken off.
fn stop(job: &mut Job) {
    let reason = job.stopped().unwrap_or(StopReason::Cancelled);
    job.tell(News::Failed(Error::Stopped { reason, partial: None }));
}

/// Does work and adds its time.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    *total += started.elapsed();
    done
}

#[cfg(all(test, feature = "demo"))]
mod tests;

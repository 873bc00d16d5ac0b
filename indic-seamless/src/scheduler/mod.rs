//! One thread that computes for all callers of a transcriber, so that their searches share the reading of the weights.
//!
//! Callers submit clips ([`Job`]) and receive [`Event`]s. Clips are encoded one after the other, as the encoder is bound by
//! arithmetic. The searches of all clips that were encoded are rows of one batch of the decoder, which is bound by reading the
//! weights: a search joins the batch when its clip is encoded and leaves it when it ends, whoever submitted it, and whatever
//! its language, beams and options are. Which clip is encoded when is the subject of `policy`.
//!
//! A search finds the tokens that it finds alone.

mod activity;
mod decoder;
mod heads;
mod inbox;
mod job;
mod policy;
mod search;
mod trace;
mod worker;

use std::{
    any::Any,
    sync::{Arc, mpsc::channel},
    thread::{self, JoinHandle},
};

use rayon::ThreadPool;

use self::{
    activity::Told,
    inbox::{Inbox, Task},
    worker::Worker,
};
pub use self::{
    activity::{Activity, ByPriority},
    decoder::ModelDecoder,
    job::Priority,
};
pub(crate) use self::{
    job::{Account, Event, Found, Job, News, Source, Spec, receive},
    policy::BATCH_S,
    trace::Trace,
};
use crate::{
    cancel::CancelToken,
    checkpoint::Checkpoint,
    device::guard,
    error::{Error, Result, panic_message},
    model::SpeechToText,
};

/// A model and what it was loaded from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) model: SpeechToText,
}

/// The thread that computes. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Scheduler {
    inbox: Arc<Inbox>,
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Starts the thread, which computes on the threads of `pool`, with caches of at most `cache_bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be started.
    pub(crate) fn start(loaded: Arc<Loaded>, cache_bytes: Option<u64>, pool: ThreadPool) -> Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let told = Arc::new(Told::default());
        let (tasks, tell) = (Arc::clone(&inbox), Arc::clone(&told));
        let run = move || {
            let mut worker = Worker::new(&loaded, cache_bytes.unwrap_or(policy::BYTES), &tasks, &tell);
            while tasks.wait() {
                pool.install(|| worker.work());
            }
        };
        let thread = thread::Builder::new().name("indic-seamless".to_owned()).spawn(run);
        let thread = thread.map_err(Error::io("start", "the computing thread"))?;
        Ok(Self { inbox, told, thread: Some(thread) })
    }

    /// What there is to do, and was done.
    pub(crate) fn activity(&self) -> Activity {
        self.told.get()
    }

    /// Queues a clip.
    pub(crate) fn submit(&self, job: Job) {
        self.inbox.put(Task::Clip(Box::new(job)));
    }

    /// Does other work with the model, which takes turns with the steps for clips, and waits for the result.
    ///
    /// # Errors
    ///
    /// Those of `work`; [`Error::Stopped`] as soon as `cancel` says so.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        cancel: &CancelToken,
        work: impl FnOnce(&Loaded) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        type Panic = Box<dyn Any + Send>;
        let (sender, receiver) = channel::<Result<Result<T>, Panic>>();
        let stop = cancel.clone();
        let call = move |loaded: &Loaded| {
            let work = || {
                stop.check()?;
                loaded.checkpoint.check_unchanged()?;
                let done = guard(&loaded.model.device(), || work(loaded))?;
                // Weights may have been read after the check.
                loaded.checkpoint.check_unchanged().map(|()| done)
            };
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // The caller may have gone.
            let _ = sender.send(done);
        };
        self.inbox.put(Task::Call(Box::new(call)));
        match receive(&receiver, cancel)? {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(Box::new(panic_message(&*panic))),
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.inbox.close();
        if let Some(thread) = self.thread.take() {
            // Its panics are caught where they happen.
            let _ = thread.join();
        }
    }
}

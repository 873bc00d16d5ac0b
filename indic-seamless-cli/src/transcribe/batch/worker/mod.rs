//! `indic-seamless worker`: transcribes what the messages of a queue name, until it is empty or for ever.

mod desk;
pub(super) mod messages;
mod tally;

use std::{
    io::ErrorKind,
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use indic_seamless::{
    CancelToken, Error, OutputFormat, Priority, Result,
    engine::{Engine, EngineOptions},
};
use indic_seamless_aws::sqs::{Message, Queue, QueueError};
use serde::Serialize;

use self::{desk::Desk, tally::Tally};
use super::{
    TRY_AGAIN,
    buckets::{Buckets, runtime},
    copies,
    failure::may_pass,
    output::Output,
    row::Row,
    stores::{Ended, GIVE_UP, Stores},
};
use crate::{
    Outcome,
    transcribe::{
        file::Work,
        interrupt::{self, Deferred},
        options::Options,
        run_bar::RunBar,
    },
};

/// How long the recordings under way may take once the worker is asked to end. Then their messages are given back.
const GRACE: Duration = Duration::from_secs(20);
/// The longest wait between two requests to a queue out of reach.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the help of the subcommand ends with.
const USAGE: &str = "\
A message is a row of a manifest as a JSON object,

  {\"audio\": \"s3://BUCKET/KEY\", \"id\": \"may/1\", \"lang\": \"hin\"}

or a notification of S3, or {\"bucket\", \"key\", \"target_lang\"}. It is deleted when its results are written. A recording that can
never be transcribed gets a result that says why, ID.LANG.error.json. SIGTERM and Ctrl-C end the worker: it finishes what it
can in 20 seconds, and gives the rest back to the queue.";

/// Transcribe the recordings that the messages of a queue name
#[derive(clap::Args)]
#[command(after_help = USAGE)]
pub(crate) struct Args {
    /// URL of the queue, in SQS
    #[arg(long, value_name = "URL")]
    queue: String,
    /// End when the queue is empty [default: wait for more]
    #[arg(long)]
    until_empty: bool,
    /// Seconds for which a message is hidden from other workers after its worker has died
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u16).range(3..=43_200))]
    visibility: u16,
    #[command(flatten)]
    options: Options,
    /// Folder for the results, here or in S3
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX/")]
    output: PathBuf,
    /// Replace results that exist
    #[arg(long)]
    overwrite: bool,
}

/// Why a worker ends before its time.
#[derive(Debug, thiserror::Error)]
enum WorkerError {
    #[error("queue: {0}")]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Other(#[from] Error),
}

impl WorkerError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Queue(error) => matches!(error, QueueError::Unreachable { .. }),
            Self::Other(error) => may_pass(error),
        }
    }
}

/// Works until it is done, or asked to end.
pub(crate) fn run(args: Args) -> Outcome {
    interrupt::handle()?;
    match work(args) {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) if error.may_pass() => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(TRY_AGAIN))
        }
        Err(WorkerError::Queue(error @ QueueError::Invalid { .. })) => {
            eprintln!("error: queue: {error}");
            Ok(ExitCode::from(2))
        }
        Err(WorkerError::Other(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the exit code. All that can be known to fail fails before the model is loaded.
fn work(args: Args) -> Result<u8, WorkerError> {
    let segmentation = args.options.cutting.segmentation()?;
    let (queue, hidden) = (Queue::open(&args.queue)?, Duration::from_secs(args.visibility.into()));
    let desk = Arc::new(Desk::new(queue, runtime("the client of SQS")?, hidden));
    desk.probe()?;
    let buckets = Arc::new(Buckets::new()?);
    copies::probe()?;
    let output = Output::open(&args.output, args.overwrite, &buckets)?;
    let until_empty = args.until_empty;
    let work = Work::load(args.options, segmentation, |_| RunBar::hidden(0), false)?;
    let bench = Arc::new(Bench {
        work,
        stores: Stores { output, buckets },
        begun: AtomicUsize::new(0),
        tally: Mutex::default(),
    });
    let keeper = {
        let desk = Arc::clone(&desk);
        thread::spawn(move || desk.keep())
    };
    // While the last recordings are finished, another signal ends the program.
    let deferred = Deferred::new();
    let ended = serve(&desk, &bench, &deferred, until_empty);
    desk.close(GRACE);
    // It ends soon. Else it might hide what is given back.
    let _ = keeper.join();
    let given_back = desk.give_back_all();
    let mut tally = bench.tally();
    tally.left += given_back;
    let Tally { transcribed, skipped, failed, left, .. } = *tally;
    eprintln!(
        "{transcribed} transcribed, {skipped} skipped because their results exist, {failed} failed, {left} messages left in the queue"
    );
    Ok(tally.code(until_empty, ended?))
}

/// Takes messages and has them worked on, until it is asked to end, nothing can be done any more, or the queue is empty if that
/// is the end. Returns whether it was empty.
fn serve(desk: &Arc<Desk>, bench: &Arc<Bench>, deferred: &Deferred, until_empty: bool) -> Result<bool, WorkerError> {
    let recordings = bench.work.options.recordings.map_or(EngineOptions::default().recordings, NonZeroUsize::get);
    let engine = EngineOptions { recordings, ..EngineOptions::default() };
    let engine = Engine::with_options(Arc::clone(&bench.work.transcriber), engine);
    let (mut failures, mut pause) = (0, Duration::from_secs(1));
    while !deferred.is_over() && !bench.tally().is_hopeless() {
        let free = recordings.saturating_sub(desk.held());
        if free == 0 {
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        let messages = match desk.take(free) {
            Ok(messages) => messages,
            Err(error @ QueueError::Unreachable { .. }) if failures + 1 < GIVE_UP => {
                eprintln!("warning: queue: {error}");
                failures += 1;
                sleep(pause, deferred);
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        (failures, pause) = (0, Duration::from_secs(1));
        if messages.is_empty() && until_empty && desk.held() == 0 {
            return Ok(true);
        }
        for message in messages {
            if deferred.is_over() {
                desk.give_back(&message);
                bench.tally().left += 1;
                continue;
            }
            let held = Held { desk: Arc::clone(desk), message };
            let bench = Arc::clone(bench);
            engine.submit_work(Priority::Batch, &CancelToken::new(), move |_| bench.message(&held))?;
        }
    }
    Ok(false)
}

fn sleep(pause: Duration, deferred: &Deferred) {
    let step = Duration::from_millis(50);
    let mut left = pause;
    while !left.is_zero() && !deferred.is_over() {
        thread::sleep(step);
        left = left.saturating_sub(step);
    }
}

/// A message that is worked on. Whatever becomes of the work, the message is not held longer.
struct Held {
    desk: Arc<Desk>,
    message: Message,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.desk.release(&self.message);
    }
}

/// Whether a recording may not be read.
fn is_forbidden(error: &Error) -> bool {
    matches!(error.cause(), Error::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied)
}

/// Why a recording has no result.
#[derive(Serialize)]
struct ErrorResult<'a> {
    id: &'a str,
    audio: String,
    error: &'a str,
}

/// What messages are worked on with.
struct Bench {
    work: Work,
    stores: Stores,
    /// How many recordings were begun.
    begun: AtomicUsize,
    tally: Mutex<Tally>,
}

impl Bench {
    /// Does what a message asks for, and deletes it; or leaves it, to come again.
    fn message(&self, held: &Held) {
        let Held { desk, message } = held;
        let is_done = match messages::rows(&message.body) {
            // All are tried: one that must wait does not stop the others.
            Ok(rows) => rows.iter().filter(|row| !self.row(row)).count() == 0,
            Err(error) => {
                eprintln!("error: message {}: {error}", message.id);
                false
            }
        };
        if !is_done {
            self.tally().left += 1;
        } else if let Err(error) = desk.delete(message) {
            // It comes again, and its results are there.
            eprintln!("warning: message {} is not deleted: {error}", message.id);
        }
    }

    /// Transcribes a recording, unless its results are there. Returns whether there is nothing left to do for it.
    fn row(&self, row: &Row) -> bool {
        let options = &self.work.options;
        let ended = match self.stores.lacking(std::slice::from_ref(row), options) {
            Ok(lacking) if lacking.iter().all(Vec::is_empty) => {
                self.tally().add_skipped();
                return true;
            }
            Ok(lacking) => {
                let number = self.begun.fetch_add(1, Ordering::SeqCst);
                self.stores.transcribe(&self.work, number, row, &lacking.concat())
            }
            Err(error) => error.into(),
        };
        let (error, text) = match ended {
            Ended::Written(_) => {
                self.tally().add_transcribed();
                return true;
            }
            Ended::Refused(error) => {
                eprintln!("error: {error}: no result may be written");
                self.tally().refuse();
                return false;
            }
            Ended::NotBegun => return false,
            Ended::Failed(error, text) => (error, text),
        };
        eprintln!("error: {text}");
        let forbidden = is_forbidden(&error);
        let is_recorded = !forbidden && !may_pass(&error) && self.record(row, &text);
        let mut tally = self.tally();
        if is_recorded {
            tally.add_failed();
        } else if forbidden {
            tally.add_unreadable(row.audio.to_string());
        } else {
            tally.add_passing();
        }
        is_recorded
    }

    /// Writes why a recording has no result; returns whether that was possible.
    fn record(&self, row: &Row, text: &str) -> bool {
        let document = ErrorResult { id: &row.id, audio: row.audio.to_string(), error: text };
        // Strings can always be written as JSON.
        let document = serde_json::to_string(&document).unwrap_or_default() + "\n";
        let name = format!("{}.error.json", row.result(self.work.options.lang));
        match self.stores.output.replace(&name, document, OutputFormat::JSON) {
            Ok(()) => true,
            Err(error) => {
                eprintln!("error: {error}");
                false
            }
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Nothing panics while it is locked.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Clips of live speech: whole ones, and the one under way as it grows.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use tokio::sync::oneshot;
use tracing::Span;

use super::{Engine, Recordings, TextLanguage, Told};
use crate::{
    audio::{Waveform, seconds},
    cancel::CancelToken,
    error::{Error, Result, StopReason},
    scheduler::Priority,
    segmentation::Clip,
    service::problem::{Partial, Problem},
    transcriber::{Retry, TranscribeOptions, Transcriber},
    transcript::{Segment, Transcript},
};

/// A clip of live speech, and what is wanted of it.
#[derive(Debug)]
pub(crate) struct LiveClip {
    pub(crate) clip: Clip,
    pub(crate) language: TextLanguage,
    /// Whether the clip will grow: then its text is a guess, which others do not wait for, and which is not counted.
    pub(crate) grows: bool,
    /// When nobody waits for the text any more.
    pub(crate) deadline: Instant,
}

/// A clip that waits or is being transcribed. Dropping it stops the work.
#[derive(Debug)]
pub(crate) struct RunningClip {
    result: oneshot::Receiver<Result<Option<Segment>>>,
    cancel: CancelToken,
    recordings: Recordings,
    /// Bytes of its samples.
    pub(crate) bytes: usize,
}

impl RunningClip {
    /// Waits for the segment; `None` if there is no text in it. Cancel-safe.
    pub(crate) async fn segment(&mut self) -> Result<Option<Segment>, Problem> {
        match (&mut self.result).await {
            Ok(Err(Error::Stopped { reason: StopReason::Deadline, .. })) => Err(Problem::deadline(Partial::default())),
            Ok(result) => Ok(result?),
            // It panicked, or its deadline passed before it was begun.
            Err(_) if self.cancel.reason() == Some(StopReason::Deadline) => Err(Problem::deadline(Partial::default())),
            Err(_) => Err(Problem::internal()),
        }
    }
}

impl Drop for RunningClip {
    fn drop(&mut self) {
        self.cancel.cancel();
        // Now, not when what is before it is done.
        self.recordings.sweep();
    }
}

impl Engine {
    /// Whether the model can do more without anybody waiting for it.
    pub(crate) fn is_free(&self) -> bool {
        let Some(loaded) = self.loaded.get() else { return false };
        let waiting = loaded.recordings.transcriber().activity().waiting;
        loaded.recordings.has_room() && waiting.interactive + waiting.batch == 0
    }

    /// Queues a clip, as a recording of its own that needs no place: those of a socket are bounded by its memory.
    pub(crate) fn submit_clip(&self, request_id: &Arc<str>, live: LiveClip) -> Result<RunningClip, Problem> {
        let recordings = self.loaded()?.recordings.clone();
        let LiveClip { clip, language, grows, deadline } = live;
        let bytes = size_of_val(&*clip.samples);
        let (sender, result) = oneshot::channel();
        let waited = Arc::new(OnceLock::new());
        let told = (!grows).then(|| Told {
            request_id: request_id.clone(),
            // The request's own ended when it became a socket.
            span: Span::none(),
            waited: waited.clone(),
            metrics: self.metrics.clone(),
            observer: self.observer.clone(),
            place: Arc::default(),
        });
        let (priority, retry) =
            if grows { (Priority::Batch, Retry::Never) } else { (Priority::Interactive, Retry::Always) };
        let cancel = CancelToken::new().with_deadline(deadline);
        let (since, stop) = (Instant::now(), cancel.clone());
        let work = move |transcriber: &Transcriber| {
            // Set once, here.
            let _ = waited.set(since.elapsed());
            let options = TranscribeOptions { priority, retry, cancel: stop, ..TranscribeOptions::default() };
            let done = transcribe(transcriber, clip, language, options);
            if let Some(mut told) = told {
                told.done(done.as_ref().ok());
            }
            // The client may have gone away.
            let _ = sender.send(done.map(|transcript| transcript.segments.into_iter().next()));
        };
        recordings.submit_work(priority, &cancel, work)?;
        Ok(RunningClip { result, cancel, recordings, bytes })
    }
}

/// The transcript of a clip by itself, whose clock begins with its audio.
fn transcribe(
    transcriber: &Transcriber,
    mut clip: Clip,
    language: TextLanguage,
    options: TranscribeOptions<'_>,
) -> Result<Transcript> {
    options.cancel.check()?;
    clip.start -= clip.audio_start;
    // Rounding could move it behind the audio.
    clip.end = (clip.end - clip.audio_start).min(seconds(clip.samples.len()));
    clip.audio_start = 0.0;
    let language = language.find(|| {
        let samples = Waveform::from_samples(clip.samples.clone(), Waveform::SAMPLE_RATE)?;
        transcriber.guess(&samples, &options.cancel)
    })?;
    transcriber.transcribe_clips([clip], language, options)
}

#[cfg(all(test, feature = "demo"))]
mod tests {
    use std::{
        fs,
        sync::{
            Mutex,
            mpsc::{Receiver, Sender, channel},
        },
        thread,
        time::Duration,
    };

    use super::*;
    use crate::{
        generation::{LogitsContext, LogitsProcessor},
        language::Language,
        service::{Service, Settings},
        transcript::Flag,
    };

    /// How long the computing thread is held at most.
    const LONG: Duration = Duration::from_secs(20);

    /// Tells that a search has begun, and holds the computing thread until the other sender is dropped.
    struct Holds(Sender<()>, Mutex<Receiver<()>>);

    impl LogitsProcessor for Holds {
        fn process(&self, _: &LogitsContext<'_>, _: &mut [f32]) {
            // The test may have ended.
            let _ = self.0.send(());
            let _ = self.1.lock().expect("no panic").recv_timeout(LONG);
        }
    }

    /// A second of a hum.
    fn clip() -> Clip {
        Clip::whole(0.0, (0..16_000).map(|i| 0.1 * (i as f32 * 0.05).sin()).collect())
    }

    #[tokio::test]
    async fn a_text_that_runs_away_is_searched_again_unless_it_is_a_guess() {
        let model = tempfile::tempdir().expect("folder");
        for entry in fs::read_dir("demo").expect("the demo model") {
            let entry = entry.expect("a file");
            fs::copy(entry.path(), model.path().join(entry.file_name())).expect("copied");
        }
        // More than anybody says in a second.
        let path = "demo/generation_config.json";
        let json = fs::read_to_string(path).expect("read").replacen('{', "{\"min_new_tokens\": 199,", 1);
        fs::write(model.path().join("generation_config.json"), json).expect("written");
        let dir = model.path().to_owned();
        let service = Service::start(Settings::default(), || Transcriber::from_dir(dir)).expect("a service");
        service.ready().await.expect("loaded");
        let id: Arc<str> = "id".into();
        for grows in [false, true] {
            let (language, deadline) = (TextLanguage::Known(Language::HINDI), Instant::now() + LONG);
            let live = LiveClip { clip: clip(), language, grows, deadline };
            let mut running = service.0.engine.submit_clip(&id, live).expect("room");
            let segment = running.segment().await.expect("a result").expect("a text");
            assert!(segment.flags.contains(&Flag::RunAway), "{:?}", segment.flags);
            assert_eq!(segment.flags.contains(&Flag::Retried), !grows, "{:?}", segment.flags);
        }
    }

    #[test]
    fn the_deadline_ends_a_guess_of_the_language() {
        let transcriber = Transcriber::demo().expect("the demo model");
        let clip = clip();
        let ((begun, begins), (go_on, wait)) = (channel(), channel());
        let holds: Arc<dyn LogitsProcessor> = Arc::new(Holds(begun, Mutex::new(wait)));
        let other = TranscribeOptions { processors: vec![holds], ..TranscribeOptions::default() };
        thread::scope(|scope| {
            scope.spawn(|| transcriber.transcribe_clips([clip.clone()], Language::HINDI, other));
            begins.recv().expect("a search");
            let (started, patience) = (Instant::now(), Duration::from_millis(100));
            let cancel = CancelToken::new().with_deadline(started + patience);
            let options = TranscribeOptions { cancel, ..TranscribeOptions::default() };
            let spoken = TextLanguage::Spoken(Vec::new());
            let stopped = transcribe(&transcriber, clip.clone(), spoken, options);
            let took = started.elapsed();
            drop(go_on);
            assert!(matches!(stopped, Err(Error::Stopped { reason: StopReason::Deadline, .. })), "{stopped:?}");
            assert!(took < LONG / 2, "{took:?}");
        });
    }
}

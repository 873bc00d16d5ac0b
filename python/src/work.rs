//! Work on a thread of its own, which Python waits for without its lock.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use indic_seamless::{CancelToken, Error, Result, Segment, Transcriber, Transcript};
use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::{
    audio::{Audio, Opened},
    error::raise,
    options::Options,
};

/// How often waiting is interrupted to see whether the user pressed Ctrl-C.
const GLANCE: Duration = Duration::from_millis(50);

/// Waits for the next message without Python's lock. `Ok(None)` if nobody sends any more.
///
/// # Errors
///
/// `KeyboardInterrupt`, and what other signals raise.
pub(crate) fn wait<T: Send>(py: Python<'_>, receiver: &Mutex<Receiver<T>>) -> PyResult<Option<T>> {
    loop {
        let next = py.detach(|| receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(GLANCE));
        match next {
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
        }
    }
}

/// The error if a thread has ended without a result.
pub(crate) fn ended() -> PyErr {
    PyRuntimeError::new_err("the work ended without a result; this is a bug")
}

enum News {
    Segment(Box<Segment>),
    Done(Box<Result<Transcript>>),
}

/// A transcription under way.
#[pyclass(frozen)]
#[derive(Debug)]
pub(crate) struct Work {
    news: Mutex<Receiver<News>>,
    cancel: CancelToken,
}

impl Work {
    /// Starts to transcribe `audio`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no thread for it.
    pub(crate) fn start(transcriber: Arc<Transcriber>, audio: Audio, options: Options) -> Result<Self> {
        let (sender, news) = channel();
        let cancel = CancelToken::new();
        let stop = cancel.clone();
        let run = move || {
            let done = transcribe(&transcriber, audio, &options, &stop, &sender);
            // Python may have stopped listening.
            let _ = sender.send(News::Done(Box::new(done)));
        };
        let thread = thread::Builder::new().name("transcription".to_owned()).spawn(run);
        thread.map_err(|source| Error::Io { action: "start", path: "a thread".into(), source })?;
        Ok(Self { news: Mutex::new(news), cancel })
    }
}

fn transcribe(
    transcriber: &Transcriber,
    audio: Audio,
    options: &Options,
    cancel: &CancelToken,
    sender: &Sender<News>,
) -> Result<Transcript> {
    let (language, how) = (options.language()?, options.audio(audio.damage())?);
    let mut on_segment = |segment: &Segment| {
        let _ = sender.send(News::Segment(Box::new(segment.clone())));
    };
    let mut options = options.transcription(transcriber.checkpoint().generation(), cancel)?;
    options.on_segment = Some(&mut on_segment);
    match audio.open(&how)? {
        Opened::Reader(reader) => transcriber.transcribe_reader(*reader, language, options),
        Opened::Waveform(waveform) => transcriber.transcribe_with(&waveform, language, options),
    }
}

#[pymethods]
impl Work {
    /// Waits for the next result: `(False, segment)`, and at last `(True, transcript)`, as JSON.
    fn next(&self, py: Python<'_>) -> PyResult<(bool, String)> {
        let json = |text: serde_json::Result<String>| text.map_err(|error| PyRuntimeError::new_err(error.to_string()));
        let news = wait(py, &self.news).inspect_err(|_| self.cancel.cancel())?;
        match news.ok_or_else(ended)? {
            News::Segment(segment) => Ok((false, json(serde_json::to_string(&segment))?)),
            News::Done(done) => match *done {
                Ok(transcript) => Ok((true, json(serde_json::to_string(&transcript))?)),
                Err(error) => Err(raise(py, &error)),
            },
        }
    }

    /// Gives the work up.
    fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

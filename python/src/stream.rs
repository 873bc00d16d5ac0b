//! Speech that arrives piece by piece.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use indic_seamless::{CancelToken, Error, Result, Segment, Transcriber};
use pyo3::{exceptions::PyRuntimeError, prelude::*, sync::MutexExt};

use crate::{
    audio::mono,
    error::raise,
    options::Options,
    work::{ended, wait},
};

enum Order {
    Feed(Vec<f32>),
    Finish,
}

/// A transcription of speech that arrives piece by piece.
#[pyclass(frozen)]
#[derive(Debug)]
pub(crate) struct Stream {
    /// Held from an order to its answer.
    orders: Mutex<Sender<Order>>,
    answers: Mutex<Receiver<Result<Vec<Segment>>>>,
    cancel: CancelToken,
}

impl Stream {
    /// Starts a thread that owns the stream.
    ///
    /// # Errors
    ///
    /// Those of [`Transcriber::stream`].
    pub(crate) fn start(transcriber: Arc<Transcriber>, options: Options) -> Result<Self> {
        let (orders, inbox) = channel::<Order>();
        let (outbox, answers) = channel();
        let cancel = CancelToken::new();
        let stop = cancel.clone();
        let run = move || {
            let begin = || {
                let transcription = options.transcription(transcriber.checkpoint().generation(), &stop)?;
                transcriber.stream(options.language()?, transcription)
            };
            let mut stream = match begin() {
                Ok(stream) => stream,
                Err(error) => {
                    let _ = outbox.send(Err(error));
                    return;
                }
            };
            // The first answer says that it has begun.
            let _ = outbox.send(Ok(Vec::new()));
            for order in inbox {
                let answer = match order {
                    Order::Feed(samples) => stream.feed(&samples),
                    Order::Finish => stream.finish(),
                };
                if outbox.send(answer).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("stream".to_owned()).spawn(run);
        thread.map_err(|source| Error::Io { action: "start", path: "a thread".into(), source })?;
        match answers.recv() {
            Ok(Ok(_)) => Ok(Self { orders: Mutex::new(orders), answers: Mutex::new(answers), cancel }),
            Ok(Err(error)) => Err(error),
            Err(_) => unreachable!("the thread answers first"),
        }
    }

    fn order(&self, py: Python<'_>, order: Order) -> PyResult<Vec<String>> {
        // Waited for without Python's lock, which the holder needs to go on.
        let orders = self.orders.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        orders.send(order).map_err(|_| ended())?;
        let answer = wait(py, &self.answers).inspect_err(|_| {
            self.cancel.cancel();
            // The next order would take it for its own.
            let _ = py.detach(|| self.answers.lock().unwrap_or_else(PoisonError::into_inner).recv());
        });
        let segments = answer?.ok_or_else(ended)?.map_err(|error| raise(py, &error))?;
        let json = |segment: &Segment| serde_json::to_string(segment);
        segments
            .iter()
            .map(json)
            .collect::<serde_json::Result<_>>()
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

#[pymethods]
impl Stream {
    /// Takes samples; returns the segments that end with them, as JSON.
    fn feed(&self, py: Python<'_>, samples: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        self.order(py, Order::Feed(mono(samples)?))
    }

    /// Ends the recording; returns its last segments, as JSON.
    fn finish(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.order(py, Order::Finish)
    }
}

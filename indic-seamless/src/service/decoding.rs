//! Decodes recordings beside the model, a few at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::{
    audio::{AudioOptions, Waveform},
    cancel::CancelToken,
};

/// Recordings decoded at a time: the model needs the other cores.
const AT_A_TIME: usize = 2;
/// The most samples in a second of the longest recording: eight channels at 48 kHz.
const DENSEST: f64 = 8.0 * 48_000.0;

/// The threads that decode.
#[derive(Debug)]
pub(super) struct Decoders(Arc<Semaphore>);

/// Stops the decoding of a recording when it is dropped.
struct Stop(CancelToken);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Decoders {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }

    /// How to decode recordings that may last `max`. Recordings with many channels at a high rate, which take as long to decode
    /// as much longer ones, must be shorter.
    pub(super) fn options(max: Duration) -> AudioOptions {
        AudioOptions::new().max_duration(max).max_samples((max.as_secs_f64() * DENSEST) as u64)
    }

    /// Runs `decode` when its turn has come, and measures the milliseconds. Its token stops it at the deadline, and when the
    /// future is dropped. `None` if the decoder panicked.
    pub(super) async fn run<E: Send + 'static>(
        &self,
        deadline: Instant,
        decode: impl FnOnce(&CancelToken) -> Result<Waveform, E> + Send + 'static,
    ) -> Option<Result<(Waveform, f64), E>> {
        let place = self.0.clone().acquire_owned().await.ok()?;
        let stop = Stop(CancelToken::new());
        let token = stop.0.with_deadline(deadline);
        let decode = move || {
            // Free when the work is done, not when the client leaves.
            let _place = place;
            let started = Instant::now();
            decode(&token).map(|audio| (audio, started.elapsed().as_secs_f64() * 1000.0))
        };
        tokio::task::spawn_blocking(decode).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;
    use crate::error::Error;

    /// Says on `told` that it has begun, and goes on until it is told to stop, which it says, too.
    fn endless(
        told: mpsc::Sender<&'static str>,
    ) -> impl FnOnce(&CancelToken) -> Result<Waveform, Error> + Send + 'static {
        move |cancel| {
            let _ = told.send("begun");
            while !cancel.is_cancelled() {
                thread::sleep(Duration::from_millis(5));
            }
            let _ = told.send("stopped");
            Waveform::from_samples(vec![0.0], 16_000)
        }
    }

    #[tokio::test]
    async fn work_for_clients_that_left_stops_and_makes_room() {
        let (decoders, late) = (Arc::new(Decoders::new()), Instant::now() + Duration::from_secs(60));
        let (told, news) = mpsc::channel();
        let decode = || {
            let (decoders, work) = (decoders.clone(), endless(told.clone()));
            tokio::spawn(async move { decoders.run(late, work).await.is_some() })
        };
        let running: Vec<_> = (0..AT_A_TIME).map(|_| decode()).collect();
        let waiting = decode();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(news.try_iter().collect::<Vec<_>>(), ["begun"; AT_A_TIME]);
        running.iter().for_each(tokio::task::JoinHandle::abort);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut heard: Vec<_> = news.try_iter().collect();
        heard.sort_unstable();
        assert_eq!(heard, ["begun", "stopped", "stopped"]);
        waiting.abort();
    }

    #[tokio::test]
    async fn work_stops_at_the_deadline() {
        let (told, news) = mpsc::channel();
        let soon = Instant::now() + Duration::from_millis(50);
        assert!(Decoders::new().run(soon, endless(told)).await.is_some());
        assert_eq!(news.try_iter().collect::<Vec<_>>(), ["begun", "stopped"]);
    }

    #[test]
    fn decoding_stops_between_two_seconds() {
        let samples: Vec<u8> = vec![0; 2 * 10 * 16_000];
        let mut wav =
            b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data".to_vec();
        wav.extend((samples.len() as u32).to_le_bytes());
        wav.extend(samples);
        let cancelled = CancelToken::new();
        cancelled.cancel();
        let read =
            |cancel: &CancelToken| AudioOptions::new().reader_from_bytes(wav.clone(), None)?.into_waveform(cancel);
        assert_eq!(read(&CancelToken::new()).expect("a recording").len(), 160_000);
        assert!(matches!(read(&cancelled), Err(Error::Stopped { .. })));
    }
}

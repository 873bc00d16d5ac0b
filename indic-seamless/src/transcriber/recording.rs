//! Recordings that are there as a whole, or come from a file or a pipe.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender},
    time::{Duration, Instant},
};

use super::{Segmentation, milliseconds, seconds, session::Session};
use crate::{
    error::Result,
    segmentation::{Segmenter, SpeechSegment},
    transcript::Segment,
};

/// Pieces that are decoded and searched for speech before the model is ready for them: a minute of a file.
pub(super) const AHEAD: usize = 60;
/// How often it is looked whether the work is to stop while nothing comes.
const LOOK: Duration = Duration::from_millis(20);

/// What the thread that reads a recording tells.
pub(super) enum Message {
    /// The recording is short enough to stay whole: all its samples.
    Whole { samples: Vec<f32>, audio_ms: f64 },
    /// The next piece has been searched for speech.
    Heard(Heard),
    /// There was no more.
    End,
}

/// What has become of a piece of the recording.
#[derive(Default)]
pub(super) struct Heard {
    /// The segments that it closes.
    closed: Vec<SpeechSegment>,
    samples: usize,
    audio_ms: f64,
    segmentation_ms: f64,
}

/// Waits for a message, as long as the work is not stopped. `None` if there will be none.
pub(super) fn receive(
    messages: &Receiver<Result<Message>>,
    stopped: impl Fn() -> Result<()>,
) -> Result<Option<Message>> {
    loop {
        stopped()?;
        match messages.recv_timeout(LOOK) {
            Ok(message) => return message.map(Some),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
    }
}

/// Transcribes what another thread hears, which is ahead of the model; `finished` gets the segments. Tells how it went and how
/// many seconds were read; `None` if the other thread has ended without a word.
pub(super) fn transcribe(
    session: &mut Session<'_, '_>,
    messages: &Receiver<Result<Message>>,
    mut first: Option<Message>,
    finished: &mut Vec<Segment>,
) -> Option<(Result<()>, f64)> {
    let (mut taken, mut closed) = (0, Vec::new());
    loop {
        let message = match first.take() {
            Some(message) => Ok(Some(message)),
            None => receive(messages, || session.cancel.check()),
        };
        let run = match message {
            Err(error) => Err(error),
            Ok(None | Some(Message::Whole { .. })) => return None,
            Ok(Some(Message::End)) => {
                let run = session.transcribe_all(&closed, seconds(taken), finished);
                return Some((run, seconds(taken)));
            }
            Ok(Some(Message::Heard(heard))) => {
                session.timings.audio_ms += heard.audio_ms;
                session.timings.segmentation_ms += heard.segmentation_ms;
                taken += heard.samples;
                closed.extend(heard.closed);
                if session.is_enough(&closed) {
                    session.transcribe_all(&std::mem::take(&mut closed), seconds(taken), finished)
                } else {
                    if closed.is_empty() {
                        session.progress(seconds(taken));
                    }
                    Ok(())
                }
            }
        };
        if run.is_err() {
            return Some((run, seconds(taken)));
        }
    }
}

/// Reads a recording and sends what is heard in each piece, until they end or nobody listens.
pub(super) fn hear(
    segmentation: &Segmentation,
    mut pieces: impl Iterator<Item = Result<Vec<f32>>>,
    sender: &SyncSender<Result<Message>>,
) {
    let started = Instant::now();
    // What is short enough to stay whole is only known when it ends.
    let (mut head, mut samples) = (Vec::new(), 0);
    let options = loop {
        if let Some(options) = segmentation.of(seconds(samples)) {
            break options;
        }
        match pieces.next() {
            Some(Ok(piece)) => {
                samples += piece.len();
                head.push(piece);
            }
            // Whether anybody still listens does not matter any more, here and below.
            Some(Err(error)) => return drop(sender.send(Err(error))),
            None => {
                let whole = Message::Whole { samples: head.concat(), audio_ms: milliseconds(started) };
                return drop(sender.send(Ok(whole)));
            }
        }
    };
    let mut segmenter = match Segmenter::new(options) {
        Ok(segmenter) => segmenter,
        Err(error) => return drop(sender.send(Err(error))),
    };
    let mut before = milliseconds(started);
    let mut pieces = head.into_iter().map(Ok).chain(pieces);
    loop {
        let mut heard = Heard { audio_ms: std::mem::take(&mut before), ..Heard::default() };
        let started = Instant::now();
        let piece = pieces.next();
        heard.audio_ms += milliseconds(started);
        let last = piece.is_none();
        let started = Instant::now();
        match piece {
            Some(Ok(piece)) => {
                segmenter.push(&piece, &mut heard.closed);
                heard.samples = piece.len();
            }
            Some(Err(error)) => return drop(sender.send(Err(error))),
            None => segmenter.finish(&mut heard.closed),
        }
        heard.segmentation_ms = milliseconds(started);
        if sender.send(Ok(Message::Heard(heard))).is_err() {
            return;
        }
        if last {
            return drop(sender.send(Ok(Message::End)));
        }
    }
}

//! Recordings that are there as a whole, but longer than a segment.

use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread,
    time::Instant,
};

use super::{milliseconds, seconds, session::Session};
use crate::{
    error::Result,
    segmentation::{Segmenter, SpeechSegment},
    transcript::Segment,
};

/// Pieces, of a second each, that are decoded and searched for speech before the model is ready for them.
const AHEAD: usize = 60;

/// What has become of a piece of the recording.
#[derive(Default)]
struct Heard {
    /// The segments that it closes.
    closed: Vec<SpeechSegment>,
    samples: usize,
    audio_ms: f64,
    segmentation_ms: f64,
}

/// Transcribes a recording that comes in pieces. These are decoded and searched for speech on a thread of their own,
/// ahead of the model. Returns how many seconds were read, beside the result; `finished` gets the segments.
pub(super) fn transcribe(
    session: &mut Session<'_, '_>,
    mut segmenter: Segmenter,
    pieces: impl Iterator<Item = Result<Vec<f32>>> + Send,
    finished: &mut Vec<Segment>,
) -> (Result<()>, f64) {
    let (sender, receiver) = sync_channel(AHEAD);
    let mut taken = 0;
    let run = thread::scope(|scope| {
        scope.spawn(move || hear(&mut segmenter, pieces, &sender));
        let mut closed = Vec::new();
        // Dropped when this returns, by which the other thread learns that nobody listens.
        for heard in receiver {
            session.cancel.check()?;
            let heard: Heard = heard?;
            session.timings.audio_ms += heard.audio_ms;
            session.timings.segmentation_ms += heard.segmentation_ms;
            taken += heard.samples;
            closed.extend(heard.closed);
            if session.is_enough(&closed) {
                session.transcribe_all(&std::mem::take(&mut closed), seconds(taken), finished)?;
            } else if closed.is_empty() {
                session.progress(seconds(taken));
            }
        }
        session.transcribe_all(&closed, seconds(taken), finished)
    });
    (run, seconds(taken))
}

/// Sends what is heard in each piece, until they end or nobody listens.
fn hear(
    segmenter: &mut Segmenter,
    mut pieces: impl Iterator<Item = Result<Vec<f32>>>,
    sender: &SyncSender<Result<Heard>>,
) {
    loop {
        let mut heard = Heard::default();
        let started = Instant::now();
        let piece = pieces.next().transpose();
        heard.audio_ms = milliseconds(started);

        let started = Instant::now();
        let (message, last) = match piece {
            Ok(Some(piece)) => {
                segmenter.push(&piece, &mut heard.closed);
                heard.samples = piece.len();
                heard.segmentation_ms = milliseconds(started);
                (Ok(heard), false)
            }
            Ok(None) => {
                segmenter.finish(&mut heard.closed);
                (Ok(heard), true)
            }
            Err(error) => (Err(error), true),
        };
        if sender.send(message).is_err() || last {
            return;
        }
    }
}

//! Reading a recording and detecting its speech, on a thread that is ahead of the model.

use std::{
    any::Any,
    borrow::Borrow,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    time::{Duration, Instant},
};

use super::Segmentation;
use crate::{
    CancelToken,
    audio::{Waveform, seconds},
    error::Result,
    segmentation::{Clip, Segmenter},
};

/// Beyond this length the model, trained on short utterances, drops or repeats text.
const LONG_CLIP_S: f64 = 60.0;
/// Pieces that may wait for the model: a minute of a file.
const AHEAD: usize = 60;
/// How often cancellation is checked while no piece arrives.
const POLL: Duration = Duration::from_millis(20);

/// What a piece of the recording gave.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The clips that end in it.
    pub(super) clips: Vec<Clip>,
    /// Its length in samples.
    pub(super) samples: usize,
    /// The time that decoding it took.
    pub(super) audio: Duration,
    /// The time that detecting speech in it took.
    pub(super) segmentation: Duration,
}

impl Heard {
    /// Passes the next samples to `segmenter`.
    pub(super) fn push(segmenter: &mut Segmenter, samples: &[f32]) -> Self {
        let started = Instant::now();
        let mut clips = Vec::new();
        segmenter.push(samples, &mut clips);
        Self { clips, samples: samples.len(), segmentation: started.elapsed(), ..Self::default() }
    }

    /// Ends the recording in `segmenter`.
    pub(super) fn finish(segmenter: &mut Segmenter) -> Self {
        let started = Instant::now();
        let mut clips = Vec::new();
        segmenter.finish(&mut clips);
        Self { clips, segmentation: started.elapsed(), ..Self::default() }
    }

    /// A recording that is not cut.
    pub(super) fn whole(samples: Vec<f32>) -> Self {
        let clip = Clip::whole(samples);
        let duration_s = clip.seconds();
        if duration_s > LONG_CLIP_S {
            tracing::warn!(
                duration_s,
                "the model was trained on short utterances: text may be dropped or repeated beyond {LONG_CLIP_S} s"
            );
        }
        Self { samples: clip.samples.len(), clips: vec![clip], ..Self::default() }
    }

    /// A clip that the caller cut out of a recording of which `read` samples lie before it.
    pub(super) fn clip(clip: Clip, read: usize) -> Self {
        let end = ((clip.audio_start + clip.seconds()) * f64::from(Waveform::SAMPLE_RATE)).round() as usize;
        Self { samples: end.saturating_sub(read), clips: vec![clip], ..Self::default() }
    }
}

/// The pieces of a recording that another thread reads, as an iterator.
///
/// It ends with an error when the transcription is cancelled, even if the thread still waits for a pipe. When it is dropped,
/// the thread ends with the piece that it is reading. A panic of the thread goes on here.
pub(super) struct ReadAhead {
    heard: Receiver<Result<Result<Heard>, Box<dyn Any + Send>>>,
    cancel: CancelToken,
}

impl ReadAhead {
    /// The iterator, and the work for the thread: to read `pieces`, mono at 16 kHz, and cut them.
    pub(super) fn new<P: Borrow<[f32]>>(
        pieces: impl Iterator<Item = Result<P>>,
        segmentation: Segmentation,
        cancel: CancelToken,
    ) -> (Self, impl FnOnce()) {
        let (sender, heard) = sync_channel(AHEAD);
        let work = move || {
            let send = |heard| sender.send(Ok(Ok(heard))).is_ok();
            let last = match catch_unwind(AssertUnwindSafe(|| read(pieces, &segmentation, send))) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => Ok(Err(error)),
                Err(panic) => Err(panic),
            };
            // Fails if the transcription has ended.
            let _ = sender.send(last);
        };
        (Self { heard, cancel }, work)
    }
}

impl Iterator for ReadAhead {
    type Item = Result<Heard>;

    fn next(&mut self) -> Option<Result<Heard>> {
        loop {
            if let Err(stopped) = self.cancel.check() {
                return Some(Err(stopped));
            }
            match self.heard.recv_timeout(POLL) {
                Ok(Ok(heard)) => return Some(heard),
                Ok(Err(panic)) => resume_unwind(panic),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

/// Reads a recording and sends what each piece gave, until it ends or `send` returns false.
fn read<P: Borrow<[f32]>>(
    mut pieces: impl Iterator<Item = Result<P>>,
    segmentation: &Segmentation,
    send: impl Fn(Heard) -> bool,
) -> Result<()> {
    let started = Instant::now();
    // Whether a recording is short enough to stay whole is only known at its end.
    let (mut head, mut samples) = (Vec::new(), 0);
    let options = loop {
        if let Some(options) = segmentation.for_length(seconds(samples)) {
            break options;
        }
        let Some(piece) = pieces.next().transpose()? else {
            send(Heard { audio: started.elapsed(), ..Heard::whole(head.concat()) });
            return Ok(());
        };
        samples += piece.borrow().len();
        head.push(piece);
    };
    let mut segmenter = Segmenter::new(options.clone())?;
    let mut audio = started.elapsed();
    let mut pieces = head.into_iter().map(Ok).chain(pieces);
    loop {
        let started = Instant::now();
        let piece = pieces.next().transpose()?;
        audio += started.elapsed();
        let Some(piece) = piece else {
            send(Heard { audio, ..Heard::finish(&mut segmenter) });
            return Ok(());
        };
        if !send(Heard { audio: mem::take(&mut audio), ..Heard::push(&mut segmenter, piece.borrow()) }) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;
    use crate::error::Error;

    fn silence() -> Result<Vec<f32>> {
        Ok(vec![0.0; 16_000])
    }

    fn cut() -> Segmentation {
        Segmentation::Always(crate::segmentation::SegmentationOptions::default())
    }

    #[test]
    fn the_thread_stays_a_bounded_number_of_pieces_ahead_and_ends_with_the_iterator() {
        let (told, read) = mpsc::channel();
        let pieces = std::iter::repeat_with(move || {
            told.send(()).expect("the test listens");
            silence()
        });
        let (mut ahead, work) = ReadAhead::new(pieces, cut(), CancelToken::new());
        let thread = thread::spawn(work);
        for _ in 0..AHEAD + 1 {
            read.recv_timeout(Duration::from_secs(10)).expect("a piece");
        }
        assert!(read.recv_timeout(Duration::from_millis(200)).is_err(), "more than {AHEAD} pieces wait");
        assert_eq!(ahead.next().expect("a piece").expect("no error").samples, 16_000);
        read.recv_timeout(Duration::from_secs(10)).expect("room for another piece");
        drop(ahead);
        thread.join().expect("no panic");
    }

    #[test]
    fn an_error_is_the_last_item() {
        let broken = Err(Error::InvalidSample { source_name: "audio".to_owned(), index: 0, value: f32::NAN });
        for segmentation in [cut(), Segmentation::None] {
            let pieces = [silence(), Err(Error::AudioTooShort { source_name: String::new(), samples: 0, wanted: 1 })];
            let (ahead, work) = ReadAhead::new(pieces.into_iter(), segmentation.clone(), CancelToken::new());
            work();
            let heard: Vec<Result<Heard>> = ahead.collect();
            assert!(matches!(heard.last(), Some(Err(Error::AudioTooShort { .. }))), "{heard:?}");
            assert_eq!(heard.len(), if segmentation == Segmentation::None { 1 } else { 2 });
        }
        let (ahead, work) = ReadAhead::new([broken, silence()].into_iter(), cut(), CancelToken::new());
        work();
        assert_eq!(ahead.count(), 1);
    }

    #[test]
    fn a_panic_of_the_thread_goes_on_where_the_pieces_are_used() {
        let pieces = std::iter::once_with(|| -> Result<Vec<f32>> { panic!("on purpose") });
        let (mut ahead, work) = ReadAhead::new(pieces, cut(), CancelToken::new());
        thread::spawn(work).join().expect("caught");
        let panic = catch_unwind(AssertUnwindSafe(|| ahead.next())).expect_err("a panic");
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    }
}

//! Reading a recording and detecting its speech, on a thread that is ahead of the model.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use super::{
    Segmentation,
    queue::{Receiver, Sender, queue},
    short::Short,
};
use crate::{
    CancelToken,
    audio::{Piece, Waveform, seconds},
    damage::Damage,
    error::Result,
    segmentation::{Clip, Segmenter},
};

/// Beyond this length the model, trained on short utterances, drops or repeats text.
const LONG_CLIP_S: f64 = 60.0;
/// The bytes that may wait for the model: a minute of speech, and of a recording that is being made four, so that a microphone
/// need not wait for a slow batch.
const AHEAD: usize = 4 << 20;
const AHEAD_LIVE: usize = 16 << 20;
/// What a piece without speech counts for in them.
const LEAST: usize = 4 << 10;
/// How often cancellation is checked while no piece arrives.
const POLL: Duration = Duration::from_millis(20);

/// What a piece of the recording gave.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The clips that end in it.
    pub(super) clips: Vec<Clip>,
    /// Its end, in seconds on the recording's clock.
    pub(super) end_s: f64,
    /// The damage that was found in it.
    pub(super) damage: Vec<Damage>,
    /// Whether all that has been said was passed on: there is nothing to wait for before it is decoded.
    pub(super) caught_up: bool,
    /// The time that decoding it took.
    pub(super) audio: Duration,
    /// The time that detecting speech in it took.
    pub(super) segmentation: Duration,
}

impl Heard {
    /// Passes samples that start at a time to `segmenter`.
    pub(super) fn push_at(segmenter: &mut Segmenter, start: f64, samples: &[f32]) -> Self {
        let started = Instant::now();
        let mut clips = Vec::new();
        segmenter.push_at(start, samples, &mut clips);
        Self { clips, end_s: segmenter.position(), segmentation: started.elapsed(), ..Self::default() }
    }

    /// Passes the next samples to `segmenter`.
    pub(super) fn push(segmenter: &mut Segmenter, samples: &[f32]) -> Self {
        Self::push_at(segmenter, segmenter.position(), samples)
    }

    /// Ends the recording in `segmenter`.
    pub(super) fn finish(segmenter: &mut Segmenter) -> Self {
        let (started, end_s) = (Instant::now(), segmenter.position());
        let mut clips = Vec::new();
        segmenter.finish(&mut clips);
        Self { clips, end_s, segmentation: started.elapsed(), ..Self::default() }
    }

    /// A clip that the caller cut out of a recording that was heard up to `before_s`.
    pub(super) fn clip(clip: Clip, before_s: f64) -> Self {
        let end_s = before_s.max(clip.audio_start + clip.seconds());
        Self { clips: vec![clip], end_s, ..Self::default() }
    }

    /// Adds what a later piece gave.
    pub(super) fn append(&mut self, later: Self) {
        let Self { clips, end_s, damage, caught_up, audio, segmentation } = later;
        self.clips.extend(clips);
        (self.end_s, self.caught_up) = (end_s, caught_up);
        self.damage.extend(damage);
        self.audio += audio;
        self.segmentation += segmentation;
    }
}

/// The pieces of a recording that another thread reads, as an iterator.
///
/// It ends with an error when the transcription is cancelled, even if the thread still waits for a pipe. When it is dropped,
/// the thread ends with the piece that it is reading. A panic of the thread goes on here.
pub(super) struct ReadAhead {
    heard: Receiver<Result<Result<Heard>, Box<dyn Any + Send>>>,
    /// Whether the recording is being made while it is read.
    live: bool,
    cancel: CancelToken,
}

impl ReadAhead {
    /// The iterator, and the work for the thread: to read `pieces` and cut them. Of a `live` recording, what has been said is
    /// not kept back for a batch.
    pub(super) fn new(
        pieces: impl Iterator<Item = Result<Piece>>,
        segmentation: Segmentation,
        live: bool,
        cancel: CancelToken,
    ) -> (Self, impl FnOnce()) {
        let (sender, heard) = queue(if live { AHEAD_LIVE } else { AHEAD });
        let work = move || {
            // A recording that is not cut is sent at its end: only here does its reader learn that nobody waits for it.
            let pieces = pieces.take_while(|_| sender.has_receiver());
            let last =
                match catch_unwind(AssertUnwindSafe(|| read(pieces, &segmentation, |heard| send(&sender, heard)))) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => Ok(Err(error)),
                    Err(panic) => Err(panic),
                };
            // Does nothing if the transcription has ended.
            sender.send(last, 0);
        };
        (Self { heard, live, cancel }, work)
    }
}

fn send(sender: &Sender<Result<Result<Heard>, Box<dyn Any + Send>>>, heard: Heard) -> bool {
    let bytes = heard.clips.iter().map(|clip| size_of_val(&*clip.samples)).sum::<usize>();
    sender.send(Ok(Ok(heard)), bytes.max(LEAST))
}

impl Iterator for ReadAhead {
    type Item = Result<Heard>;

    fn next(&mut self) -> Option<Result<Heard>> {
        loop {
            if let Err(stopped) = self.cancel.check() {
                return Some(Err(stopped));
            }
            match self.heard.receive(POLL) {
                Ok(Ok(heard)) => {
                    let caught_up = self.live && self.heard.is_empty();
                    return Some(heard.map(|heard| Heard { caught_up, ..heard }));
                }
                Ok(Err(panic)) => resume_unwind(panic),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

/// The first clip of a recording, if there is any speech in it.
pub(super) fn first_clip(audio: &Waveform, segmentation: &Segmentation) -> Result<Option<Clip>> {
    let mut first = None;
    read(audio.pieces().map(Ok), segmentation, |heard| {
        first = heard.clips.into_iter().next();
        first.is_none()
    })?;
    Ok(first)
}

/// Reads a recording and sends what each piece gave, until it ends or `send` returns false. What was heard before an error
/// is sent, too.
fn read(
    mut pieces: impl Iterator<Item = Result<Piece>>,
    segmentation: &Segmentation,
    mut send: impl FnMut(Heard) -> bool,
) -> Result<()> {
    let (options, mut short) = match segmentation {
        Segmentation::None => return read_whole(pieces, send),
        Segmentation::Auto(options) => (options, Some(Short::new(options.clone()))),
        Segmentation::Always(options) => (options, None),
    };
    let mut segmenter = Segmenter::new(options.clone())?;
    loop {
        let started = Instant::now();
        let piece = pieces.next().transpose();
        let audio = started.elapsed();
        let Ok(Some(Piece { start, samples, damage })) = piece else {
            let last = Heard { audio, ..Heard::finish(&mut segmenter) };
            send(match short {
                Some(short) => short.end(last),
                None => last,
            });
            return piece.map(drop);
        };
        let mut heard = Heard { audio, damage, ..Heard::push_at(&mut segmenter, start, &samples) };
        if let Some(mut beginning) = short.take() {
            if beginning.add(start, &samples, heard) {
                short = Some(beginning);
                continue;
            }
            heard = beginning.cut();
        }
        if !send(heard) {
            return Ok(());
        }
    }
}

/// Reads a recording that is not cut and sends it.
fn read_whole(pieces: impl Iterator<Item = Result<Piece>>, mut send: impl FnMut(Heard) -> bool) -> Result<()> {
    let started = Instant::now();
    let (mut heard, mut samples, mut start_s, mut outcome) = (Heard::default(), Vec::new(), None, Ok(()));
    for piece in pieces {
        match piece {
            Ok(piece) => {
                start_s.get_or_insert(piece.start);
                samples.extend_from_slice(&piece);
                heard.end_s = piece.start + seconds(piece.len());
                heard.damage.extend(piece.damage);
            }
            Err(error) if samples.is_empty() => return Err(error),
            Err(error) => outcome = Err(error),
        }
    }
    let clip = Clip::whole(start_s.unwrap_or_default(), samples);
    let duration_s = clip.seconds();
    if duration_s > LONG_CLIP_S {
        tracing::warn!(
            duration_s,
            "the model was trained on short utterances: text may be dropped or repeated beyond {LONG_CLIP_S} s"
        );
    }
    send(Heard { clips: vec![clip], audio: started.elapsed(), ..heard });
    outcome
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

    use super::*;
    use crate::error::Error;

    fn silence() -> Result<Piece> {
        Ok(Piece { samples: vec![0.0; 16_000], ..Piece::default() })
    }

    fn cut() -> Segmentation {
        Segmentation::Always(crate::segmentation::SegmentationOptions::default())
    }

    #[test]
    fn the_thread_stays_a_bounded_size_ahead_and_ends_with_the_iterator() {
        let (told, read) = mpsc::channel();
        let pieces = std::iter::repeat_with(move || {
            told.send(()).expect("the test listens");
            silence()
        });
        let (mut ahead, work) = ReadAhead::new(pieces, cut(), false, CancelToken::new());
        let thread = thread::spawn(work);
        for _ in 0..AHEAD / LEAST + 1 {
            read.recv_timeout(Duration::from_secs(120)).expect("a piece");
        }
        assert!(read.recv_timeout(Duration::from_millis(200)).is_err(), "more than {AHEAD} bytes wait");
        assert_eq!(ahead.next().expect("a piece").expect("no error").end_s, 1.0);
        read.recv_timeout(Duration::from_secs(120)).expect("room for another piece");
        drop(ahead);
        thread.join().expect("no panic");
    }

    #[test]
    fn a_recording_that_is_not_cut_is_read_until_nobody_waits_for_it() {
        let reading = |cancel: CancelToken| {
            let read = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&read);
            let pieces = std::iter::repeat_with(move || {
                count.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
                Ok(Piece { samples: vec![0.0; 16], ..Piece::default() })
            });
            let (ahead, work) = ReadAhead::new(pieces, Segmentation::None, true, cancel);
            let (told, ended) = mpsc::channel();
            thread::spawn(move || {
                work();
                told.send(()).expect("the test listens");
            });
            (ahead, read, ended)
        };
        let ends = |read: &AtomicUsize, ended: &mpsc::Receiver<()>| {
            ended.recv_timeout(Duration::from_secs(60)).expect("the thread ends");
            let pieces = read.load(Ordering::Relaxed);
            thread::sleep(Duration::from_millis(50));
            assert!(pieces > 0 && read.load(Ordering::Relaxed) == pieces, "read after {pieces} pieces");
        };

        let deadline = Instant::now() + Duration::from_millis(100);
        let (mut ahead, read, ended) = reading(CancelToken::new().with_deadline(deadline));
        let stopped = ahead.next();
        assert!(matches!(stopped, Some(Err(Error::Stopped { .. }))), "{stopped:?}");
        drop(ahead);
        ends(&read, &ended);

        // Without a reason to stop, but with nobody who waits.
        let (ahead, read, ended) = reading(CancelToken::new());
        assert!(ended.recv_timeout(Duration::from_millis(100)).is_err(), "it ended by itself");
        drop(ahead);
        ends(&read, &ended);
    }

    /// What a recording gives that begins with so many seconds of silence and then breaks off.
    fn broken(silences: usize, segmentation: Segmentation) -> Vec<Result<Heard>> {
        let error = Err(Error::InvalidSample { source_name: "audio".to_owned(), index: 0, value: f32::NAN });
        let pieces = std::iter::repeat_with(silence).take(silences).chain([error]);
        let (ahead, work) = ReadAhead::new(pieces, segmentation, false, CancelToken::new());
        work();
        ahead.collect()
    }

    #[test]
    fn an_error_is_the_last_item_after_all_that_was_heard() {
        for (segmentation, items) in [(cut(), 3), (Segmentation::default(), 2), (Segmentation::None, 2)] {
            let heard = broken(1, segmentation.clone());
            assert_eq!(heard.len(), items, "{heard:?}");
            assert!(matches!(heard.last(), Some(Err(Error::InvalidSample { .. }))), "{heard:?}");
            let end = heard.iter().flatten().map(|heard| heard.end_s).fold(0.0, f64::max);
            assert_eq!(end, 1.0);
            assert!(matches!(broken(0, segmentation).last(), Some(Err(Error::InvalidSample { .. }))));
        }
    }

    #[test]
    fn a_panic_of_the_thread_goes_on_where_the_pieces_are_used() {
        let pieces = std::iter::once_with(|| -> Result<Piece> { panic!("on purpose") });
        let (mut ahead, work) = ReadAhead::new(pieces, cut(), false, CancelToken::new());
        thread::spawn(work).join().expect("caught");
        let panic = catch_unwind(AssertUnwindSafe(|| ahead.next())).expect_err("a panic");
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    }
}

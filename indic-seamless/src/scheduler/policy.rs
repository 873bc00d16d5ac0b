//! What is computed next: a clip's encoder or a step of all searches.
//!
//! A step costs little more for many rows than for one, so clips are encoded first and then decoded together. Two things limit
//! that. The rows and their caches must fit. And who has asked for little does not wait for a recording that has had much: a
//! clip goes before the searches of other recordings only if its own is not far ahead of theirs, and is interrupted between two
//! layers of the encoder by one that is far more urgent.

use std::time::Duration;

use super::Priority;

/// The most hypotheses in a step: beyond this it is bound by arithmetic, and the logits take up memory.
const ROWS: usize = 16;
/// The most bytes of caches by default, unless a search by itself needs more.
pub(crate) const BYTES: u64 = 112 << 20;
/// Tokens that a clip is expected to have, for each second and besides: about twice as many as speech has.
const TOKENS: (f64, usize) = (8.0, 16);
/// How far ahead, in seconds of speech, a recording may be and still go before the searches of others: about a clip.
const SLACK_S: f64 = 20.0;
/// A recording that has had more than this, in seconds of speech, is a long one; these take turns.
const LONG_S: f64 = 60.0;
/// What interactive recordings are ahead of others, in seconds.
pub(crate) const BATCH_S: f64 = 600.0;

/// The place of a clip in the order: the smallest is first. It is what its recording has had, in seconds of speech, and what the
/// clip asks for, less the time that the clip has waited, so that nobody waits for ever.
pub(super) fn key(priority: Priority, served_s: f64, seconds: f64, waited_s: f64) -> f64 {
    let class = match priority {
        Priority::Interactive => 0.0,
        Priority::Batch => BATCH_S,
    };
    class + served_s.min(LONG_S) + seconds - waited_s
}

/// A clip that waits or is being encoded, or a search under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asks {
    /// The recording that it belongs to.
    pub(super) recording: usize,
    /// See [`key`]; of a search, when it was begun, or now where memory is shared out.
    pub(super) key: f64,
    /// Hypotheses.
    pub(super) rows: usize,
    /// Bytes of its caches, or that are kept for them.
    pub(super) bytes: u64,
    /// Bytes by which they grow in the next step of the search.
    pub(super) growth: u64,
}

impl Asks {
    /// The same after more time, in which others went first.
    pub(super) fn after(self, waited: Duration) -> Self {
        Self { key: self.key - waited.as_secs_f64(), ..self }
    }
}

/// Which of the searches under way take part in a step, with `most` bytes of caches. Those that need more memory wait, with what they
/// have, where there is none; the first never does. Their keys are of one moment, so who waits becomes the first, and all come to an
/// end.
pub(super) fn step(searching: &[Asks], most: u64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..searching.len()).collect();
    order.sort_by(|&a, &b| searching[a].key.total_cmp(&searching[b].key));
    let mut bytes: u64 = searching.iter().map(|search| search.bytes).sum();
    let mut goes = vec![false; searching.len()];
    for (rank, place) in order.into_iter().enumerate() {
        let growth = searching[place].growth;
        if rank == 0 || growth == 0 || bytes + growth <= most {
            goes[place] = true;
            bytes += growth;
        }
    }
    goes
}

/// The search that gives up its caches, to begin again later, since the first needs more memory than is left: the last of those
/// that `may`.
pub(super) fn gives_way(searching: &[Asks], most: u64, may: impl Fn(usize) -> bool) -> Option<usize> {
    let by_key = |&a: &usize, &b: &usize| searching[a].key.total_cmp(&searching[b].key);
    let first = (0..searching.len()).min_by(by_key)?;
    let bytes: u64 = searching.iter().map(|search| search.bytes).sum();
    let growth = searching[first].growth;
    if growth == 0 || bytes + growth <= most {
        return None;
    }
    (0..searching.len()).filter(|&place| place != first && may(place)).max_by(by_key)
}

/// How many tokens a clip is expected to have at most, for which memory is kept.
pub(super) fn expected_tokens(seconds: f64, most: usize) -> usize {
    most.min((seconds * TOKENS.0) as usize + TOKENS.1)
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Begin to encode this one of the clips that wait.
    Begin(usize),
    /// Go on with this one of the clips that are being encoded.
    Encode(usize),
    /// A step of all searches.
    Step,
    /// Nothing is left.
    Nothing,
}

/// Chooses between clips that wait, clips on their way through the encoder, and a step of the searches under way, with `most` bytes of
/// caches.
pub(super) fn next(waiting: &[Asks], encoding: &[Asks], searching: &[Asks], most: u64) -> Next {
    let first = |all: &[Asks]| all.iter().copied().enumerate().min_by(|(_, a), (_, b)| a.key.total_cmp(&b.key));
    let busy = || encoding.iter().chain(searching);
    let (rows, bytes) = busy().fold((0, 0), |(rows, bytes), one| (rows + one.rows, bytes + one.bytes));
    // Alone, anything fits.
    let fits = |clip: &Asks| busy().next().is_none() || rows + clip.rows <= ROWS && bytes + clip.bytes <= most;
    let begun = first(encoding);
    // One clip at a time, unless another one is far more urgent.
    let begins = |clip: &Asks| begun.is_none_or(|(_, begun)| clip.key + SLACK_S < begun.key) && fits(clip);
    let (next, clip) = match (first(waiting).filter(|(_, clip)| begins(clip)), begun) {
        (Some((place, clip)), _) => (Next::Begin(place), clip),
        (None, Some((place, clip))) => (Next::Encode(place), clip),
        (None, None) if searching.is_empty() => return Next::Nothing,
        (None, None) => return Next::Step,
    };
    let mut others = searching.iter().filter(|search| search.recording != clip.recording);
    if others.any(|search| clip.key > search.key + SLACK_S) { Next::Step } else { next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(waiting: &[Asks], encoding: &[Asks], searching: &[Asks]) -> Next {
        super::next(waiting, encoding, searching, BYTES)
    }

    fn asks(key: f64) -> Asks {
        Asks { recording: key as usize, key, rows: 1, bytes: 10 << 20, growth: 0 }
    }

    #[test]
    fn equals_are_encoded_first_and_decoded_together() {
        assert_eq!(next(&[], &[], &[]), Next::Nothing);
        assert_eq!(next(&[asks(10.0), asks(9.0)], &[], &[]), Next::Begin(1));
        let searching = [asks(10.0); 5];
        assert_eq!(next(&[asks(10.0)], &[], &searching), Next::Begin(0));
        assert_eq!(next(&[asks(10.0)], &[asks(12.0)], &searching), Next::Encode(0));
        assert_eq!(next(&[], &[], &searching), Next::Step);
    }

    #[test]
    fn rows_and_memory_are_bounded_unless_a_clip_is_alone() {
        let large = |rows, bytes| Asks { recording: 0, key: 0.0, rows, bytes, growth: 0 };
        assert_eq!(next(&[large(40, u64::MAX)], &[], &[]), Next::Begin(0));
        assert_eq!(next(&[large(5, 0)], &[], &[large(11, 0)]), Next::Begin(0));
        assert_eq!(next(&[large(5, 0)], &[], &[large(12, 0)]), Next::Step);
        assert_eq!(next(&[large(1, 2)], &[], &[large(1, BYTES - 2)]), Next::Begin(0));
        assert_eq!(next(&[large(1, 2)], &[], &[large(1, BYTES - 1)]), Next::Step);
        // What is begun is ended.
        assert_eq!(next(&[], &[large(40, u64::MAX)], &[large(5, 0)]), Next::Encode(0));
    }

    #[test]
    fn searches_wait_for_memory_to_grow_but_for_the_first() {
        let search = |key, bytes, growth| Asks { bytes, growth, ..asks(key) };
        assert_eq!(
            step(&[search(2.0, BYTES - 5, 5), search(1.0, 0, 0), search(3.0, 0, 1)], BYTES),
            [true, true, false]
        );
        assert_eq!(step(&[search(2.0, BYTES, 5), search(1.0, 0, 9), search(3.0, 0, 0)], BYTES), [false, true, true]);
        assert_eq!(step(&[search(1.0, u64::MAX / 2, 5)], BYTES), [true]);
        assert!(step(&[], BYTES).is_empty());
    }

    #[test]
    fn the_last_search_gives_way_where_the_first_needs_its_memory() {
        let search = |key, bytes, growth| Asks { bytes, growth, ..asks(key) };
        let full = [search(2.0, 5, 1), search(1.0, BYTES - 10, 1), search(3.0, 5, 1)];
        assert_eq!(gives_way(&full, BYTES, |_| true), Some(2));
        assert_eq!(gives_way(&full, BYTES, |place| place != 2), Some(0));
        assert_eq!(gives_way(&full, BYTES, |_| false), None);
        // There is room, or the first needs none, or is alone.
        assert_eq!(gives_way(&[search(2.0, 5, 1), search(1.0, BYTES - 6, 1)], BYTES, |_| true), None);
        assert_eq!(gives_way(&[search(2.0, 5, 1), search(1.0, BYTES, 0)], BYTES, |_| true), None);
        assert_eq!(gives_way(&[search(1.0, BYTES, 1)], BYTES, |_| true), None);
        assert_eq!(gives_way(&[], BYTES, |_| true), None);
    }

    #[test]
    fn who_asks_for_little_goes_before_who_had_much() {
        let clip = |served_s, seconds, waited_s| asks(key(Priority::Interactive, served_s, seconds, waited_s));
        let long = clip(100.0, 20.0, 0.0);
        // A short clip is encoded before a long recording goes on, and decoded before it.
        assert_eq!(next(&[long, clip(0.0, 2.0, 0.0)], &[], &[clip(60.0, 15.0, 3.0)]), Next::Begin(1));
        assert_eq!(next(&[clip(0.0, 2.0, 0.0)], &[long], &[]), Next::Begin(0));
        assert_eq!(next(&[long], &[], &[clip(0.0, 2.0, 0.0)]), Next::Step);
        assert_eq!(next(&[], &[long], &[clip(0.0, 2.0, 0.0)]), Next::Step);
        // In time its turn comes.
        assert_eq!(next(&[clip(100.0, 20.0, 58.0)], &[], &[clip(0.0, 2.0, 0.0)]), Next::Begin(0));
        // Nor does a recording wait for itself.
        assert_eq!(next(&[Asks { recording: 2, ..long }], &[], &[clip(0.0, 2.0, 0.0)]), Next::Begin(0));
        // Long recordings are equal, whatever they had.
        assert_eq!(next(&[clip(4000.0, 20.0, 0.0)], &[], &[clip(60.0, 20.0, 0.0)]), Next::Begin(0));
    }

    #[test]
    fn interactive_goes_before_batch() {
        let batch = |waited_s| asks(key(Priority::Batch, 0.0, 5.0, waited_s));
        let long = asks(key(Priority::Interactive, 500.0, 20.0, 0.0));
        assert_eq!(next(&[batch(500.0), long], &[], &[]), Next::Begin(1));
        assert_eq!(next(&[batch(530.0), long], &[], &[]), Next::Begin(0));
        assert_eq!(next(&[batch(400.0)], &[], &[long]), Next::Step);
        // Nor does a clip that was begun wait for ever.
        let begun = |waited_s| [batch(0.0).after(Duration::from_secs(waited_s))];
        let short = [asks(key(Priority::Interactive, 0.0, 2.0, 0.0))];
        assert_eq!(next(&[], &begun(500), &short), Next::Step);
        assert_eq!(next(&[], &begun(600), &short), Next::Encode(0));
    }
}

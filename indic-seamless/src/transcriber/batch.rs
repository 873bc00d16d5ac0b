//! When the clips that wait are decoded, and which of them together.

use crate::{
    error::{Error, Result},
    segmentation::Clip,
};

/// Seconds of speech that are decoded together, divided by the number of beams. Their caches of keys and values take up to
/// 100 MB in the large model, which is little beside the weights.
const BATCH_S: f64 = 40.0;
/// The most hypotheses that are decoded together: beyond this a step is bound by arithmetic, and the logits take up memory.
const BATCH_ROWS: usize = 16;
/// Seconds of speech that are gathered before they are decoded, at first and at most: the first text comes early, then
/// throughput counts.
const WINDOW_S: (f64, f64) = (20.0, 2.0 * BATCH_S);

/// Decides which clips are decoded together.
#[derive(Debug)]
pub(super) struct Batching {
    /// [`TranscribeOptions::batch_size`](super::TranscribeOptions::batch_size).
    size: Option<usize>,
    beams: usize,
    /// How many clips fit into memory at a time if each becomes as long as it may.
    most_clips: u64,
    window_s: f64,
}

impl Batching {
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for batches of no segment.
    pub(super) fn new(size: Option<usize>, beams: usize, most_clips: u64) -> Result<Self> {
        if size == Some(0) {
            return Err(Error::InvalidOption {
                option: "batch_size",
                found: "0".to_owned(),
                wanted: "at least 1".to_owned(),
            });
        }
        Ok(Self { size, beams, most_clips, window_s: WINDOW_S.0 })
    }

    /// Whether enough speech waits to decode it. More than one batch is gathered, so that clips of similar length can be put
    /// together.
    pub(super) fn is_enough(&self, clips: &[Clip]) -> bool {
        match self.size {
            Some(size) => clips.len() >= size.saturating_mul(2),
            None => clips.iter().map(Clip::seconds).sum::<f64>() >= self.window_s,
        }
    }

    /// Lets more speech be gathered the next time.
    pub(super) fn widen(&mut self) {
        self.window_s = (2.0 * self.window_s).min(WINDOW_S.1);
    }

    /// The batches, as places in `clips`: of similar length, and as many as were asked for or fit into memory.
    pub(super) fn batches(&self, clips: &[Clip]) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..clips.len()).collect();
        order.sort_by(|&a, &b| clips[a].seconds().total_cmp(&clips[b].seconds()));
        let most_s = BATCH_S / self.beams as f64;
        let mut batches: Vec<Vec<usize>> = Vec::new();
        for place in order {
            let fits = |batch: &&mut Vec<usize>| {
                let size = batch.len() + 1;
                // The shorter ones are padded to this one.
                let is_small = || size as f64 * clips[place].seconds() <= most_s && size * self.beams <= BATCH_ROWS;
                size as u64 <= self.most_clips && self.size.map_or_else(is_small, |most| size <= most)
            };
            match batches.last_mut().filter(fits) {
                Some(batch) => batch.push(place),
                None => batches.push(vec![place]),
            }
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(lengths_s: &[usize]) -> Vec<Clip> {
        lengths_s.iter().map(|&length| Clip::whole(0.0, vec![0.0; length * 16_000])).collect()
    }

    fn batching(size: Option<usize>, beams: usize, most_clips: u64) -> Batching {
        Batching::new(size, beams, most_clips).expect("options")
    }

    #[test]
    fn clips_of_similar_length_go_together() {
        let clips = clips(&[15, 2, 14, 3, 15, 2]);
        let batches = |size, beams, most| batching(size, beams, most).batches(&clips);
        // The padded length of three clips of 15 s exceeds 40 s.
        assert_eq!(batches(None, 1, u64::MAX), [vec![1, 5, 3], vec![2, 0], vec![4]]);
        assert_eq!(batches(None, 4, u64::MAX), [vec![1, 5, 3], vec![2], vec![0], vec![4]]);
        assert_eq!(batches(None, 8, u64::MAX), [vec![1, 5], vec![3], vec![2], vec![0], vec![4]]);
        assert_eq!(batches(Some(4), 1, u64::MAX), [vec![1, 5, 3, 2], vec![0, 4]]);
        // Memory limits both.
        assert_eq!(batches(Some(4), 1, 0).len(), 6);
        assert_eq!(batches(None, 1, 2), [[1, 5], [3, 2], [0, 4]]);
    }

    #[test]
    fn the_first_batch_waits_for_less_speech() {
        let mut batching = batching(None, 1, u64::MAX);
        assert!(!batching.is_enough(&clips(&[10, 9])) && batching.is_enough(&clips(&[10, 10])));
        batching.widen();
        assert!(!batching.is_enough(&clips(&[20, 19])) && batching.is_enough(&clips(&[20, 20])));
        batching.widen();
        batching.widen();
        assert!(!batching.is_enough(&clips(&[40, 39])) && batching.is_enough(&clips(&[40, 40])));
        let two = self::batching(Some(2), 1, u64::MAX);
        assert!(!two.is_enough(&clips(&[90, 90, 90])) && two.is_enough(&clips(&[1, 1, 1, 1])));
    }
}

//! What the decoder keeps between steps.

use burn::tensor::{DType, Tensor};

use super::Rows;

/// By how many positions a cache grows: a search may be allowed thousands of tokens, and takes twenty.
const BLOCK: usize = 16;

/// The positions that there is room for where `len` are used.
pub(crate) fn room(len: usize) -> usize {
    len.next_multiple_of(BLOCK)
}

/// Bytes of a row of keys and values in all layers.
pub(super) fn row_bytes(layers: usize, hidden: usize, dtype: DType) -> usize {
    2 * layers * hidden * dtype.size()
}

/// Keys and values of one layer's cross-attention: those of item `i` are rows `i · T' ..`, `[items · T', hidden]`.
#[derive(Debug, Clone)]
pub(super) struct CrossKeys {
    pub(super) keys: Tensor<2>,
    pub(super) values: Tensor<2>,
}

/// Keys and values of one layer's self-attention: row `position · slots + slot`, `[room · slots, hidden]`.
#[derive(Debug)]
pub(super) struct OwnKeys {
    keys: Option<Tensor<2>>,
    values: Option<Tensor<2>>,
}

/// The state of a decoding: the hypotheses of all items, and the keys and values of their tokens.
///
/// Every hypothesis has a list of the cache rows that hold its tokens. Reordering beams reorders these lists; keys and
/// values stay where they are, those of the encoder are shared by all hypotheses of an item.
#[derive(Debug)]
pub struct DecoderState {
    cross: Vec<CrossKeys>,
    encoder_time: usize,
    lengths: Vec<usize>,
    own: Vec<OwnKeys>,
    slots: usize,
    /// The most positions that there may be.
    capacity: usize,
    len: usize,
    /// The item of each hypothesis.
    items: Vec<usize>,
    /// The slot of each position of each hypothesis.
    slots_of: Vec<Vec<u32>>,
}

impl DecoderState {
    pub(super) fn new(
        cross: Vec<CrossKeys>,
        encoder_time: usize,
        lengths: &[usize],
        hypotheses: usize,
        capacity: usize,
    ) -> Self {
        let own = cross.iter().map(|_| OwnKeys { keys: None, values: None }).collect();
        let items = lengths.len();
        Self {
            cross,
            encoder_time,
            lengths: lengths.to_vec(),
            own,
            slots: hypotheses.max(items),
            capacity,
            len: 0,
            items: (0..items).collect(),
            slots_of: vec![Vec::with_capacity(capacity.min(BLOCK)); items],
        }
    }

    /// Number of hypotheses.
    pub fn hypotheses(&self) -> usize {
        self.items.len()
    }

    /// Number of tokens fed to each hypothesis.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of keys and values.
    pub(crate) fn bytes(&self) -> u64 {
        let Some(CrossKeys { keys, .. }) = self.cross.first() else { return 0 };
        let rows = keys.dims()[0] + self.room(self.len) * self.slots;
        (rows * self.row_bytes()) as u64
    }

    /// Bytes by which they grow if `time` more tokens are fed to each hypothesis.
    pub(crate) fn growth(&self, time: usize) -> u64 {
        let more = self.room(self.len + time) - self.room(self.len);
        (more * self.slots * self.row_bytes()) as u64
    }

    fn row_bytes(&self) -> usize {
        let hidden = self.cross.first().map_or(0, |cross| cross.keys.dims()[1]);
        row_bytes(self.cross.len(), hidden, self.dtype())
    }

    fn room(&self, len: usize) -> usize {
        room(len).min(self.capacity)
    }

    /// The type of keys and values.
    pub(super) fn dtype(&self) -> DType {
        self.cross.first().map_or(DType::F32, |cross| cross.keys.dtype())
    }

    /// Whether no token has been fed yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes hypothesis `parents[i]` the new hypothesis `i`. Hypotheses may be repeated, up to the room made at the start,
    /// and left out.
    ///
    /// # Panics
    ///
    /// If a parent does not exist, or there are more hypotheses than there is room for.
    pub fn reorder(&mut self, parents: &[usize]) {
        assert!(parents.len() <= self.slots, "{} hypotheses, room for {}", parents.len(), self.slots);
        self.items = parents.iter().map(|&parent| self.items[parent]).collect();
        self.slots_of = parents.iter().map(|&parent| self.slots_of[parent].clone()).collect();
    }

    /// Counts `time` new tokens in, which each hypothesis keeps in its own slot.
    pub(super) fn append(&mut self, time: usize) {
        assert!(self.len + time <= self.capacity, "{} tokens, room for {}", self.len + time, self.capacity);
        self.len += time;
        for (slot, slots_of) in self.slots_of.iter_mut().enumerate() {
            slots_of.extend(std::iter::repeat_n(slot as u32, time));
        }
    }

    /// The rows of the self-attention's keys that the hypotheses see.
    pub(super) fn own_rows(&self) -> Rows {
        let row = |(position, slot): (usize, &u32)| (position * self.slots) as u32 + slot;
        let rows = self.slots_of.iter().map(|slots| slots.iter().enumerate().map(row).collect()).collect();
        Rows { rows, causal: true }
    }

    /// The rows of the cross-attention's keys that the hypotheses see.
    pub(super) fn encoder_rows(&self) -> Rows {
        let rows = |&item: &usize| {
            let start = (item * self.encoder_time) as u32;
            (start..start + self.lengths[item] as u32).collect()
        };
        Rows { rows: self.items.iter().map(rows).collect(), causal: false }
    }

    pub(super) fn cross(&self, layer: usize) -> &CrossKeys {
        &self.cross[layer]
    }

    /// The keys and values of the tokens so far, once there is one.
    pub(super) fn own(&self, layer: usize) -> Option<(&Tensor<2>, &Tensor<2>)> {
        let OwnKeys { keys, values } = &self.own[layer];
        Some((keys.as_ref()?, values.as_ref()?))
    }

    /// Stores the newest keys and values of a layer, `[hypotheses, time, hidden]`, of the type of the others.
    pub(super) fn store(&mut self, layer: usize, keys: Tensor<3>, values: Tensor<3>) {
        let (slots, len, dtype) = (self.slots, self.len, keys.dtype());
        let room = self.room(len);
        let own = &mut self.own[layer];
        let store = |cache: &mut Option<Tensor<2>>, new: Tensor<3>| {
            let [rows, time, hidden] = new.dims();
            // The cache is the only holder of its tensor here, so that the rows are written where they are.
            let all = match cache.take() {
                Some(all) if all.dims()[0] == room * slots => all,
                Some(all) => {
                    let more = Tensor::zeros([room * slots - all.dims()[0], hidden], (&new.device(), dtype));
                    Tensor::cat(vec![all, more], 0)
                }
                None => Tensor::zeros([room * slots, hidden], (&new.device(), dtype)),
            };
            let all = (0..time).fold(all, |all, i| {
                let start = (len - time + i) * slots;
                let at_time = new.clone().narrow(1, i, 1).reshape([rows, hidden]);
                all.slice_assign([start..start + rows, 0..hidden], at_time)
            });
            *cache = Some(all);
        };
        store(&mut own.keys, keys);
        store(&mut own.values, values);
    }
}

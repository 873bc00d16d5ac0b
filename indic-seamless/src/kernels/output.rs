//! Results that several threads write, without a pass of zeros over the memory first.

use std::{
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use rayon::prelude::*;

/// `len` numbers, in pieces of `size`: `fill` is given the number of each piece, and the piece as zeros.
pub(super) fn in_pieces(len: usize, size: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    let pieces = values.spare_capacity_mut()[..len].par_chunks_mut(size.max(1)).enumerate();
    pieces.for_each(|(number, piece): (usize, &mut [MaybeUninit<f32>])| {
        // While a piece is being written it is in the cache, where zeros cost little.
        for value in piece.iter_mut() {
            value.write(0.0);
        }
        // SAFETY: every value was written just now.
        #[allow(unsafe_code, reason = "the standard library has no safe way to fill a slice and have it back")]
        fill(number, unsafe { piece.assume_init_mut() });
    });
    // SAFETY: the pieces cover all of it.
    #[allow(unsafe_code, reason = "see above")]
    unsafe {
        values.set_len(len);
    }
    values
}

/// The matrix `[rows, width]`, in blocks of `across` columns: `fill` is given the number of each, a vector in which it leaves
/// `[rows, across]` or more, and memory for its work; both are as another block left them.
pub(super) fn in_columns<M: Default>(
    [rows, width]: [usize; 2],
    across: usize,
    fill: impl Fn(usize, &mut Vec<f32>, &mut M) + Sync,
) -> Vec<f32> {
    let mut values = Vec::with_capacity(rows * width);
    let output = Columns::new(&mut values.spare_capacity_mut()[..rows * width], width);
    let memory = || (Vec::new(), M::default());
    (0..width.div_ceil(across)).into_par_iter().for_each_init(memory, |(block, memory), number| {
        fill(number, block, memory);
        let columns = number * across..width.min((number + 1) * across);
        for (row, block) in block[..rows * across].chunks_exact(across).enumerate() {
            // SAFETY: no other task has these columns.
            #[allow(unsafe_code, reason = "see `Columns`")]
            unsafe { output.part(row, columns.clone()) }.write_copy_of_slice(&block[..columns.len()]);
        }
    });
    debug_assert!(output.is_taken(), "the blocks have every column");
    // SAFETY: the blocks have every column of every row.
    #[allow(unsafe_code, reason = "zeros first would be one more pass over the largest matrices")]
    unsafe {
        values.set_len(rows * width);
    }
    values
}

/// See [`Columns::taken`].
fn taken(len: usize) -> Vec<AtomicBool> {
    let watched = if cfg!(debug_assertions) { len } else { 0 };
    (0..watched).map(|_| AtomicBool::default()).collect()
}

/// A matrix that several threads fill, each its own columns.
pub(super) struct Columns<'a> {
    start: *mut MaybeUninit<f32>,
    len: usize,
    width: usize,
    values: PhantomData<&'a mut [f32]>,
    /// Which places were asked for, with debug assertions; else empty.
    taken: Vec<AtomicBool>,
}

// SAFETY: a shared reference gives access to the values through `part` only, whose callers take different columns.
#[allow(unsafe_code, reason = "columns of a matrix that lies row after row cannot be borrowed apart")]
unsafe impl Sync for Columns<'_> {}

impl<'a> Columns<'a> {
    pub(super) fn new(values: &'a mut [MaybeUninit<f32>], width: usize) -> Self {
        let taken = taken(values.len());
        Self { start: values.as_mut_ptr(), len: values.len(), width, values: PhantomData, taken }
    }

    /// [`new`](Self::new) for what already holds numbers.
    pub(super) fn over(values: &'a mut [f32], width: usize) -> Self {
        let taken = taken(values.len());
        Self { start: values.as_mut_ptr().cast(), len: values.len(), width, values: PhantomData, taken }
    }

    /// Whether every place was asked for; true without debug assertions.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.iter().all(|taken| taken.load(Ordering::Relaxed))
    }

    /// Some columns of a row.
    ///
    /// # Panics
    ///
    /// If they are outside of the matrix.
    ///
    /// # Safety
    ///
    /// Each place may be asked for once, and only numbers may be written to it.
    #[allow(unsafe_code, clippy::mut_from_ref, reason = "see `Sync`")]
    #[inline(always)]
    pub(super) unsafe fn part(&self, row: usize, columns: Range<usize>) -> &mut [MaybeUninit<f32>] {
        let start = row * self.width + columns.start;
        assert!(columns.end <= self.width && start + columns.len() <= self.len, "a place in the matrix");
        for taken in self.taken.get(start..start + columns.len()).unwrap_or_default() {
            assert!(!taken.swap(true, Ordering::Relaxed), "a place that nobody else has");
        }
        // SAFETY: the place is inside the matrix, and the caller has it alone.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), columns.len()) }
    }
}

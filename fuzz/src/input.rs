//! [`Input`]: bytes as decisions.

/// The rest of an input. At its end it goes on with zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    /// So many bytes, or fewer at the end.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// A little-endian number of two bytes.
    pub(crate) fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// A little-endian number of four bytes.
    pub(crate) fn long(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// A number from 0 to 1, 1 included.
    pub(crate) fn share(&mut self) -> f64 {
        f64::from(self.short()) / f64::from(u16::MAX)
    }

    /// One of several values.
    pub(crate) fn choose<T: Clone>(&mut self, values: &[T]) -> T {
        values[usize::from(self.byte()) % values.len()].clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Stretches of bytes, each after its length in two bytes.
    pub(crate) fn stretches(mut self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::from_fn(move || {
            (!self.is_empty()).then(|| {
                let length = self.short();
                self.take(length.into())
            })
        })
    }
}

/// A number that follows from all bytes: for choices that shall not be a part of the input.
pub(crate) fn hash(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

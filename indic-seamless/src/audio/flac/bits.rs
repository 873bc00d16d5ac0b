//! [`Bits`]: reads numbers of any number of bits.

/// Bytes, read bit by bit from the highest on. `None` is the end of the bytes.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bits, the first one highest.
    next: u64,
    /// How many there are in `next`.
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0, count: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 56
            && let Some((&byte, rest)) = self.bytes.split_first()
        {
            self.next |= u64::from(byte) << (56 - self.count);
            self.count += 8;
            self.bytes = rest;
        }
    }

    fn skip(&mut self, count: u32) {
        self.next = self.next.checked_shl(count).unwrap_or(0);
        self.count -= count;
    }

    /// A number of up to 56 bits.
    pub(super) fn unsigned(&mut self, bits: u32) -> Option<u64> {
        if self.count < bits {
            self.fill();
        }
        if self.count < bits {
            return None;
        }
        let number = self.next.checked_shr(64 - bits).unwrap_or(0);
        self.skip(bits);
        Some(number)
    }

    /// A number in two's complement.
    pub(super) fn signed(&mut self, bits: u32) -> Option<i64> {
        let number = self.unsigned(bits)? as i64;
        let unused = 64 - bits;
        Some(number.checked_shl(unused).unwrap_or(0) >> unused.min(63))
    }

    /// The number of zeros in front of the next one.
    pub(super) fn zeros(&mut self) -> Option<u64> {
        let mut total = 0;
        loop {
            self.fill();
            if self.count == 0 {
                return None;
            }
            let zeros = self.next.leading_zeros().min(self.count);
            total += u64::from(zeros);
            if zeros < self.count {
                self.skip(zeros + 1);
                return Some(total);
            }
            self.skip(zeros);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_to_the_last_bit() {
        let mut bits = Bits::new(&[0b1010_0001, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((bits.unsigned(3), bits.signed(2), bits.zeros()), (Some(5), Some(0), Some(2)));
        assert_eq!(
            (bits.unsigned(0), bits.signed(0), bits.signed(4), bits.unsigned(4)),
            (Some(0), Some(0), Some(-1), Some(15))
        );
        assert_eq!((bits.zeros(), bits.zeros(), bits.unsigned(1)), (Some(71), None, None));
    }
}

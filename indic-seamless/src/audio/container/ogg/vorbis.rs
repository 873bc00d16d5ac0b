//! [`VorbisBlocks`]: the lengths of Vorbis packets.

/// The sizes of blocks, by mode.
#[derive(Debug)]
pub(super) struct VorbisBlocks {
    /// Samples of the block of each mode.
    modes: Vec<u64>,
    /// The block before.
    before: Option<u64>,
}

impl VorbisBlocks {
    /// Reads the identification and setup headers; `None` where they make no sense.
    ///
    /// The modes stand at the end of the setup header, behind parts whose length only a decoder knows. They are read
    /// backwards ([Vorbis I, section 4.2.4](https://xiph.org/vorbis/doc/Vorbis_I_spec.html#x1-650004.2.4)), as ffmpeg
    /// does: a flag, 32 zeros, and a mapping below 64 each, and in front of them their number.
    pub(super) fn of(identification: &[u8], setup: &[u8]) -> Option<Self> {
        let sizes = *identification.get(28)?;
        let bits = setup.len() * 8;
        // The bit that ends the header.
        let end = (0..bits).find(|&at| bit(setup, at))? + 1;
        let mut flags = Vec::new();
        let mut found = 0;
        while flags.len() < 64 {
            let at = end + 41 * flags.len();
            if at + 41 + 6 > bits || backwards(setup, at, 8) > 63 || backwards(setup, at + 8, 32) != 0 {
                break;
            }
            flags.push(bit(setup, at + 40));
            if backwards(setup, at + 41, 6) + 1 == flags.len() as u64 {
                found = flags.len();
            }
        }
        flags.truncate(found);
        let size = |long: bool| 1 << if long { sizes >> 4 } else { sizes & 15 };
        let modes: Vec<u64> = flags.into_iter().rev().map(size).collect();
        Some(Self { modes, before: None }).filter(|blocks| !blocks.modes.is_empty())
    }

    /// The samples of a packet: half of its block and half of the one before overlap.
    pub(super) fn samples(&mut self, packet: &[u8]) -> u64 {
        let Some(&first) = packet.first() else { return 0 };
        let bits = usize::BITS - (self.modes.len() - 1).leading_zeros();
        let mode = usize::from(first >> 1) & ((1 << bits) - 1);
        let Some(&block) = self.modes.get(mode) else { return 0 };
        self.before.replace(block).map_or(0, |before| (before + block) / 4)
    }
}

/// A bit, counted from the end.
fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.iter().rev().nth(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 != 0)
}

/// A number of `count` bits whose highest bit is `at` bits from the end.
fn backwards(bytes: &[u8], at: usize, count: usize) -> u64 {
    (at..at + count).fold(0, |sum, at| sum << 1 | u64::from(bit(bytes, at)))
}

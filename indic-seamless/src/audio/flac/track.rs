//! [`FlacTrack`]: decodes FLAC frames.

use symphonia::core::{checksum::Md5, io::Monitor};

use super::{
    bits::Bits,
    header::{FrameHeader, Stereo},
    info::StreamInfo,
    subframe,
};
use crate::audio::error::AudioError;

/// A decoder for frames of any rate, and of any number of channels and bits, which may change from frame to frame. Side
/// channels of 32-bit recordings have 33 bits.
pub(in crate::audio) struct FlacTrack {
    info: StreamInfo,
    /// The samples of the channels, one after the other.
    planes: Vec<i64>,
    /// The checksum so far; `None` where it is not compared.
    md5: Option<Md5>,
    bytes: Vec<u8>,
}

impl FlacTrack {
    /// A decoder for the track with this STREAMINFO block.
    pub(in crate::audio) fn new(header: &[u8]) -> Result<Self, AudioError> {
        let wrong = || AudioError::damaged(format!("{} bytes that are no description of FLAC", header.len()));
        // Some containers keep the magic and the header of the block.
        let block = header.strip_prefix(b"fLaC").and_then(|rest| rest.get(4..)).unwrap_or(header);
        let info = StreamInfo::parse(block).ok_or_else(wrong)?;
        let md5 = (info.md5 != [0; 16]).then(Md5::default);
        Ok(Self { info, planes: Vec::new(), md5, bytes: Vec::new() })
    }

    /// The number of channels by the STREAMINFO block.
    pub(in crate::audio) fn channels(&self) -> usize {
        self.info.channels as usize
    }

    /// Replaces `out` with the samples of a frame, interleaved, and returns their rate in Hz and the number of channels.
    pub(in crate::audio) fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<(u32, usize), AudioError> {
        out.clear();
        let wrong = || AudioError::damaged(format!("a FLAC frame of {} bytes that makes no sense", packet.len()));
        let header = FrameHeader::parse(packet).ok_or_else(wrong)?;
        let bits = header.bits.unwrap_or(self.info.bits);
        let (block, channels) = (header.block as usize, header.channels as usize);
        self.planes.clear();
        self.planes.resize(block * channels, 0);
        let mut input = Bits::new(packet.get(header.size..).unwrap_or_default());
        for (channel, plane) in self.planes.chunks_mut(block).enumerate() {
            let side = u32::from(header.stereo.side() == Some(channel));
            subframe::read(&mut input, bits + side, plane).ok_or_else(wrong)?;
        }
        let (first, second) = self.planes.split_at_mut(block);
        header.stereo.undo(first, second);

        let scale = 0.5_f64.powi(bits as i32 - 1);
        out.resize(block * channels, 0.0);
        for (channel, plane) in self.planes.chunks(block).enumerate() {
            for (to, sample) in out.iter_mut().skip(channel).step_by(channels).zip(plane) {
                *to = (*sample as f64 * scale) as f32;
            }
        }
        self.sum(bits, block, channels);
        Ok((header.rate.unwrap_or(self.info.rate), channels))
    }

    /// Takes the samples into the checksum: interleaved, lowest byte first, in as many bytes as they need.
    fn sum(&mut self, bits: u32, block: usize, channels: usize) {
        let Some(md5) = &mut self.md5 else { return };
        let size = bits.div_ceil(8) as usize;
        self.bytes.resize(block * channels * size, 0);
        for (channel, plane) in self.planes.chunks(block).enumerate() {
            for (to, sample) in self.bytes.chunks_exact_mut(size).skip(channel).step_by(channels).zip(plane) {
                to.iter_mut().zip(sample.to_le_bytes()).for_each(|(to, byte)| *to = byte);
            }
        }
        md5.process_buf_bytes(&self.bytes);
    }

    /// Whether the samples match their checksum; `true` where there is none.
    pub(in crate::audio) fn verify(&mut self) -> bool {
        self.md5.take().is_none_or(|md5| md5.md5() == self.info.md5)
    }
}

impl Stereo {
    /// The channel that is a difference, and has one more bit.
    fn side(self) -> Option<usize> {
        match self {
            Self::Plain => None,
            Self::LeftSide | Self::MidSide => Some(1),
            Self::SideRight => Some(0),
        }
    }

    /// Makes left and right of two channels.
    fn undo(self, first: &mut [i64], second: &mut [i64]) {
        for (a, b) in first.iter_mut().zip(second) {
            let (x, y) = (*a, *b);
            match self {
                Self::Plain => return,
                Self::LeftSide => *b = x.wrapping_sub(y),
                Self::SideRight => *a = x.wrapping_add(y),
                Self::MidSide => {
                    // The lowest bit of the sum is that of the difference.
                    let sum = x << 1 | y & 1;
                    (*a, *b) = (sum.wrapping_add(y) >> 1, sum.wrapping_sub(y) >> 1);
                }
            }
        }
    }
}

//! The samples of a WAV file or pipe, read as they arrive.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use symphonia::{
    core::{
        codecs::CodecParameters,
        formats::{FormatOptions, FormatReader, MediaInfo, Track},
        io::MediaSourceStream,
        packet::Packet,
        units::{Duration, Timestamp},
    },
    default::formats::WavReader,
};

use super::{Wav, header};
use crate::audio::{
    demuxer::{AudioTrack, DemuxError, Demuxed, Demuxer},
    error::AudioError,
    source::AudioSource,
};

/// The most that is read at once, in bytes.
const MAX_READ: u64 = 1 << 20;

/// Takes packets out of the data chunk.
pub(super) struct WavSamples {
    source: AudioSource,
    track: Track,
    form: Form,
    /// The bytes of the data; `None` for everything up to the end.
    length: Option<u64>,
    /// The bytes read so far.
    read: u64,
    at_end: bool,
    /// What has been read; the first `used` bytes have been passed on.
    buffer: Vec<u8>,
    used: usize,
}

/// How samples are packed.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Bytes that only make sense together: a sample of each channel, or more in compressed formats.
    block: u64,
    /// Samples per channel in a block.
    frames: u64,
    /// Blocks in a packet.
    packet: u64,
    /// Bytes of a second of audio, or fewer.
    second: u64,
}

impl WavSamples {
    pub(super) fn new(mut source: AudioSource, wav: &Wav) -> Result<Self, AudioError> {
        // Symphonia's demuxer parses the format chunk. It does not tell how samples are packed, and it cannot hand out
        // what has arrived while it waits for more, so the data is read here.
        let header = AudioSource::from_bytes(header(&wav.format));
        let reader =
            WavReader::try_new(MediaSourceStream::new(Box::new(header), Default::default()), FormatOptions::default())?;
        let mut track =
            reader.tracks().first().ok_or_else(|| AudioError::NoAudio("no audio track".to_owned()))?.clone();
        let form = Form::new(&track, &wav.format)?;
        track.num_frames = wav.length.map(|length| (length / form.block).saturating_mul(form.frames));
        source.seek(SeekFrom::Start(wav.start))?;
        let length = wav.length;
        Ok(Self { source, track, form, length, read: 0, at_end: false, buffer: Vec::new(), used: 0 })
    }

    /// The number of blocks that have been read and not been passed on.
    fn blocks(&self) -> u64 {
        (self.buffer.len() - self.used) as u64 / self.form.block
    }

    /// Reads about a second, or, from a pipe, what one read gives. Reads again below a block or a fiftieth of a second,
    /// so that a pipe that gives single bytes does not make a piece of each.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let enough = (self.form.second / 50).max(self.form.block) as usize;
        while self.buffer.len() < enough && !self.at_end {
            let old = self.buffer.len();
            let left = self.length.map_or(u64::MAX, |length| length - self.read);
            let most = self.form.second.saturating_sub(old as u64).max(self.form.block).min(left);
            self.buffer.resize(old + most as usize, 0);
            let count = match self.source.read(self.buffer.get_mut(old..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    self.buffer.truncate(old);
                    continue;
                }
                other => other.inspect_err(|_| self.buffer.truncate(old))?,
            };
            self.buffer.truncate(old + count);
            self.read += count as u64;
            self.at_end = count == 0;
        }
        Ok(())
    }

    /// Compares what was read with what the header promises.
    fn check_end(&self) -> Result<(), AudioError> {
        let rest = (self.buffer.len() - self.used) as u64;
        match self.length {
            Some(length) if self.read < length => Err(AudioError::cut("bytes of samples", self.read, length)),
            None if rest > 0 => Err(AudioError::cut("bytes of the last sample", rest, self.form.block)),
            _ if self.read == 0 => Err(AudioError::NoAudio("its data chunk is empty".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Demuxer for WavSamples {
    fn track(&self) -> Option<AudioTrack> {
        Some(AudioTrack { track: self.track.clone(), media: MediaInfo::default(), alone: true })
    }

    /// From a pipe, a packet holds what has arrived.
    fn next(&mut self) -> Result<Demuxed, DemuxError> {
        if self.blocks() == 0 && !self.at_end {
            self.fill()?;
        }
        let blocks = self.blocks().min(self.form.packet);
        if blocks == 0 {
            self.check_end()?;
            return Ok(Demuxed::End);
        }
        let end = self.used + (blocks * self.form.block) as usize;
        let data = self.buffer.get(self.used..end).unwrap_or_default();
        let packet = Packet::new(self.track.id, Timestamp::ZERO, Duration::new(blocks * self.form.frames), data);
        self.used = end;
        Ok(Demuxed::Packet(packet))
    }

    fn waits(&self) -> bool {
        self.source.is_pipe() && !self.at_end && self.blocks() == 0
    }
}

impl Form {
    fn new(track: &Track, format: &[u8]) -> Result<Self, AudioError> {
        let damaged = || AudioError::Damaged("its format chunk makes no sense".to_owned());
        let Some(CodecParameters::Audio(params)) = &track.codec_params else { return Err(damaged()) };
        let channels = params.channels.as_ref().map_or(0, |channels| channels.count() as u64);
        let Some(&[t0, t1, _, _, _, _, _, _, _, _, _, _, b0, b1, s0, s1]) = format.first_chunk() else {
            return Err(damaged());
        };
        let block = match u16::from_le_bytes([t0, t1]) {
            // ADPCM.
            0x02 | 0x11 => u64::from(u16::from_le_bytes([b0, b1])),
            // A-law and mu-law: a byte, whatever the header says.
            0x06 | 0x07 => channels,
            _ => channels * u64::from(u16::from_le_bytes([s0, s1]) / 8),
        };
        let (frames, packet) = (params.frames_per_block.unwrap_or(1), params.max_frames_per_packet.unwrap_or(1));
        let rate = params.sample_rate.unwrap_or(0);
        if block == 0 || frames == 0 {
            return Err(damaged());
        }
        let second = (u64::from(rate) * block / frames).clamp(block, MAX_READ.max(block));
        Ok(Self { block, frames, packet: (packet / frames).max(1), second })
    }
}

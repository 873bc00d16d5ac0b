//! Decodes recordings of many formats to mono samples at 16 kHz.
//!
//! The format is detected from the bytes, not from the name. WAV, FLAC, MP3, AAC, Opus, Vorbis and more are supported:
//! [`formats`] has the table of containers and their codecs.
//!
//! A recording is decoded packet by packet: besides the result, only small buffers are in memory. Of a recording
//! that is damaged or cut short, all that can be decoded is kept, and [`Waveform::damage`] says where something is missing.
//! With [`DamagePolicy::Refuse`] it is an [`Error::DamagedAudio`](crate::Error::DamagedAudio).
//!
//! A [`Waveform`] holds a whole recording. An [`AudioReader`] gives it second by second: for recordings of any length,
//! and for a pipe while it is being written.
//!
//! ```no_run
//! use indic_seamless::audio::{AudioOptions, Channel, Waveform};
//!
//! let speech = Waveform::open("speech.m4a")?;
//! let agent = AudioOptions::new().channel(Channel::Only(0)).open("call.wav")?;
//! for second in AudioOptions::new().reader("speech.m4a")? {
//!     println!("{} samples", second?.len());
//! }
//! # Ok::<(), indic_seamless::Error>(())
//! ```

mod aac;
mod channels;
mod clock;
mod codec;
mod container;
mod count;
mod decode;
mod demuxer;
mod edit;
mod error;
mod fault;
mod flac;
mod format;
mod open;
mod options;
mod opus;
mod piece;
mod pipe;
mod reader;
mod resample;
mod scan;
mod sink;
mod source;
mod vorbis;
mod waveform;

pub(crate) use self::waveform::seconds;
pub use self::{
    container::formats,
    format::AudioFormat,
    options::{AudioOptions, Channel, DamagePolicy},
    piece::Piece,
    pipe::PipeFormat,
    reader::AudioReader,
    resample::{Resampler, resample},
    waveform::Waveform,
};

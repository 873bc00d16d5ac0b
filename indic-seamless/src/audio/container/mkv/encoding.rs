//! [`Encoding`]: how the frames of a track were compressed once more, beside their codec.

use std::borrow::Cow;

use super::ebml::{elements, unsigned};
use crate::audio::error::AudioError;

const ENCODING: u32 = 0x6240;
const ORDER: u32 = 0x5031;
const SCOPE: u32 = 0x5032;
const KIND: u32 = 0x5033;
const COMPRESSION: u32 = 0x5034;
const ALGORITHM: u32 = 0x4254;
const SETTINGS: u32 = 0x4255;

/// The most encodings of a track. Each copies all frames.
const MAX_ENCODINGS: usize = 8;
/// The most bytes that may be left out at the start of all frames. Real files leave out a few; each frame, however small, gets
/// them.
const MAX_STRIPPED: usize = 1 << 10;
/// The largest frame that is decompressed to, in bytes.
const MAX_FRAME: usize = 1 << 23;

/// One encoding.
#[derive(Debug, Clone)]
pub(super) struct Encoding {
    order: u64,
    /// Whether it is of frames, and of the header of the codec.
    frames: bool,
    private: bool,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Zlib,
    /// These first bytes, the same in all frames, are left out.
    Stripped(Vec<u8>),
}

/// Reads a `ContentEncodings` element. The encoding that is to be undone first comes first.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Encoding>, AudioError> {
    let encodings = || elements(body).filter(|&(id, _)| id == ENCODING);
    let count = encodings().count();
    if count > MAX_ENCODINGS {
        return Err(AudioError::damaged(format!("its frames are encoded {count} times, not at most {MAX_ENCODINGS}")));
    }
    let mut encodings = encodings().map(|(_, body)| Encoding::parse(body)).collect::<Result<Vec<_>, _>>()?;
    encodings.sort_by_key(|encoding| std::cmp::Reverse(encoding.order));
    let stripped: usize = encodings.iter().map(Encoding::stripped).sum();
    if stripped > MAX_STRIPPED {
        let reason = format!("{stripped} bytes are left out of each frame, not at most {MAX_STRIPPED}");
        return Err(AudioError::damaged(reason));
    }
    // Only bytes of the file are decompressed, so that a small frame stays one: a few bytes, decompressed twice or put behind
    // those that were left out, could become millions.
    if encodings.iter().skip(1).any(|encoding| matches!(encoding.kind, Kind::Zlib)) {
        return Err(AudioError::damaged("its compressed frames are encoded once more"));
    }
    Ok(encodings)
}

impl Encoding {
    fn parse(body: &[u8]) -> Result<Self, AudioError> {
        let (mut order, mut scope, mut encrypted) = (0, 1, false);
        let (mut algorithm, mut settings) = (0, Vec::new());
        for (id, body) in elements(body) {
            match id {
                ORDER => order = unsigned(body),
                SCOPE => scope = unsigned(body),
                KIND => encrypted = unsigned(body) != 0,
                COMPRESSION => {
                    for (id, body) in elements(body) {
                        match id {
                            ALGORITHM => algorithm = unsigned(body),
                            SETTINGS => settings = body.to_vec(),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        if encrypted {
            return Err(AudioError::Unsupported("an encrypted (DRM) recording".to_owned()));
        }
        let kind = match algorithm {
            0 => Kind::Zlib,
            1 => return Err(AudioError::foreign("a Matroska track compressed by bzip2")),
            2 => return Err(AudioError::foreign("a Matroska track compressed by LZO")),
            3 => Kind::Stripped(settings),
            other => return Err(AudioError::foreign(&format!("a Matroska track compressed by method {other}"))),
        };
        Ok(Self { order, frames: scope & 1 != 0, private: scope & 2 != 0, kind })
    }

    /// How many bytes are left out of each frame.
    fn stripped(&self) -> usize {
        match &self.kind {
            Kind::Zlib => 0,
            Kind::Stripped(start) => start.len(),
        }
    }

    fn undo(&self, bytes: &[u8]) -> Result<Vec<u8>, AudioError> {
        match &self.kind {
            Kind::Zlib => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(bytes, MAX_FRAME)
                .map_err(|error| AudioError::damaged(format!("a compressed frame is damaged: {error}"))),
            Kind::Stripped(start) => Ok([start, bytes].concat()),
        }
    }
}

/// The bytes of a frame before it was encoded.
pub(super) fn frame<'a>(encodings: &[Encoding], bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, AudioError> {
    undo(encodings.iter().filter(|encoding| encoding.frames), bytes)
}

/// The header of the codec before it was encoded.
pub(super) fn private<'a>(encodings: &[Encoding], bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, AudioError> {
    undo(encodings.iter().filter(|encoding| encoding.private), bytes)
}

fn undo<'a, 'b>(
    mut encodings: impl Iterator<Item = &'b Encoding>,
    bytes: &'a [u8],
) -> Result<Cow<'a, [u8]>, AudioError> {
    encodings.try_fold(Cow::Borrowed(bytes), |bytes, encoding| encoding.undo(&bytes).map(Cow::Owned))
}

//! Reader of a `SentencePiece` model: the fields of its protobuf message that are needed.
//! <https://github.com/google/sentencepiece/blob/v0.2.0/src/sentencepiece_model.proto>

use std::str;

/// A `SentencePiece` model, borrowed from the bytes of its file.
#[derive(Debug)]
pub(crate) struct PieceModel<'a> {
    pub(crate) pieces: Vec<Piece<'a>>,
    pub(crate) algorithm: Algorithm,
    /// The compiled rules of the normaliser; see [`CharsMap`](super::charsmap::CharsMap).
    pub(crate) charsmap: &'a [u8],
    /// Whether runs of blanks count as one.
    pub(crate) remove_extra_whitespaces: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    pub(crate) score: f32,
    /// Whether it is a piece of text; false for control tokens and the unknown token.
    pub(crate) normal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Bpe,
    Other(u64),
}

/// The first broken byte of a message, and what is wrong there.
#[derive(Debug, PartialEq)]
pub(crate) struct PieceModelError {
    offset: usize,
    what: &'static str,
}

impl std::fmt::Display for PieceModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no SentencePiece model: {} at byte {}", self.what, self.offset)
    }
}

// Kinds of pieces, algorithms and field numbers of sentencepiece_model.proto.
const NORMAL: u64 = 1;
const USER_DEFINED: u64 = 4;
const UNIGRAM: u64 = 1;
const BPE: u64 = 2;

impl<'a> PieceModel<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, PieceModelError> {
        // A piece takes about 20 bytes, so one allocation is enough. It is never larger than the file.
        let mut pieces = Vec::with_capacity(bytes.len() / 20);
        let mut model_type = UNIGRAM;
        let mut charsmap: &[u8] = &[];
        let mut remove_extra_whitespaces = true;
        let mut model = Message { bytes, at: 0, base: 0 };
        while let Some((field, value)) = model.next()? {
            match (field, value) {
                (1, Value::Bytes(piece)) => pieces.push(parse_piece(piece)?),
                (2, Value::Bytes(mut trainer)) => {
                    while let Some((field, value)) = trainer.next()? {
                        if let (3, Value::Varint(value)) = (field, value) {
                            model_type = value;
                        }
                    }
                }
                (3, Value::Bytes(mut normalizer)) => {
                    while let Some((field, value)) = normalizer.next()? {
                        match (field, value) {
                            (2, Value::Bytes(map)) => charsmap = map.bytes,
                            (4, Value::Varint(flag)) => remove_extra_whitespaces = flag != 0,
                            _ => {}
                        }
                    }
                }
                (1..=3, _) => return Err(model.broken("a field of the wrong type")),
                _ => {}
            }
        }
        let algorithm = if model_type == BPE { Algorithm::Bpe } else { Algorithm::Other(model_type) };
        Ok(Self { pieces, algorithm, charsmap, remove_extra_whitespaces })
    }
}

fn parse_piece(mut message: Message<'_>) -> Result<Piece<'_>, PieceModelError> {
    let mut piece = Piece { text: "", score: 0.0, normal: true };
    while let Some((field, value)) = message.next()? {
        match (field, value) {
            (1, Value::Bytes(text)) => {
                piece.text = str::from_utf8(text.bytes).map_err(|_| text.broken("a piece that is not UTF-8"))?;
            }
            (2, Value::Fixed32(bits)) => piece.score = f32::from_bits(bits),
            (3, Value::Varint(kind)) => piece.normal = matches!(kind, NORMAL | USER_DEFINED),
            (1..=3, _) => return Err(message.broken("a field of the wrong type")),
            _ => {}
        }
    }
    Ok(piece)
}

/// A protobuf message that is being read.
#[derive(Debug)]
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where `bytes` starts in the file.
    base: usize,
}

#[derive(Debug)]
enum Value<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64,
    Bytes(Message<'a>),
}

impl<'a> Message<'a> {
    /// The next field's number and value.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, PieceModelError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed64)?,
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| self.broken("an impossible length"))?;
                let bytes = self.take(length)?;
                Value::Bytes(Message { bytes, at: 0, base: self.base + self.at - length })
            }
            5 => match *self.take(4)? {
                [a, b, c, d] => Value::Fixed32(u32::from_le_bytes([a, b, c, d])),
                _ => return Err(self.broken("a number cut short")),
            },
            _ => return Err(self.broken("a field of unknown type")),
        };
        Ok(Some((key >> 3, value)))
    }

    fn varint(&mut self) -> Result<u64, PieceModelError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or_else(|| self.broken("the end within a number"))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.broken("a number without end"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PieceModelError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..length).ok_or_else(|| self.broken("a field that goes beyond the end"))?;
        self.at += length;
        Ok(taken)
    }

    fn broken(&self, what: &'static str) -> PieceModelError {
        PieceModelError { offset: self.base + self.at, what }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    #[test]
    fn a_small_model() {
        let piece = b"\x0a\x0e\x0a\x03abc\x15\x00\x00\x80\xbf\x18\x01\x20\x05";
        let rest = b"\x12\x04\x18\x02\x20\x07\x1a\x09\x0a\x01x\x12\x02\x01\x02\x20\x00\x21\0\0\0\0\0\0\0\0";
        let bytes = [&piece[..], &rest[..]].concat();
        let model = PieceModel::parse(&bytes).unwrap();
        assert_eq!((model.pieces[0].text, model.pieces[0].score, model.pieces[0].normal), ("abc", -1.0, true));
        assert_eq!(model.algorithm, Algorithm::Bpe);
        assert_eq!((model.charsmap, model.remove_extra_whitespaces), (&[1, 2][..], false));
        for cut in 1..bytes.len() {
            // A message may end between fields; a cut elsewhere is an error.
            if ![16, 22, 33].contains(&cut) {
                assert!(PieceModel::parse(&bytes[..cut]).unwrap_err().offset <= cut, "{cut}");
            }
        }
    }

    #[test]
    fn broken_messages_tell_where() {
        let broken = |bytes: &[u8]| PieceModel::parse(bytes).unwrap_err();
        assert_eq!(broken(b"\x0a"), PieceModelError { offset: 1, what: "the end within a number" });
        assert_eq!(broken(b"\x0a\x05ab"), PieceModelError { offset: 2, what: "a field that goes beyond the end" });
        assert_eq!(
            broken(b"\x0a\x04\x0a\x02\xff\xff"),
            PieceModelError { offset: 4, what: "a piece that is not UTF-8" }
        );
        assert_eq!(
            broken(b"\x0a\x02\x0a\x09"),
            PieceModelError { offset: 4, what: "a field that goes beyond the end" }
        );
        assert_eq!(broken(b"\x08\x01"), PieceModelError { offset: 2, what: "a field of the wrong type" });
        assert_eq!(broken(b"\x0b"), PieceModelError { offset: 1, what: "a field of unknown type" });
        assert_eq!(broken(&[0xff; 12]), PieceModelError { offset: 10, what: "a number without end" });
        assert!(broken(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").what.contains("beyond"));
    }
}

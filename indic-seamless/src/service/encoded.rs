//! Recordings in base64, as clients write it.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::problem::Problem;

/// Padding may be left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Symbols that are decoded at a time, so that no cleaned copy of the whole text is made; a multiple of four.
const BLOCK: usize = 4096;

/// Decodes base64 in the standard or the URL-safe alphabet, with or without line breaks, blanks and padding; or a data URL
/// with it, whose media type comes second.
pub(super) fn decode(text: &str) -> Result<(Vec<u8>, Option<String>), Problem> {
    let text = text.trim_ascii();
    let (encoded, media_type) = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("data:") => data_url(&text[5..])?,
        _ => (text, None),
    };
    let mut bytes = Vec::with_capacity(encoded.len() / 4 * 3 + 3);
    let (mut block, mut filled, mut done) = ([0; BLOCK], 0, 0);
    for symbol in symbols(encoded).map(|(_, symbol)| symbol) {
        if filled == BLOCK {
            // Padding is only valid at the end.
            if let Some(place) = block.iter().position(|symbol| *symbol == b'=') {
                return Err(invalid(encoded, done + place));
            }
            add(encoded, &block, done, &mut bytes)?;
            (filled, done) = (0, done + BLOCK);
        }
        if let Some(place) = block.get_mut(filled) {
            *place = symbol;
        }
        filled += 1;
    }
    add(encoded, block.get(..filled).unwrap_or_default(), done, &mut bytes)?;
    Ok((bytes, media_type))
}

/// The symbols, in the standard alphabet, with their places.
fn symbols(encoded: &str) -> impl Iterator<Item = (usize, u8)> {
    let symbols = encoded.bytes().enumerate().filter(|(_, symbol)| !symbol.is_ascii_whitespace());
    symbols.map(|(at, symbol)| match symbol {
        b'-' => (at, b'+'),
        b'_' => (at, b'/'),
        other => (at, other),
    })
}

/// Decodes a block, before which there are `done` symbols.
fn add(encoded: &str, block: &[u8], done: usize, bytes: &mut Vec<u8>) -> Result<(), Problem> {
    match BASE64.decode_vec(block, bytes) {
        Ok(()) => Ok(()),
        Err(base64::DecodeError::InvalidByte(place, _)) => Err(invalid(encoded, done + place)),
        Err(error) => Err(Problem::invalid_field(format!("audio is not base64: {error}"))),
    }
}

/// The problem of a symbol that is none.
fn invalid(encoded: &str, place: usize) -> Problem {
    let at = symbols(encoded).nth(place).map_or(0, |(at, _)| at);
    let found = encoded.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
    Problem::invalid_field(format!("audio is not base64: {found:?} at {at}"))
}

/// The base64 and the media type of a data URL, of which `url` is what follows `data:`.
fn data_url(url: &str) -> Result<(&str, Option<String>), Problem> {
    let marked = url.split_once(',').and_then(|(head, encoded)| {
        let (media_type, mark) = head.rsplit_once(';')?;
        mark.trim_ascii().eq_ignore_ascii_case("base64").then_some((media_type, encoded))
    });
    let Some((media_type, encoded)) = marked else {
        return Err(Problem::invalid_field("audio is a data URL without `;base64,`, wanted base64"));
    };
    Ok((encoded, Some(media_type.to_owned()).filter(|media_type| !media_type.is_empty())))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as PLAIN;

    use super::*;

    /// Bytes whose base64 has every symbol and padding, and fills several blocks.
    fn bytes() -> Vec<u8> {
        (0..=u8::MAX).cycle().take(10_000).collect()
    }

    #[test]
    fn every_common_way_to_write_base64_is_read() {
        let plain = PLAIN.encode(bytes());
        assert!(plain.contains('+') && plain.contains('/') && plain.ends_with('='));
        let lines = |end: &str| {
            let lines: Vec<_> =
                plain.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
            lines.join(end)
        };
        for text in [
            plain.clone(),
            lines("\n"),
            lines("\r\n"),
            lines(" \t\n") + "\r\n",
            plain.replace('+', "-").replace('/', "_"),
            plain.trim_end_matches('=').to_owned(),
        ] {
            assert_eq!(decode(&text).expect("base64"), (bytes(), None), "{text}");
            let url = decode(&format!(" Data:audio/ogg; codecs=opus;Base64,\n{text}")).expect("a URL");
            assert_eq!(url, (bytes(), Some("audio/ogg; codecs=opus".to_owned())), "{text}");
        }
        assert_eq!(decode("data:;base64,AAAA").expect("a URL"), (vec![0; 3], None));
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        for (text, wanted) in [
            ("AAAA\nAA!A", "'!' at 7"),
            ("data:audio/wav;base64,AAé", "'é' at 2"),
            ("A", "audio is not base64: "),
            ("AA=A", "audio is not base64: "),
            (&format!("{}=A", "A".repeat(4095)), "'=' at 4095"),
            (&format!("{}\n!", "A".repeat(8000)), "'!' at 8001"),
            ("data:audio/wav,RIFF", "without `;base64,`"),
            ("data:audio/wav;base64", "without `;base64,`"),
        ] {
            let detail = decode(text).expect_err(text).detail;
            assert!(detail.contains(wanted), "{text}: {detail}");
        }
    }
}

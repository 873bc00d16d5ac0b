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

/// Decodes base64 in the standard or the URL-safe alphabet, with or without line breaks, blanks and padding; or a data URL
/// with it, whose media type comes second.
pub(super) fn decode(text: &str) -> Result<(Vec<u8>, Option<String>), Problem> {
    let text = text.trim_ascii();
    let (encoded, media_type) = match text.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("data:") => data_url(&text[5..])?,
        _ => (text, None),
    };
    let symbols = || encoded.bytes().enumerate().filter(|(_, symbol)| !symbol.is_ascii_whitespace());
    let standard = |(_, symbol)| match symbol {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let clean: Vec<u8> = symbols().map(standard).collect();
    match BASE64.decode(clean) {
        Ok(bytes) => Ok((bytes, media_type)),
        Err(base64::DecodeError::InvalidByte(place, _)) => {
            let at = symbols().nth(place).map_or(0, |(at, _)| at);
            let found = encoded.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
            Err(Problem::invalid_field(format!("audio is not base64: {found:?} at {at}")))
        }
        Err(error) => Err(Problem::invalid_field(format!("audio is not base64: {error}"))),
    }
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

    /// Bytes whose base64 has every symbol and padding.
    fn bytes() -> Vec<u8> {
        (0..=u8::MAX).collect()
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
            ("data:audio/wav,RIFF", "without `;base64,`"),
            ("data:audio/wav;base64", "without `;base64,`"),
        ] {
            let detail = decode(text).expect_err(text).detail;
            assert!(detail.contains(wanted), "{text}: {detail}");
        }
    }
}

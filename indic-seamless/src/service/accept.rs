//! Reads the header `accept`.

use axum::http::{HeaderMap, header};

/// Whether a client names `media_type` and wants it at least as much as `other`. Wildcards do not count: every client that does
/// not care sends them.
pub(super) fn prefers(headers: &HeaderMap, media_type: &str, other: &str) -> bool {
    let weight = weight(headers, media_type);
    weight > 0.0 && weight >= self::weight(headers, other)
}

/// The weight that a client gives a media type, 0 to 1; 0 if it does not name it.
fn weight(headers: &HeaderMap, media_type: &str) -> f32 {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let weights = values.flat_map(|value| value.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().filter(|name| name.eq_ignore_ascii_case(media_type))?;
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            // A weight that cannot be read asks for nothing.
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
        });
        Some(weight.unwrap_or(1.0))
    });
    weights.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide() {
        for (accept, streams) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("application/json, text/event-stream", true),
            ("application/json;q=0.5, text/event-stream;q=0.9", true),
            ("application/json, text/event-stream;q=0.9", false),
            ("text/event-stream;q=0", false),
            ("text/event-stream; Q = 0.0", false),
            ("text/event-stream;q=much", false),
            ("text/event-streams", false),
            ("text/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().expect("a value"))]);
            assert_eq!(prefers(&headers, "text/event-stream", "application/json"), streams, "{accept}");
        }
    }
}

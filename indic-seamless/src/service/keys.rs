//! API keys: who may use the service.

use std::{fmt, path::Path, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::{Shared, body::refuse, problem::Problem};
use crate::error::{Error, Result};

/// A SHA-256 hash.
type Hash = [u8; 32];

/// The API keys that a service accepts, each with a name.
///
/// A file has a line for each, `NAME:HASH`; lines that begin with `#` are comments. Only the SHA-256 hash of a key is there, in
/// hexadecimal, so that nobody can use what the file says. A hash cannot protect a key that can be guessed: take random ones.
///
/// ```sh
/// KEY=$(openssl rand -hex 32)
/// echo "mobile app:$(printf %s "$KEY" | sha256sum | cut -d ' ' -f 1)" >> keys.txt
/// ```
#[derive(Clone, PartialEq)]
pub struct ApiKeys(Arc<[(Arc<str>, Hash)]>);

/// What a key in the list of a WebSocket's protocols begins with, as in OpenAI's API: pages in browsers cannot send it in another
/// header.
const PROTOCOL: &str = "openai-insecure-api-key.";

/// The name of the key that a request was made with.
#[derive(Debug, Clone)]
pub(super) struct KeyName(pub(super) Arc<str>);

impl ApiKeys {
    /// Reads a file of keys.
    ///
    /// ```
    /// use indic_seamless::service::{ApiKeys, Settings};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("keys.txt");
    /// let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // of "secret"
    /// std::fs::write(&path, format!("# for tests\nmobile app:{hash}\n"))?;
    /// let settings = Settings { api_keys: Some(ApiKeys::from_file(&path)?), ..Settings::default() };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be read; [`Error::InvalidFile`], with the line, if a line is not a name and a hash, if
    /// a name is there twice, or if there is no key at all.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let keys = parse(&text).map_err(|reason| Error::InvalidFile { path: path.into(), reason })?;
        Ok(Self(keys.into()))
    }

    /// The name of a key, if it is one of these. Takes equally long for all keys of the same length.
    fn name(&self, key: &[u8]) -> Option<&Arc<str>> {
        let hash: Hash = Sha256::digest(key).into();
        let mut found = u64::MAX;
        for (index, (_, known)) in (0..).zip(self.0.iter()) {
            found.conditional_assign(&index, known.ct_eq(&hash));
        }
        self.0.get(usize::try_from(found).ok()?).map(|(name, _)| name)
    }

    /// The name of the key in the headers of a request.
    fn name_in(&self, headers: &HeaderMap) -> Option<&Arc<str>> {
        let bearer = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let bearer = bearer.and_then(|value| {
            let (scheme, key) = value.split_at_checked("bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
        });
        let given = headers.get("x-api-key").map(HeaderValue::as_bytes);
        let protocols = headers
            .get_all(header::SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .flat_map(|list| list.as_bytes().split(|&b| b == b','));
        let of_page = protocols.filter_map(|protocol| protocol.trim_ascii().strip_prefix(PROTOCOL.as_bytes()));
        given.into_iter().chain(bearer).chain(of_page.take(1)).find_map(|key| self.name(key))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The keys in the text of a file. Errors do not quote hashes: by mistake, the key itself may be there.
fn parse(text: &str) -> Result<Vec<(Arc<str>, Hash)>, String> {
    let mut keys: Vec<(Arc<str>, Hash)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let named = line.rsplit_once(':').map(|(name, hash)| (name.trim(), hash.trim()));
        let Some((name, digits)) = named.filter(|(name, _)| !name.is_empty()) else {
            return Err(format!("line {number} has no name, wanted NAME:HASH"));
        };
        let Some(hash) = hash(digits) else {
            let found = digits.chars().count();
            let wanted = "wanted the SHA-256 hash of the key, 64 hexadecimal digits";
            return Err(format!("line {number}: the hash of {name:?} has {found} characters, {wanted}"));
        };
        if keys.iter().any(|(known, _)| **known == *name) {
            return Err(format!("line {number}: {name:?} is there twice"));
        }
        keys.push((name.into(), hash));
    }
    if keys.is_empty() {
        return Err("no key, wanted lines NAME:HASH".to_owned());
    }
    Ok(keys)
}

fn hash(digits: &str) -> Option<Hash> {
    if digits.len() != 64 {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

/// Refuses requests without a key that the service knows, if it knows any.
pub(super) async fn with_key(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    if let Some(keys) = &shared.settings.api_keys {
        let Some(name) = keys.name_in(request.headers()).cloned() else {
            let problem = Problem::unauthorized(
                "no API key that is known here; wanted `x-api-key: KEY` or `authorization: Bearer KEY`",
            );
            return refuse(problem, request, &shared).await.into_response();
        };
        request.extensions_mut().insert(KeyName(name));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn lines_are_checked_and_never_quoted() {
        let hashed = |key: &str| Sha256::digest(key).iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        let text = format!("# comment\n\n a : {SECRET} \r\nb:c:{}\n", hashed("other"));
        let keys = ApiKeys(parse(&text).expect("keys").into());
        assert_eq!(keys.name(b"secret").map(|name| &**name), Some("a"));
        assert_eq!(keys.name(b"other").map(|name| &**name), Some("b:c"));
        assert_eq!((keys.name(b"Secret"), keys.name(b"")), (None, None));
        assert_eq!(format!("{keys:?}"), r#"["a", "b:c"]"#);
        for (text, wanted) in [
            ("", "no key, wanted lines NAME:HASH"),
            ("# only a comment", "no key"),
            (&format!("\n{SECRET}"), "line 2 has no name"),
            (&format!(":{SECRET}"), "line 1 has no name"),
            ("a:my-secret", "line 1: the hash of \"a\" has 9 characters, wanted the SHA-256 hash"),
            (&format!("a:{}", "+".repeat(64)), "line 1: the hash of \"a\""),
            (&format!("a:{SECRET}\n#\na:{SECRET}"), "line 3: \"a\" is there twice"),
        ] {
            let reason = parse(text).expect_err(text);
            assert!(reason.contains(wanted) && !reason.contains("my-secret"), "{text}: {reason}");
        }
    }

    #[test]
    fn a_key_may_come_in_several_headers() {
        let keys = ApiKeys(parse(&format!("a:{SECRET}")).expect("keys").into());
        for (name, value, known) in [
            ("x-api-key", "secret", true),
            ("x-api-key", "wrong", false),
            ("authorization", "Bearer secret", true),
            ("authorization", "bearer  secret", true),
            ("authorization", "Basic secret", false),
            ("authorization", "Bearer", false),
            ("sec-websocket-protocol", "realtime, openai-insecure-api-key.secret", true),
            ("sec-websocket-protocol", "openai-insecure-api-key.wrong", false),
            ("sec-websocket-protocol", "secret", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a value"));
            assert_eq!(keys.name_in(&headers).is_some(), known, "{name}: {value}");
        }
    }
}

//! Signed URLs for uploads of one size. `object_store` never signs the size, so what it has signed is signed again, by the
//! [rules of AWS](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).

use std::collections::BTreeMap;

use object_store::{aws::AwsCredential, signer::Url};
use ring::{digest, hmac};

/// A URL for a `PUT` of exactly `bytes`, as `url` is one for a `PUT` of any size. Both want the header `if-none-match: *`, so that
/// there is one upload. `None` if `url` is not signed.
pub(super) fn sized(url: &Url, credential: &AwsCredential, bytes: u64) -> Option<Url> {
    let mut query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    query.remove("X-Amz-Signature")?;
    // The key's id, and what it is good for: a day, a region, a service.
    let scope = query.get("X-Amz-Credential")?.split_once('/')?.1.to_owned();
    query.insert("X-Amz-Credential".to_owned(), format!("{}/{scope}", credential.key_id));
    if let Some(token) = &credential.token {
        query.insert("X-Amz-Security-Token".to_owned(), token.clone());
    }
    let bytes = bytes.to_string();
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let headers = [("content-length", bytes.as_str()), ("host", host.as_str()), ("if-none-match", "*")];
    query.insert("X-Amz-SignedHeaders".to_owned(), headers.map(|(name, _)| name).join(";"));
    let date = query.get("X-Amz-Date")?.clone();
    let query = canonical(&query);
    let signature = signature(["PUT", url.path(), &query], &headers, [&date, &scope], &credential.secret_key);
    let mut url = url.clone();
    url.set_query(Some(&format!("{query}&X-Amz-Signature={signature}")));
    Some(url)
}

/// The signature of a request without a known body. `headers` are ordered by name.
fn signature(
    [method, path, query]: [&str; 3],
    headers: &[(&str, &str)],
    [date, scope]: [&str; 2],
    secret: &str,
) -> String {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{}\nUNSIGNED-PAYLOAD", names.join(";"));
    let hash = hex(digest::digest(&digest::SHA256, request.as_bytes()).as_ref());
    // The key is made of the secret and each part of the scope in turn.
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
    hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}")))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A query as it is signed: ordered, and with everything encoded but letters, digits and `-._~`.
fn canonical(query: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    #[test]
    fn the_example_of_the_documentation() {
        let query = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
            ("X-Amz-Date", "20130524T000000Z"),
            ("X-Amz-Expires", "86400"),
            ("X-Amz-SignedHeaders", "host"),
        ];
        let query = canonical(&query.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let headers = [("host", "examplebucket.s3.amazonaws.com")];
        let scope = "20130524/us-east-1/s3/aws4_request";
        let found = signature(["GET", "/test.txt", &query], &headers, ["20130524T000000Z", scope], SECRET);
        assert_eq!(found, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    }

    #[test]
    fn the_size_is_signed() {
        let credential = |token: Option<&str>| AwsCredential {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: SECRET.to_owned(),
            token: token.map(str::to_owned),
        };
        let url = "http://127.0.0.1:4566/speech/recordings/eng/jobs/1?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=OLD\
                   %2F20261128%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261128T100000Z&X-Amz-Expires=900\
                   &X-Amz-SignedHeaders=host%3Bif-none-match&X-Amz-Signature=00";
        let url: Url = url.parse().unwrap();
        let sized = |bytes, token| sized(&url, &credential(token), bytes).unwrap().to_string();
        let one = sized(1000, None);
        assert!(one.contains("&X-Amz-SignedHeaders=content-length%3Bhost%3Bif-none-match&X-Amz-Signature="), "{one}");
        assert!(one.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261128%2Fus-east-1"), "{one}");
        assert_ne!(one, sized(1001, None));
        assert!(sized(1000, Some("a+b")).contains("&X-Amz-Security-Token=a%2Bb&"));
        assert!(super::sized(&"https://x/y".parse().unwrap(), &credential(None), 1).is_none());
    }
}

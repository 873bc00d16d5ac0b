//! What a message asks for.

use std::path::Path;

use indic_seamless_aws::recording::{Recording, recordings};

use super::super::{
    location::{Base, SCHEME},
    manifest,
    row::{Row, Rows},
};
use crate::transcribe::inputs::tail;

/// The recordings of a message: a row of a manifest as a JSON object, a notification from S3, or an object by bucket and key.
/// There is none if it reports something else than new objects.
///
/// # Errors
///
/// Why the message cannot be read.
pub(in crate::transcribe::batch) fn rows(body: &str) -> Result<Vec<Row>, String> {
    let read = |cells: &[(String, String)]| {
        Rows::new(&Base::Folder("".into()), whole).read(1, cells).map_err(|problem| problem.text())
    };
    if let Ok(object) = manifest::json_object(1, body.as_bytes())
        && object.0.iter().any(|(column, _)| column == "audio")
    {
        let cells = manifest::json_cells(1, object).map_err(|problem| problem.text())?;
        return Ok(vec![read(&cells)?]);
    }
    let row = |recording: Recording| {
        let language = recording.language.or_else(|| recording.folder_language());
        let audio = format!("{SCHEME}{}/{}", recording.bucket, recording.key);
        let lang = language.map_or("", |language| language.code()).to_owned();
        read(&[("audio".to_owned(), audio), ("lang".to_owned(), lang)])
    };
    recordings(body)?.into_iter().map(row).collect()
}

/// The name of a recording as it is written, with its extension, and of an object with its bucket: nobody checks that no other
/// message has the same.
fn whole(audio: &str) -> String {
    tail(Path::new(audio.strip_prefix(SCHEME).unwrap_or(audio)), usize::MAX).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcribe::options::TextLanguage;

    fn results(body: &str) -> Result<Vec<(String, String)>, String> {
        let rows = rows(body)?;
        Ok(rows.iter().map(|row| (row.audio.to_string(), row.result(TextLanguage::Spoken))).collect())
    }

    fn one(audio: &str, result: &str) -> Result<Vec<(String, String)>, String> {
        Ok(vec![(audio.to_owned(), result.to_owned())])
    }

    #[test]
    fn rows_notifications_and_objects() {
        let row = r#"{"audio":"s3://speech/calls/a.wav","id":"may/1","lang":"Tamil","num_beams":2}"#;
        assert_eq!(results(row), one("s3://speech/calls/a.wav", "may/1.tam"));
        assert_eq!(results(r#"{"audio":"/data/a.wav"}"#), one("/data/a.wav", "data/a.wav.auto"));
        let notification = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"speech"},
            "object":{"key":"recordings/hin/a+b.wav"}}}]}"#;
        let wanted = one("s3://speech/recordings/hin/a b.wav", "speech/recordings/hin/a b.wav.hin");
        assert_eq!(results(notification), wanted);
        let object = r#"{"bucket":"speech","key":"calls/a.wav","target_lang":"hi"}"#;
        assert_eq!(results(object), one("s3://speech/calls/a.wav", "speech/calls/a.wav.hin"));
        assert_eq!(results(r#"{"Event":"s3:TestEvent"}"#), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read() {
        for (body, wanted) in [
            ("hello", "expected value"),
            ("{}", "neither a notification"),
            (r#"{"audio":"a.wav","text":"x"}"#, "column \"text\" found"),
            (r#"{"audio":"a.wav","lang":"klingon"}"#, "lang \"klingon\" found, wanted a language"),
            (r#"{"audio":"a.wav","meta":{}}"#, "meta {} found, wanted a text or a number"),
            (r#"{"audio":"a.wav","audio":"b.wav"}"#, "column audio twice found, wanted it once"),
            (r#"{"audio":"https://example.com/a.wav"}"#, "wanted a path, or s3://"),
        ] {
            let error = results(body).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}

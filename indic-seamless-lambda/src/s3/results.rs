//! The results of a recording: their keys in the bucket, and what they hold.

use indic_seamless::{Language, OutputFormat, Transcript};
use indic_seamless_aws::recording::RECORDINGS;
use object_store::path::{Error, Path};
use serde::{Deserialize, Serialize, Serializer};

/// The format of the subtitles.
pub(super) const SUBTITLES: OutputFormat = OutputFormat::SRT;

/// Where the results of a recording are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ResultKeys {
    #[serde(rename = "transcript_key", serialize_with = "as_text")]
    pub(super) json: Path,
    #[serde(rename = "subtitles_key", serialize_with = "as_text")]
    pub(super) srt: Path,
    #[serde(skip)]
    pub(super) error: Path,
}

/// Serialises a key.
pub(super) fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(path.as_ref())
}

impl ResultKeys {
    /// The results of a recording, in its own language or in another one.
    pub(super) fn of(recording: &Path, other: Option<Language>) -> Result<Self, Error> {
        let rest = recording.as_ref();
        let rest = rest.strip_prefix(RECORDINGS).unwrap_or(rest);
        let language = other.map(|language| format!(".{language}")).unwrap_or_default();
        let with = |extension| Path::parse(format!("transcripts/{rest}{language}.{extension}"));
        Ok(Self {
            json: with(OutputFormat::JSON.extension())?,
            srt: with(SUBTITLES.extension())?,
            error: with("error.json")?,
        })
    }
}

/// The stored transcript. Read back, it is a [`Transcript`].
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    #[serde(flatten)]
    pub(super) transcript: &'a Transcript,
    pub(super) source: Source<'a>,
}

/// The object that was transcribed.
#[derive(Debug, Serialize)]
pub(super) struct Source<'a> {
    pub(super) bucket: &'a str,
    #[serde(serialize_with = "as_text")]
    pub(super) key: &'a Path,
    pub(super) etag: Option<String>,
}

/// The reason why there is no transcript.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reason {
    pub(super) detail: String,
    pub(super) code: String,
}

/// The stored reason.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ErrorDocument {
    #[serde(flatten)]
    pub(super) reason: Reason,
    /// The object that could not be transcribed. Another one in its place may be better.
    #[serde(default)]
    pub(super) etag: Option<String>,
}

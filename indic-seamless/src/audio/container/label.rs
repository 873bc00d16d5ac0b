//! [`TrackLabel`]: a sound track, described for people.

use std::fmt;

use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters,
    well_known::{
        CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
        CODEC_ID_PCM_ALAW, CODEC_ID_PCM_MULAW, CODEC_ID_VORBIS,
    },
};

use super::layout::Layout;
use crate::audio::error::AudioError;

/// A sound track. It displays as `AAC, hin, default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackLabel {
    pub(super) codec: String,
    /// The language as the container states it.
    pub(super) language: Option<String>,
    /// Whether it is the track that is decoded if none is asked for.
    pub(super) default: bool,
}

impl fmt::Display for TrackLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codec)?;
        if let Some(language) = &self.language {
            write!(f, ", {language}")?;
        }
        f.write_str(if self.default { ", default" } else { "" })
    }
}

/// The error for a track that there is not. Without labels there is one track.
pub(super) fn no_such_track(wanted: usize, tracks: &[TrackLabel]) -> AudioError {
    let label = |(index, track): (usize, &TrackLabel)| format!("{} ({track})", index + 1);
    let found = match tracks {
        [] => "1".to_owned(),
        tracks => tracks.iter().enumerate().map(label).collect::<Vec<_>>().join(", "),
    };
    AudioError::NoSuchTrack { wanted, found }
}

/// What a codec is called, from what its configuration was read as.
pub(super) fn codec(read: &Result<(AudioCodecParameters, Option<Layout>), AudioError>) -> String {
    match read {
        Ok((params, layout)) => name(params.codec, layout.as_ref()).to_owned(),
        Err(AudioError::Foreign(name) | AudioError::Unsupported(name)) => name.clone(),
        Err(_) => "a damaged header".to_owned(),
    }
}

fn name(codec: AudioCodecId, layout: Option<&Layout>) -> &'static str {
    match codec {
        CODEC_ID_AAC => "AAC",
        CODEC_ID_ALAC => "ALAC",
        CODEC_ID_FLAC => "FLAC",
        CODEC_ID_MP1 => "MP1",
        CODEC_ID_MP2 => "MP2",
        CODEC_ID_MP3 => "MP3",
        CODEC_ID_OPUS => "Opus",
        CODEC_ID_VORBIS => "Vorbis",
        CODEC_ID_PCM_ALAW => "A-law",
        CODEC_ID_PCM_MULAW => "mu-law",
        _ if layout.is_some_and(|layout| layout.frames > 1) => "ADPCM",
        _ => "PCM",
    }
}

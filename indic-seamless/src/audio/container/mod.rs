//! Containers: what the bytes are, whether they are complete, and where the audio in them starts and ends.
//!
//! A demuxer reads on for as long as it can. At damage it stops, skips or resynchronises, so that a damaged recording
//! comes out shorter, without an error. Each container is therefore walked once, header by header, before it is decoded.
//!
//! To add a container, write a file with a type that implements [`Container`], declare it here and add its row to
//! `containers!`. Detection, [`formats`] and its documentation, error messages and hints follow from the row.

mod adts;
mod aiff;
mod au;
mod caf;
mod config;
mod flac;
mod frame_demuxer;
mod frames;
mod label;
mod layout;
mod mkv;
mod mp4;
mod mpeg;
mod ogg;
mod samples;
mod survey;
mod tags;
mod unknown;
mod w64;
mod wav;
mod wave;
mod window;

pub(super) use self::{
    unknown::{HEAD, unknown},
    wav::header as wav_header,
};

use std::ptr;

use super::{
    count::Count,
    demuxer::{AudioTrack, Demuxer},
    edit::Edit,
    error::AudioError,
    fault::Fault,
    format::AudioFormat,
    source::AudioSource,
};

/// How many bytes [`Container::sniff`] gets, fewer only of a shorter file.
pub(super) const SNIFFED: usize = 12;
/// The bytes in which the end of a tag that states a wrong size is looked for. Tags hold pictures.
const LARGEST_TAG: usize = 1 << 24;

/// A recording in a container: what the walk over its headers found, and what follows from it.
pub(super) trait Container: Send + Sync {
    /// Whether these first bytes are of this container. At most one container takes a given start.
    fn sniff(head: &[u8]) -> bool
    where
        Self: Sized;

    /// Where the first frame starts in a stream that was cut out of a longer one, for containers that can be joined
    /// anywhere. Only asked where the caller says that the bytes are of this container.
    fn first_frame(_source: &mut AudioSource) -> Result<Option<u64>, AudioError>
    where
        Self: Sized,
    {
        Ok(None)
    }

    /// Whether a recording of this container starts with these bytes, which are more than [`sniff`](Self::sniff) sees. `None`
    /// for those that no tags stand in front of.
    fn starts(_bytes: &[u8]) -> Option<bool>
    where
        Self: Sized,
    {
        None
    }

    /// Whether it can be decoded from a pipe while it is being written.
    fn streams() -> bool
    where
        Self: Sized,
    {
        false
    }

    /// Walks over the headers of all of `source`, and leaves tags out of `source`. An error means that nothing can be decoded;
    /// what is merely missing or damaged is one of the [`faults`](Self::faults).
    fn walk(source: &mut AudioSource) -> Result<Self, AudioError>
    where
        Self: Sized;

    /// The same for sound track `number`, counted from 1, instead of the default one.
    fn walk_track(source: &mut AudioSource, number: usize) -> Result<Self, AudioError>
    where
        Self: Sized,
    {
        if number == 1 { Self::walk(source) } else { Err(label::no_such_track(number, &[])) }
    }

    /// The damage that the walk found. A demuxer that comes to the same places says so with [`Demuxed::Fault`](super::demuxer::Demuxed::Fault); of a kind of
    /// damage that it does not report, the first is reported at the end.
    fn faults(&self) -> &[Fault] {
        &[]
    }

    /// About how long the recording is in seconds, from a few bytes of it. `None` where it is for the walk to say, which is as
    /// quick; it is not where the walk reads all frames.
    fn estimate(_source: &mut AudioSource) -> Result<Option<f64>, AudioError>
    where
        Self: Sized,
    {
        Ok(None)
    }

    /// Opens the demuxer for the `source` that was walked.
    fn open(&self, source: AudioSource) -> Result<Box<dyn Demuxer>, AudioError>;

    /// The part of the track that is heard.
    fn edit(&self, _track: &AudioTrack) -> Edit {
        Edit::default()
    }

    /// Whether the first time stamp says when the recording starts: audio may begin later than the pictures beside it. Where
    /// there is nothing else, a late first time stamp means that the start of a stream was missed.
    fn starts_late(&self) -> bool {
        false
    }

    /// The length that the headers promise, in seconds.
    fn promised_seconds(&self, track: &AudioTrack) -> Option<f64>;

    /// Compares what came out of the track with what the headers promise, for what the walk could not compare.
    fn check(&self, _track: &AudioTrack, _count: &Count) -> Result<(), AudioError> {
        Ok(())
    }
}

/// Makes [`TABLE`] and the documentation of [`formats`] from the rows.
macro_rules! containers {
    ($($module:ident::$container:ident {
        name: $name:literal,
        extensions: [$extension:literal $(, $more_extensions:literal)*],
        media_types: $media_types:tt,
        codecs: [$codec:literal $(, $more_codecs:literal)*],
    })+) => {
        /// All containers.
        static TABLE: &[Row] = &[$(Row::new::<$module::$container>(AudioFormat {
            name: $name,
            extensions: &[$extension $(, $more_extensions)*],
            media_types: &$media_types,
            codecs: &[$codec $(, $more_codecs)*],
        })),+];

        /// The supported formats.
        ///
        /// | name | extensions | codecs |
        /// |---|---|---|
        $(#[doc = concat!(
            "| ", $name, " | ", $extension, $(", ", $more_extensions,)* " | ", $codec, $(", ", $more_codecs,)* " |"
        )])+
        ///
        /// PCM is integers of 8 to 32 bits or floats of 32 or 64 bits. WAV includes RF64, BW64 and RIFX, MP4 `QuickTime`.
        ///
        /// ```
        /// for format in indic_seamless::audio::formats() {
        ///     println!("{format}: {}", format.extensions.join(" "));
        /// }
        /// ```
        pub fn formats() -> impl ExactSizeIterator<Item = &'static AudioFormat> {
            TABLE.iter().map(|row| &row.format)
        }
    };
}

containers! {
    wav::Wav {
        name: "WAV",
        extensions: ["wav"],
        media_types: ["audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave"],
        codecs: ["PCM", "A-law", "mu-law", "ADPCM", "MP3"],
    }
    w64::Wave64 {
        name: "Wave64",
        extensions: ["w64"],
        media_types: ["audio/x-w64"],
        codecs: ["PCM", "A-law", "mu-law", "ADPCM"],
    }
    aiff::Aiff {
        name: "AIFF",
        extensions: ["aiff", "aif", "aifc"],
        media_types: ["audio/aiff", "audio/x-aiff"],
        codecs: ["PCM", "A-law", "mu-law", "ADPCM"],
    }
    au::Au {
        name: "AU",
        extensions: ["au", "snd"],
        media_types: ["audio/basic", "audio/x-au"],
        codecs: ["PCM", "A-law", "mu-law"],
    }
    caf::Caf {
        name: "CAF",
        extensions: ["caf"],
        media_types: ["audio/x-caf"],
        codecs: ["PCM", "ALAC", "AAC", "MP3", "Opus", "A-law", "mu-law", "ADPCM"],
    }
    flac::Flac {
        name: "FLAC",
        extensions: ["flac"],
        media_types: ["audio/flac", "audio/x-flac"],
        codecs: ["FLAC"],
    }
    mpeg::Mpeg {
        name: "MP3",
        extensions: ["mp3", "mpga", "mp2", "mp1"],
        media_types: ["audio/mpeg", "audio/mp3", "audio/x-mpeg", "audio/x-mp3"],
        codecs: ["MP3", "MP2", "MP1"],
    }
    adts::Adts {
        name: "ADTS",
        extensions: ["aac"],
        media_types: ["audio/aac", "audio/aacp", "audio/x-aac"],
        codecs: ["AAC"],
    }
    mp4::Mp4 {
        name: "MP4",
        extensions: ["m4a", "mp4", "m4b", "mov", "m4v", "3gp"],
        media_types: ["audio/mp4", "audio/x-m4a", "video/mp4", "video/quicktime", "audio/m4a", "video/3gpp", "audio/3gpp"],
        codecs: ["AAC", "ALAC", "MP3", "Opus", "FLAC", "PCM", "A-law", "mu-law", "ADPCM"],
    }
    ogg::Ogg {
        name: "Ogg",
        extensions: ["ogg", "opus", "oga"],
        media_types: ["audio/ogg", "audio/opus", "application/ogg"],
        codecs: ["Opus", "Vorbis", "FLAC"],
    }
    mkv::Mkv {
        name: "Matroska/WebM",
        extensions: ["webm", "mkv", "mka"],
        media_types: ["audio/webm", "video/webm", "audio/x-matroska", "video/x-matroska"],
        codecs: ["Opus", "Vorbis", "AAC", "ALAC", "MP3", "FLAC", "PCM", "ADPCM"],
    }
}

/// What a walk over a recording gives, if anything of it can be decoded.
type Walked = Result<Box<dyn Container>, AudioError>;

/// A container: its description, and its [`Container`] as functions.
pub(super) struct Row {
    format: AudioFormat,
    sniff: fn(&[u8]) -> bool,
    first_frame: fn(&mut AudioSource) -> Result<Option<u64>, AudioError>,
    starts: fn(&[u8]) -> Option<bool>,
    streams: fn() -> bool,
    estimate: fn(&mut AudioSource) -> Result<Option<f64>, AudioError>,
    walk: fn(&mut AudioSource, Option<usize>) -> Walked,
}

impl Row {
    const fn new<C: Container + 'static>(format: AudioFormat) -> Self {
        Self {
            format,
            sniff: C::sniff,
            first_frame: C::first_frame,
            starts: C::starts,
            streams: C::streams,
            estimate: C::estimate,
            walk: |source, track| {
                Ok(Box::new(match track {
                    None => C::walk(source)?,
                    Some(number) => C::walk_track(source, number)?,
                }))
            },
        }
    }

    /// Whether it can be decoded from a pipe while it is being written.
    pub(super) fn streams(&self) -> bool {
        (self.streams)()
    }
}

/// The supported formats in one line, for error messages.
pub(super) fn supported() -> String {
    formats().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What the walk over a recording gives.
pub(super) struct Walk {
    pub(super) format: &'static AudioFormat,
    pub(super) container: Box<dyn Container>,
}

/// Finds out what `source` is, leaves tags out of it, and walks over it. `hint` is an extension or a content type;
/// `track` is the number of a sound track, `None` for the default one.
pub(super) fn walk(source: &mut AudioSource, hint: Option<&str>, track: Option<usize>) -> Result<Walk, AudioError> {
    let row = find(source, hint)?;
    Ok(Walk { format: &row.format, container: (row.walk)(source, track)? })
}

/// About how long the recording is in seconds, from a few bytes of it; `None` where a walk over it is as quick.
pub(super) fn estimate(source: &mut AudioSource, hint: Option<&str>) -> Result<Option<f64>, AudioError> {
    let row = find(source, hint)?;
    (row.estimate)(source)
}

/// Finds out what `source` is, and leaves tags in front of it out of it.
fn find(source: &mut AudioSource, hint: Option<&str>) -> Result<&'static Row, AudioError> {
    if source.length() == 0 {
        return Err(AudioError::NoAudio("no bytes".to_owned()));
    }
    let (length, start) = (source.length(), tags::skip_id3(source)?);
    let mut found = sniff(&source.peek(start, SNIFFED)?).map(|row| (start, row));
    if start > 0 {
        let bytes = source.peek(start, HEAD)?;
        // What looks like a frame may be a part of one, or of the tag.
        if found.is_none_or(|(_, row)| (row.starts)(&bytes) == Some(false)) {
            let other = behind_tag(source)?;
            let is_better = |&(at, row): &(u64, &'static Row)| {
                at < start || found.is_none_or(|(_, sniffed)| !ptr::eq(row, sniffed))
            };
            found = other.filter(is_better).or(found);
        }
    }
    if let Some((at, row)) = found {
        source.narrow(at, length);
        return Ok(row);
    }
    if start >= length {
        return Err(AudioError::cut("bytes of an ID3 tag and what follows", length, start + 1));
    }
    source.narrow(start, length);
    match join(source, hint)? {
        Some(row) => Ok(row),
        None => Err(unknown(&source.peek(0, HEAD)?)),
    }
}

/// Where a recording starts behind an `ID3v2` tag that states a wrong size, and its container: one that such tags stand in
/// front of. Elsewhere in the tag there may be anything, so that a few frames have to follow each other.
fn behind_tag(source: &mut AudioSource) -> Result<Option<(u64, &'static Row)>, AudioError> {
    let bytes = source.peek(0, LARGEST_TAG)?;
    let row = |at: usize| {
        let rest = bytes.get(at..)?;
        TABLE.iter().find(|row| (row.starts)(rest) == Some(true)).map(|row| (at as u64, row))
    };
    Ok((0..bytes.len()).find_map(row))
}

/// The container that starts with these bytes.
pub(super) fn sniff(head: &[u8]) -> Option<&'static Row> {
    TABLE.iter().find(|row| (row.sniff)(head))
}

/// The container that `hint` names, if a frame of it can be found; `source` then starts with that frame.
fn join(source: &mut AudioSource, hint: Option<&str>) -> Result<Option<&'static Row>, AudioError> {
    let Some(row) = hint.and_then(|hint| TABLE.iter().find(|row| row.format.is_named(hint))) else { return Ok(None) };
    let Some(start) = (row.first_frame)(source)? else { return Ok(None) };
    source.narrow(start, source.length());
    Ok(Some(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_formats() {
        let all = || formats().flat_map(|format| format.extensions.iter().chain(format.media_types));
        for name in all() {
            assert_eq!(all().filter(|other| *other == name).count(), 1, "{name}");
            assert_eq!(formats().filter(|format| format.is_named(&format!(" .{name}; x"))).count(), 1, "{name}");
        }
    }
}

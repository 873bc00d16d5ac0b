//! MP4 and `QuickTime`: edits, tracks, kinds of samples, fragments, HE-AAC, and files that were not finished.

use std::time::{Duration, Instant};

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, Waveform},
};

use crate::{
    clip,
    containers::{atom, numbers},
    decode, kept, samples,
};

/// A `QuickTime` track of samples at 16 kHz.
pub(super) struct Track {
    kind: &'static [u8; 4],
    channels: u16,
    bits: u16,
    /// Boxes behind the entry.
    more: Vec<u8>,
    /// Length in milliseconds and start in samples; -1 for a pause.
    edits: Vec<(u32, i32)>,
    pub(super) enabled: bool,
    /// Three letters.
    pub(super) language: &'static [u8; 3],
    data: Vec<u8>,
}

impl Track {
    pub(super) fn new(kind: &'static [u8; 4], bits: u16, data: Vec<u8>) -> Self {
        Self { kind, channels: 1, bits, more: Vec::new(), edits: Vec::new(), enabled: true, language: b"und", data }
    }

    /// The box, for data at byte `at` of the file.
    fn atom(&self, id: u32, at: u32) -> Vec<u8> {
        let count = self.data.len() as u32 / (u32::from(self.bits) / 8 * u32::from(self.channels));
        let entry = [&[0; 6][..], &[0, 1], &[0; 8], &self.channels.to_be_bytes(), &self.bits.to_be_bytes(), &[0; 4]];
        let entry = atom(self.kind, &[&entry.concat(), &numbers(&[16_000 << 16]), &self.more]);
        let table = atom(
            b"stbl",
            &[
                &atom(b"stsd", &[&numbers(&[0, 1]), &entry]),
                &atom(b"stts", &[&numbers(&[0, 1, count, 1])]),
                &atom(b"stsc", &[&numbers(&[0, 1, 1, count, 1])]),
                &atom(b"stsz", &[&numbers(&[0, 1, count])]),
                &atom(b"co64", &[&numbers(&[0, 1, 0, at])]),
            ],
        );
        let edits = self.edits.iter().map(|&(length, start)| numbers(&[length, start.cast_unsigned(), 1 << 16]));
        let list = [numbers(&[0, self.edits.len() as u32]), edits.collect::<Vec<_>>().concat()].concat();
        let language = self.language.iter().fold(0, |sum, letter| sum << 5 | u32::from(letter - 0x60));
        let media = atom(
            b"mdia",
            &[
                &atom(b"mdhd", &[&numbers(&[0, 0, 0, 16_000, count, language << 16])]),
                &atom(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]),
                &atom(b"minf", &[&table]),
            ],
        );
        let header = atom(b"tkhd", &[&numbers(&[u32::from(self.enabled), 0, 0, id]), &[0; 68]]);
        let edits = if self.edits.is_empty() { Vec::new() } else { atom(b"edts", &[&atom(b"elst", &[&list])]) };
        atom(b"trak", &[&header, &edits, &media])
    }
}

/// A file without a `ftyp` box, as old cameras write it: the data first.
pub(super) fn movie(tracks: &[Track]) -> Vec<u8> {
    let data: Vec<&[u8]> = tracks.iter().map(|track| &track.data[..]).collect();
    let mut at = 8 + 8;
    let mut boxes = vec![atom(b"mvhd", &[&numbers(&[0, 0, 0, 1_000, 0]), &[0; 80]])];
    for (id, track) in tracks.iter().enumerate() {
        boxes.push(track.atom(id as u32 + 1, at));
        at += track.data.len() as u32;
    }
    let boxes: Vec<&[u8]> = boxes.iter().map(|atom| &atom[..]).collect();
    [atom(b"wide", &[]), atom(b"mdat", &data), atom(b"moov", &boxes)].concat()
}

/// The speech as samples of 16 bits.
pub(super) fn speech() -> Vec<u8> {
    clip("hi.wav").split_off(44)
}

fn starts(bytes: Vec<u8>) -> Vec<f64> {
    let pieces = AudioOptions::new().reader_from_bytes(bytes, None).expect("a recording");
    pieces.map(|piece| (piece.expect("a piece").start * 1e3).round() / 1e3).collect()
}

#[test]
fn reads_the_samples_of_quicktime() {
    let wanted = samples("hi.wav");
    let little = speech();
    let big: Vec<u8> = little.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    let wide = |swap: bool| -> Vec<u8> {
        little.chunks(2).flat_map(|p| if swap { [p[1], p[0], 0] } else { [0, p[0], p[1]] }).collect()
    };
    assert_eq!(decode(movie(&[Track::new(b"sowt", 16, little.clone())])).expect("a recording").samples(), wanted);
    assert_eq!(decode(movie(&[Track::new(b"twos", 16, big)])).expect("a recording").samples(), wanted);
    assert_eq!(decode(movie(&[Track::new(b"in24", 24, wide(true))])).expect("a recording").samples(), wanted);
    let mut track = Track::new(b"in24", 24, wide(false));
    track.more = atom(b"wave", &[&atom(b"enda", &[&[0, 1]])]);
    assert_eq!(decode(movie(&[track])).expect("a recording").samples(), wanted);
    let mut surround = Track::new(b"sowt", 16, little.chunks(2).flat_map(|pair| [pair, &[0; 4]].concat()).collect());
    surround.channels = 3;
    let first = AudioOptions::new().channel(indic_seamless::audio::Channel::Only(0));
    assert_eq!(first.from_bytes(movie(&[surround]), None).expect("a recording").samples(), wanted);
    for (kind, name) in [(b"ac-3", "AC-3"), (b"drms", "encrypted"), (b"enca", "encrypted"), (b"samr", "AMR-NB")] {
        let refused = decode(movie(&[Track::new(kind, 16, little.clone())]));
        assert!(matches!(&refused, Err(Error::UnsupportedAudio { found, .. }) if found.contains(name)), "{refused:?}");
    }
}

#[test]
fn applies_edits() {
    let wanted = samples("hi.wav");
    let edited = |edits: &[(u32, i32)]| {
        let mut track = Track::new(b"sowt", 16, speech());
        track.edits = edits.to_vec();
        movie(&[track])
    };
    // A pause of five seconds, then all but the first 160 samples.
    let late = edited(&[(5_000, -1), (1_434, 160)]);
    assert_eq!((starts(late.clone())[0], decode(late).expect("a recording").samples()), (5.0, &wanted[160..]));
    // Two parts that were cut out, and a pause between them.
    let parts = edited(&[(256, 0), (1_000, -1), (256, 8_192)]);
    let wanted = [&wanted[..4_096], &wanted[8_192..12_288]].concat();
    assert_eq!(decode(parts.clone()).expect("a recording").samples(), wanted);
    assert_eq!(starts(parts), [0.0, 1.256]);
}

/// A clip of AAC or Opus with other edits.
fn with_edits(name: &str, edits: &[(u32, i32)]) -> Vec<u8> {
    let mut bytes = clip(name);
    let find = |bytes: &[u8], kind: &[u8; 4]| bytes.windows(4).position(|window| window == kind).expect("a box") - 4;
    let at = find(&bytes, b"elst");
    assert!(at > find(&bytes, b"mdat"), "the data comes first: it stays where it is");
    let size = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    let list = edits.iter().map(|&(length, start)| numbers(&[length, start.cast_unsigned(), 1 << 16]));
    let list = atom(b"elst", &[&numbers(&[0, edits.len() as u32]), &list.collect::<Vec<_>>().concat()]);
    let old = size(&bytes, at) as usize;
    bytes.splice(at..at + old, list.iter().copied());
    for kind in [b"moov", b"trak", b"edts"] {
        let at = find(&bytes, kind);
        let new = size(&bytes, at) + list.len() as u32 - old as u32;
        bytes[at..at + 4].copy_from_slice(&new.to_be_bytes());
    }
    bytes
}

/// Compares samples with those of parts. Encoders put noise where none is heard, and decoders make it anew.
fn assert_like(found: &[f32], parts: &[&[f32]], what: &str) {
    let mut rest = found;
    for part in parts {
        let (samples, behind) = rest.split_at_checked(part.len()).expect(what);
        rest = behind;
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        // Samples that are one off correlate less.
        let likeness = |part: &[f32]| product(samples, part) / (product(samples, samples) * product(part, part)).sqrt();
        assert!(likeness(part) > 0.99, "{what}: {}", likeness(part));
        assert!(likeness(&part[1..]) < likeness(part), "{what}");
    }
    assert!(rest.is_empty(), "{what}: {} more", rest.len());
}

#[test]
fn cuts_encoded_tracks_to_the_sample() {
    // What the codec adds at the start, in units of the track; units in a sample at 16 kHz.
    for (name, delay, unit) in [("hi.m4a", 1_024, 1), ("hi_opus.mp4", 312, 3)] {
        let whole = samples(name);
        let at = |sample: usize| delay + (sample * unit) as i32;
        // The middle is cut out.
        let cut = with_edits(name, &[(256, at(0)), (512, at(8_192))]);
        let found = decode(cut.clone()).expect(name);
        assert_like(found.samples(), &[&whole[..4_096], &whole[8_192..16_384]], name);
        assert_eq!(starts(cut.clone()), [0.0], "{name}");
        let reader = AudioOptions::new().reader_from_bytes(cut, None).expect(name);
        assert_eq!(reader.duration_hint().map(|length| length.as_millis()), Some(768), "{name}");
        // The end comes first, then a pause.
        let turned = with_edits(name, &[(320, at(16_000)), (1_000, -1), (256, at(4_096))]);
        let found = decode(turned.clone()).expect(name);
        assert_like(found.samples(), &[&whole[16_000..21_120], &whole[4_096..8_192]], name);
        assert_eq!(starts(turned), [0.0, 1.32], "{name}");
    }
}

#[test]
fn decodes_the_enabled_track() {
    let tracks = |first, second| {
        let mut tracks = [Track::new(b"sowt", 16, vec![0; 32_000]), Track::new(b"sowt", 16, speech())];
        (tracks[0].enabled, tracks[1].enabled) = (first, second);
        decode(movie(&tracks)).map(Waveform::into_samples).expect("a recording")
    };
    assert_eq!(tracks(false, true), samples("hi.wav"));
    assert_eq!(tracks(true, true), vec![0.0; 16_000]);
    assert_eq!(tracks(false, false), vec![0.0; 16_000]);
}

#[test]
fn reads_files_with_something_else_around() {
    let wanted = samples("hi.m4a");
    let bytes = clip("hi.m4a");
    assert_eq!(&bytes[4..8], b"ftyp");
    let mut without = bytes.clone();
    without[4..8].copy_from_slice(b"free");
    assert_eq!(decode(without).expect("a recording").samples(), wanted);
    for tail in [&[0; 12][..], b"TAG", &[1; 200]] {
        assert_eq!(decode([&bytes[..], tail].concat()).expect("a recording").samples(), wanted, "{tail:?}");
    }
}

#[test]
fn keeps_what_there_is_of_the_data() {
    let wanted = samples("hi.wav");
    let data = speech();
    // The table first.
    let late = movie(&[Track::new(b"sowt", 16, data.clone())]);
    let table = &late[8 + 8 + data.len()..];
    let mut track = Track::new(b"sowt", 16, data.clone()).atom(1, table.len() as u32 + 8);
    track.splice(0..0, atom(b"mvhd", &[&numbers(&[0, 0, 0, 1_000, 0]), &[0; 80]]));
    let early = [atom(b"moov", &[&track]), atom(b"mdat", &[&data])].concat();
    assert_eq!(decode(early.clone()).expect("a recording").samples(), wanted);
    let cut = &early[..early.len() - 10_001];
    assert!(matches!(decode(cut), Err(Error::DamagedAudio { .. })));
    let found = kept(cut).expect("a recording");
    assert_eq!(found.samples(), &wanted[..wanted.len() - 5_001]);
    assert!(matches!(found.damage(), [damage] if damage.kind == DamageKind::CutShort), "{:?}", found.damage());
    // Without the table nothing can be decoded.
    let reason = crate::damage(&late[..8 + data.len()]);
    assert!(reason.contains("moov") && reason.contains("did not finish"), "{reason}");
    // A wrong size of the data hides the table.
    let mut wrong = late;
    wrong[8] = 0x40;
    assert_eq!(kept(wrong).expect("a recording").samples(), wanted);
}

#[test]
fn follows_the_times_of_fragments() {
    let shifted = |by: &dyn Fn(usize) -> u64| {
        let mut bytes = clip("hi_fragmented.mp4");
        let times: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"tfdt")).collect();
        for (i, at) in times.into_iter().enumerate() {
            assert_eq!(bytes[at + 4], 1, "64 bits");
            let time = &mut bytes[at + 8..at + 16];
            let moved = u64::from_be_bytes(time.try_into().expect("8 bytes")) + by(i);
            time.copy_from_slice(&moved.to_be_bytes());
        }
        bytes
    };
    assert!((starts(shifted(&|_| 7 * 16_000))[0] - 7.0).abs() < 0.07);
    let gap = starts(shifted(&|i| if i == 0 { 0 } else { 3 * 16_000 }));
    assert!((3.0..3.6).contains(&gap[1]), "{gap:?}");
}

#[test]
fn goes_on_at_the_next_fragment() {
    let (bytes, whole) = (clip("hi_fragmented.mp4"), samples("hi_fragmented.mp4"));
    let find = |kind: &[u8; 4], from: usize| {
        from + bytes[from..].windows(4).position(|window| window == kind).expect("a box") - 4
    };
    let first = find(b"mdat", 0);
    let second = find(b"moof", first);
    let is_named = |bytes: Vec<u8>, what: &str| {
        let found = kept(bytes).expect(what);
        assert!(found.samples() == whole, "{what}: {} of {} samples", found.samples().len(), whole.len());
        assert!(
            matches!(found.damage(), [damage] if damage.kind == DamageKind::Corrupt),
            "{what}: {:?}",
            found.damage()
        );
    };
    // A size that leads behind the file, into another box, or nowhere. One of `moof` that is smaller loses a part of it.
    for (at, bits) in [(first, 0..32_usize), (second, 8..32)] {
        for bit in bits {
            let mut flipped = bytes.clone();
            flipped[at + 3 - bit / 8] ^= 1 << (bit % 8);
            is_named(flipped, &format!("bit {bit} of byte {at}"));
        }
    }
    let mut overwritten = bytes.clone();
    overwritten[first..first + 8].fill(0xff);
    is_named(overwritten, "no header");
    // Larger than any fragment.
    let mut large = bytes.clone();
    large[second] = 4;
    large.resize((1 << 26) + (1 << 14), 0);
    is_named(large, "a large fragment");
}

#[test]
fn names_what_is_missing_of_the_last_fragment() {
    let bytes = clip("hi_fragmented.mp4");
    let last = |kind: &[u8; 4]| bytes.windows(4).rposition(|window| window == kind).expect("a box") - 4;
    let (run, data) = (last(b"trun"), last(b"mdat") + 8);
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    assert_eq!(number(run + 8), 0x301, "an offset, durations and sizes");
    // Only the first sample of the fragment is left, behind whose duration its size stands.
    let mut one = bytes.clone();
    one[run + 12..run + 16].copy_from_slice(&numbers(&[1]));
    let end = data + number(run + 24) as usize;
    for length in [data, data + 1, data + 7, data + 8, end - 1] {
        let found = kept(&one[..length]).expect("a recording");
        let wanted = format!("cut short: {length} of {end} bytes are there");
        assert!(
            matches!(found.damage(), [damage] if damage.reason.starts_with(&wanted)),
            "{wanted}: {:?}",
            found.damage()
        );
    }
}

#[test]
fn billions_of_samples_without_a_size_take_no_time() {
    let mut bytes = clip("hi_fragmented.mp4");
    let first = |kind: &[u8; 4]| bytes.windows(4).position(|window| window == kind).expect("a box");
    let (defaults, run) = (first(b"tfhd"), first(b"trun"));
    // A default size of 0, and a run of samples that all have it.
    bytes[defaults + 16..defaults + 20].fill(0);
    bytes[run + 4..run + 12].copy_from_slice(&numbers(&[1, u32::MAX]));
    let begun = std::time::Instant::now();
    let found = kept(&bytes[..]).expect("the other fragments");
    assert!(begun.elapsed().as_secs() < 10 && found.duration().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn looks_for_a_lost_table_in_a_few_places() {
    // Each of these may be one that reaches to the end.
    let chain = b"\0\0\0\x10free\xff\xff\xff\xffmoov".repeat(1 << 17);
    let bytes = [&atom(b"ftyp", &[b"isom\0\0\0\0"])[..], b"\xff\xff\xff\xffmdat", &chain].concat();
    let start = Instant::now();
    let reason = crate::damage(bytes);
    assert!(reason.contains("moov"), "{reason}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn decodes_the_core_of_he_aac() {
    let bytes = clip("hi.m4a");
    let at = bytes.windows(4).position(|window| window == b"\x05\x80\x80\x80").expect("a configuration") + 5;
    assert_eq!(bytes[at..at + 2], [0x14, 0x08], "AAC-LC, 16 kHz, mono");
    let with = |config: [u8; 4]| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&config);
        bytes
    };
    // HE-AAC of 32 kHz, whose core is what the file has.
    let he = [0b0010_1100, 0b0000_1010, 0b1000_1000, 0];
    assert_eq!(decode(with(he)).expect("a recording").samples(), samples("hi.m4a"));
    let refused = decode(with([0x14, 0x30, 0, 0])).expect_err("5.1").to_string();
    assert!(refused.contains("AAC 5.1") && refused.contains("ffmpeg -i FILE -f wav -"), "{refused}");
}

//! Cues of containers with clocks: sound that starts late, gaps, edits.

use indic_seamless::{
    Transcriber, Waveform,
    subtitles::{SubtitleOptions, srt},
};

use crate::{folder, table::cases, transcribe};

/// How far the start of a cue may be from that of the speech, in seconds.
const NEAR_S: f64 = 0.1;

/// The cases whose times are not those of their samples, or whose sound starts late.
const CLOCKS: [&str; 13] = [
    "mp4_late.mp4",
    "mp4_late_fragments.mp4",
    "mp4_edited.m4a",
    "mp4_gap.m4a",
    "mp4_fragments_late.mp4",
    "mkv_late.mkv",
    "mkv_gap.mkv",
    "mkv_late_gap.mkv",
    "webm_late.webm",
    "webm_gap.webm",
    "webm_gap_vorbis.webm",
    "webm_late_gap.webm",
    "ogg_pause_in_sending.opus",
];

/// The starts of all cues of a SubRip file, in seconds, with their text.
fn starts(srt: &str) -> Vec<(f64, String)> {
    let cue = |cue: &str| {
        let mut lines = cue.lines().skip(1);
        let (start, _) = lines.next()?.split_once(" --> ")?;
        let parts = start.replace(',', ".");
        let seconds = parts.split(':').try_fold(0.0, |sum, part| Some(60.0 * sum + part.parse::<f64>().ok()?))?;
        Some((seconds, lines.collect::<Vec<_>>().join(" ")))
    };
    srt.split_terminator("\n\n").map(|text| cue(text).unwrap_or_else(|| panic!("no cue: {text:?}"))).collect()
}

#[test]
#[ignore = "needs ffmpeg, sox and flac: ci/cases.sh"]
fn cues_start_with_the_speech() {
    let (cases, transcriber) = (cases(), Transcriber::demo().expect("model"));
    let mut wrong = Vec::new();
    for file in CLOCKS {
        let case = cases.iter().find(|case| case.file == file).expect("a row");
        let audio = Waveform::open(folder().join(file)).expect("audio");
        let found = starts(&srt(&transcribe(&transcriber, &audio).segments, &SubtitleOptions::default()));
        let wanted = case.said.phrases();
        let is_right = |(found, wanted): (&(f64, String), &crate::said::Phrase)| {
            (found.0 - wanted.speech.start).abs() < NEAR_S && found.1 == wanted.text
        };
        if found.len() != wanted.len() || !found.iter().zip(&wanted).all(is_right) {
            let off: Vec<String> =
                found.iter().zip(&wanted).map(|(a, b)| format!("{:+.3}", a.0 - b.speech.start)).collect();
            println!("{file}: {off:?} s, {found:?} instead of {wanted:?}");
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

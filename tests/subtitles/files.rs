//! The files: SubRip and WebVTT.

use std::{env, fs, path::Path, process::Command};

use indic_seamless::{
    Language, Segment, TranscribeOptions, Transcriber, Waveform,
    subtitles::{SubtitleOptions, cues, srt, vtt},
};

use crate::{
    samples::SAMPLES,
    speech::{Pace, speech},
};

fn segment(start: f64, end: f64, text: &str) -> Segment {
    Segment { start, end, text: text.to_owned(), ..Segment::default() }
}

#[test]
fn cues_are_numbered_and_silence_has_none() {
    let segments = [segment(0.0, 1.5, "a & c"), segment(2.0, 3.0, " "), segment(3599.9996, 3601.25, "d\n\ne")];
    let options = SubtitleOptions::default();
    assert_eq!(
        srt(&segments, &options),
        "1\n00:00:00,000 --> 00:00:01,500\na & c\n\n2\n01:00:00,000 --> 01:00:01,250\nd e\n\n"
    );
    assert_eq!(
        vtt(&segments, &options),
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\na &amp; c\n\n01:00:00.000 --> 01:00:01.250\nd e\n\n"
    );
}

#[test]
fn text_is_no_markup() {
    let segments = [segment(0.0, 3.0, "a <b> --> {\\an8} 1 < 2 & 3 > 2 &amp;")];
    let options = SubtitleOptions::default();
    let srt = srt(&segments, &options);
    let text = srt.lines().nth(2).expect("text");
    assert_eq!(text, "a <\u{2060}b> --\u{2060}> {\u{2060}\\an8} 1 < 2 & 3 > 2 &amp;");
    assert_eq!(srt.matches("-->").count(), 1);
    let vtt = vtt(&segments, &options);
    assert_eq!(vtt.lines().nth(3), Some("a &lt;b&gt; --&gt; {\\an8} 1 &lt; 2 &amp; 3 &gt; 2 &amp;amp;"));
}

#[test]
fn lines_from_right_to_left_are_embedded() {
    let options = SubtitleOptions { max_line_length: 12, ..SubtitleOptions::default() };
    let lines = |texts: &[&str], file: fn(&[Segment], &SubtitleOptions) -> String| -> Vec<String> {
        let place = |i: i32, text: &str| segment(f64::from(i) * 9.0, f64::from(i) * 9.0 + 3.0, text);
        let segments: Vec<_> = (0..).zip(texts).map(|(i, text)| place(i, text)).collect();
        let file = file(&segments, &options);
        file.lines().filter(|line| line.contains(char::is_alphabetic)).map(str::to_owned).collect()
    };
    // Also where most letters of a cue are Latin.
    let urdu = ["WhatsApp پر پیغام بھیجیں۔", "Good bye.", "کل بارش ہوگی، گھر پر رہیں۔"];
    let wanted = ["WhatsApp پر", "پیغام", "بھیجیں۔", "کل بارش", "ہوگی،", "گھر پر رہیں۔"];
    let (srt_lines, vtt_lines) = (lines(&urdu, srt), lines(&urdu, vtt));
    let embedded: Vec<&str> = srt_lines.iter().filter_map(|line| line.strip_prefix('\u{202b}')).collect();
    assert_eq!(embedded, wanted.map(|line| format!("{line}\u{202c}")));
    assert!(srt_lines.contains(&"Good bye.".to_owned()) && vtt_lines[1..] == srt_lines, "{vtt_lines:?}");
    assert_eq!(
        lines(&["the word کل means tomorrow", "it rains"], srt),
        ["the word کل", "means", "tomorrow", "it rains"]
    );
    // The lines themselves have no marks.
    assert_eq!(cues(&[segment(0.0, 3.0, "کل بارش")], &options)[0].lines, ["کل بارش"]);
}

#[test]
fn a_cue_is_where_the_speech_is() {
    let clip =
        Waveform::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/audio/hindi-1.wav")).expect("clip");
    let samples = [&vec![0.0; 16_000][..], clip.samples(), &vec![0.0; 16_000]].concat();
    let recording = Waveform::from_samples(samples, 16_000).expect("samples");
    let transcriber = Transcriber::demo().expect("model");
    let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
    let segments = transcriber.transcribe_with(&recording, Language::HINDI, options).expect("text").segments;
    let cues = cues(&segments, &SubtitleOptions::default());
    assert_eq!(cues[0].lines, ["कृपया आज का मौसम"]);
    // The clip is a second of silence later; its speech begins after 0.08 s and ends with it, after 1.23 s.
    assert!((cues[0].start - 1.08).abs() < 0.15 && (cues[0].end - 2.23).abs() < 0.15, "{cues:?}");
}

/// Five clips three times over, with two seconds of silence before each, and the demo model's segments.
fn long_recording() -> Vec<Segment> {
    let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/audio");
    let mut samples = Vec::new();
    for language in ["bengali", "english", "hindi", "tamil", "telugu"].repeat(3) {
        samples.extend([0.0; 2 * 16_000]);
        samples.extend(Waveform::open(clips.join(format!("{language}-1.wav"))).expect("clip").samples());
    }
    let recording = Waveform::from_samples(samples, 16_000).expect("samples");
    let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
    let transcriber = Transcriber::demo().expect("model");
    transcriber.transcribe_with(&recording, Language::HINDI, options).expect("text").segments
}

#[test]
#[ignore = "needs Python packages: ci/subtitles.sh"]
fn other_parsers_read_the_files() {
    let python = env::var("SUBTITLES_PYTHON").expect("SUBTITLES_PYTHON");
    let dir = tempfile::tempdir().expect("folder");
    let options = SubtitleOptions::default();
    let mut recordings = vec![
        ("long".to_owned(), long_recording()),
        (
            "markup".to_owned(),
            vec![segment(0.0, 3.0, "a <b>c</b> --> {\\an8} 00:00:01,000 --> 00:00:02,000 & &amp; 3 > 2")],
        ),
    ];
    for (code, spaced, text) in SAMPLES {
        recordings.extend((0..20).map(|seed| (format!("{code}-{seed}"), speech(text, spaced, Pace::Wild, seed))));
    }
    for (name, segments) in &recordings {
        let of = |extension: &str| dir.path().join(format!("{name}.{extension}"));
        fs::write(of("srt"), srt(segments, &options)).expect("write");
        fs::write(of("vtt"), vtt(segments, &options)).expect("write");
        let wanted: Vec<_> = cues(segments, &options).into_iter().map(|cue| (cue.start, cue.end, cue.lines)).collect();
        fs::write(of("json"), serde_json::to_vec(&wanted).expect("JSON")).expect("write");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/subtitles/parse.py");
    let output = Command::new(python).arg(script).arg(dir.path()).output().expect("python");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains(&format!("{} recordings", recordings.len())), "{out}\n{err}");
}

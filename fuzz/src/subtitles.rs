//! Subtitles of any transcript: in order, within their limits, with all of the text; and every other output format.

use indic_seamless::{
    Language, OutputFormat, Segment, Timings, Transcript, Word,
    subtitles::{Cue, SubtitleOptions, cues},
};

use crate::input::Input;

/// Cuts a transcript with times of any kind into cues.
pub(crate) fn subtitles(data: &[u8]) {
    let mut input = Input(data);
    let options = SubtitleOptions {
        max_line_length: input.choose(&[42, 0, 1, 5, 32, 80]),
        max_lines: input.choose(&[2, 0, 1, 3]),
        max_reading_speed: input.choose(&[20.0, 0.0, 5.0, f64::INFINITY]),
        min_duration_s: input.choose(&[1.0, 0.0, 0.5, 3.0]),
        max_duration_s: input.choose(&[7.0, 0.0, 0.4, 2.0]),
    };
    let language = input.choose(&["hin", "eng", "cmn", "tha", "urd"]).parse().unwrap_or(Language::HINDI);
    let mut segments = Vec::new();
    while !input.is_empty() && segments.len() < 50 {
        segments.push(segment(&mut input));
    }
    let cues = cues(&segments, &options);
    check(&cues, &segments, &options);
    let transcript = Transcript::new(1e6, language, segments, Timings::default());
    for format in OutputFormat::ALL {
        drop(format.render(&transcript, &options));
    }
    // Numbers that are not finite are null in JSON, which is no number.
    let json = serde_json::to_string(&transcript).expect("JSON");
    if let Ok(read) = serde_json::from_str::<Transcript>(&json) {
        assert_eq!(read.text, transcript.text);
    }
}

fn time(input: &mut Input<'_>) -> f64 {
    let factor = input.choose(&[10.0, 0.0, 1.0, 1000.0, 1e9, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-9]);
    factor * input.share()
}

fn text(input: &mut Input<'_>) -> String {
    let length = input.byte() % 64;
    String::from_utf8_lossy(input.take(length.into())).into_owned()
}

fn segment(input: &mut Input<'_>) -> Segment {
    let text_of_segment = text(input);
    let start = time(input);
    let words = match input.byte() {
        0..128 => Vec::new(),
        // The words of the text, with any times.
        _ => {
            let word =
                |text: &str| Word { text: text.to_owned(), start: time(input), end: time(input), confidence: 1.0 };
            text_of_segment.split_whitespace().map(word).collect()
        }
    };
    let speaker = input.choose(&[None, Some(1), Some(2)]);
    Segment { start, end: time(input), text: text_of_segment, words, speaker, ..Segment::default() }
}

fn check(cues: &[Cue], segments: &[Segment], options: &SubtitleOptions) {
    for cue in cues {
        assert!(cue.start >= 0.0 && cue.start <= cue.end && cue.end.is_finite(), "{cue:?}");
        assert!(!cue.lines.is_empty() && cue.lines.len() <= options.max_lines.max(1), "{cue:?}");
        assert!(cue.lines.iter().all(|line| !line.is_empty() && !line.contains(['\n', '\r'])), "{cue:?}");
    }
    assert!(cues.is_sorted_by(|a, b| a.start <= b.start), "{cues:?}");
    for speaker in [None, Some(1), Some(2)] {
        let own: Vec<&Cue> = cues.iter().filter(|cue| cue.speaker == speaker).collect();
        for pair in own.windows(2) {
            assert!(pair[0].end <= pair[1].start, "{pair:?}");
        }
        let letters = |text: &str| -> Vec<char> { text.chars().filter(|c| !c.is_whitespace()).collect() };
        let said = segments.iter().filter(|segment| segment.speaker == speaker).map(|segment| &*segment.text);
        let said: Vec<char> = said.flat_map(letters).collect();
        let shown: Vec<char> = own.iter().flat_map(|cue| &cue.lines).flat_map(|line| letters(line)).collect();
        assert_eq!(shown, said, "{speaker:?}");
    }
}

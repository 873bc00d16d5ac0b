//! Where cues begin, end and are broken into lines.

use indic_seamless::{
    Segment, Word,
    subtitles::{Cue, SubtitleOptions, cues},
};

/// A segment of words, each with its start and end in seconds.
fn spoken(words: &[(&str, f64, f64)]) -> Segment {
    let word = |&(text, start, end): &(&str, f64, f64)| Word { text: text.to_owned(), start, end, confidence: 1.0 };
    let text: Vec<&str> = words.iter().map(|word| word.0).collect();
    let end = words.last().map_or(0.0, |word| word.2);
    Segment { end, text: text.join(" "), words: words.iter().map(word).collect(), ..Segment::default() }
}

/// A segment of which only the start and the end are known.
fn segment(start: f64, end: f64, text: &str) -> Segment {
    Segment { start, end, text: text.to_owned(), ..Segment::default() }
}

/// Words one after the other, half a second each; a number among them is a pause in seconds.
fn steady(text: &str) -> Segment {
    let mut time = 0.0;
    let mut words = Vec::new();
    for word in text.split(' ') {
        if let Ok(pause) = word.parse::<f64>() {
            time += pause;
        } else {
            words.push((word, time, time + 0.5));
            time += 0.5;
        }
    }
    spoken(&words)
}

fn default_cues(segments: &[Segment]) -> Vec<Cue> {
    cues(segments, &SubtitleOptions::default())
}

fn texts(cues: &[Cue]) -> Vec<String> {
    cues.iter().map(|cue| cue.lines.join("/")).collect()
}

fn times(cues: &[Cue]) -> Vec<(f64, f64)> {
    cues.iter().map(|cue| (cue.start, cue.end)).collect()
}

#[test]
fn a_cue_is_shown_when_its_words_are_spoken() {
    let found = default_cues(&[spoken(&[("one", 8.1, 8.5), ("two", 8.6, 9.3)])]);
    assert_eq!((times(&found), texts(&found)), (vec![(8.1, 9.3)], vec!["one two".to_owned()]));
    // Words that are not those of the text are of no use.
    let mut other = spoken(&[("one", 8.1, 8.5), ("two", 8.6, 9.3)]);
    (other.start, other.text) = (8.0, "one three".to_owned());
    assert_eq!(times(&default_cues(&[other])), [(8.0, 9.3)]);
    let mut unknown = spoken(&[("one", f64::NAN, 8.5), ("two", 8.6, 9.3)]);
    unknown.start = 8.0;
    assert_eq!(times(&default_cues(&[unknown])), [(8.0, 9.3)]);
}

#[test]
fn a_cue_ends_at_a_pause() {
    assert_eq!(texts(&default_cues(&[steady("a b c 0.6 d e f 0.4 g h")])), ["a b c", "d e f g h"]);
    // Also where one segment ends and another begins at once.
    let mut second = steady("c d e");
    second.words.iter_mut().for_each(|word| (word.start, word.end) = (word.start + 1.0, word.end + 1.0));
    assert_eq!(texts(&default_cues(&[steady("a b"), second])), ["a b c d e"]);
}

#[test]
fn a_cue_ends_at_the_end_of_a_sentence() {
    for (text, wanted) in [
        ("It rains a lot. We stay at home.", &["It rains a lot.", "We stay at home."][..]),
        ("कल बारिश होगी। हम घर पर रहेंगे॥ धन्यवाद आप सबको", &["कल बारिश होगी।", "हम घर पर रहेंगे॥", "धन्यवाद आप सबको"]),
        ("آپ کیسے ہیں؟ میں ٹھیک ہوں۔ شکریہ آپ کا", &["آپ کیسے ہیں؟", "میں ٹھیک ہوں۔", "شکریہ آپ کا"]),
        (
            "\"Will it rain?\" she asked. (I hope not!) Well… we will see",
            &["\"Will it rain?\" she asked.", "(I hope not!)", "Well… we will see"],
        ),
        ("bread, milk etc. and more", &["bread, milk etc. and more"]),
        ("version 3.5 is out", &["version 3.5 is out"]),
    ] {
        let words: Vec<_> =
            text.split(' ').enumerate().map(|(i, w)| (w, 0.5 * i as f64, 0.5 * (i + 1) as f64)).collect();
        assert_eq!(texts(&default_cues(&[spoken(&words)])), wanted);
    }
    let chinese = segment(0.0, 8.0, "今天天气很好。我们去公园吧！「好吗？」他说。");
    assert_eq!(texts(&default_cues(&[chinese])), ["今天天气很好。", "我们去公园吧！", "「好吗？」", "他说。"]);
}

#[test]
fn pauses_and_sentences_come_before_the_length_of_lines() {
    // Two lines of 16 hold seven words. The sentence ends behind four, the pause is behind three of the rest.
    let options = SubtitleOptions { max_line_length: 16, ..SubtitleOptions::default() };
    let found = cues(&[steady("Four four four end. Four four four 0.3 four four four four")], &options);
    assert_eq!(texts(&found), ["Four four/four end.", "Four four four", "four four/four four"]);
    // Of two pauses inside a text that is too long, the longer one is taken.
    let found = cues(&[steady("aaaa bbbb cccc 0.2 dddd 0.4 eeee ffff gggg")], &options);
    assert_eq!(texts(&found), ["aaaa bbbb/cccc dddd", "eeee ffff gggg"]);
    // Without either, behind a comma; without that, in the middle.
    let found = cues(&[steady("aaaa bbbb cccc, dddd eeee ffff gggg hhhh")], &options);
    assert_eq!(texts(&found), ["aaaa bbbb cccc,", "dddd eeee ffff/gggg hhhh"]);
    let found = cues(&[steady("aaaa bbbb cccc dddd eeee ffff gggg hhhh")], &options);
    assert_eq!(texts(&found), ["aaaa bbbb/cccc dddd", "eeee ffff/gggg hhhh"]);
}

#[test]
fn a_cue_that_would_be_too_short_is_joined_to_its_neighbour() {
    let yes = [("Yes.", 0.0, 0.3), ("It", 0.3, 0.5), ("rains", 0.5, 1.0), ("today.", 1.0, 1.6)];
    assert_eq!(texts(&default_cues(&[spoken(&yes)])), ["Yes. It rains today."]);
    // Across a pause, if the cue cannot stay long enough.
    let pause = [("Yes", 0.0, 0.2), ("it", 0.8, 1.0), ("rains", 1.0, 1.6), ("a", 1.6, 1.8), ("lot", 1.8, 2.4)];
    assert_eq!(texts(&default_cues(&[spoken(&pause)])), ["Yes it rains a lot"]);
    // It can stay long enough: the pause after it is long.
    let late = [("Yes", 0.0, 0.2), ("it", 1.1, 1.3), ("rains", 1.3, 1.9), ("a", 1.9, 2.1), ("lot", 2.1, 2.7)];
    let found = default_cues(&[spoken(&late)]);
    assert_eq!(
        (texts(&found), times(&found)),
        (vec!["Yes".to_owned(), "it rains a lot".to_owned()], vec![(0.0, 1.0), (1.1, 2.7)])
    );
    // There is no room for both: the cue ends where the next one begins.
    let narrow = SubtitleOptions { max_line_length: 5, max_lines: 1, ..SubtitleOptions::default() };
    let found = cues(&[spoken(&[("First", 0.0, 0.4), ("again", 0.4, 2.0)])], &narrow);
    assert_eq!(times(&found), [(0.0, 0.4), (0.4, 2.0)]);
}

#[test]
fn cues_stay_until_they_can_be_read() {
    let segments = [segment(0.0, 0.2, "twenty letters here."), segment(1.8, 1.9, "xxxxx"), segment(8.0, 8.1, "y")];
    let options = SubtitleOptions { max_reading_speed: 5.0, ..SubtitleOptions::default() };
    assert_eq!(times(&cues(&segments, &options)), [(0.0, 1.8), (1.8, 2.8), (8.0, 9.0)]);
    let slow = SubtitleOptions { max_reading_speed: 1.0, ..SubtitleOptions::default() };
    assert_eq!(times(&cues(&segments[1..], &slow)), [(1.8, 6.8), (8.0, 9.0)]);
    assert_eq!(times(&cues(&segments[..1], &slow)), [(0.0, 7.0)]);
}

#[test]
fn no_cue_lasts_longer_than_seven_seconds() {
    let long = [("Oh", 1.0, 2.0), ("no", 2.0, 30.0), ("it", 30.0, 30.5), ("rains", 30.5, 31.5)];
    let found = default_cues(&[spoken(&long)]);
    assert_eq!(
        (texts(&found), times(&found)),
        (vec!["Oh".to_owned(), "no".to_owned(), "it rains".to_owned()], vec![(1.0, 2.0), (2.0, 9.0), (30.0, 31.5)],)
    );
    // Without words, the time is divided by the length of the text.
    let words = "one two three four five six seven eight nine ten eleven twelve";
    let found = default_cues(&[segment(10.0, 22.0, words)]);
    assert_eq!((found.len(), found[0].start, found[1].end), (2, 10.0, 22.0));
    assert_eq!(found[0].end, found[1].start);
    assert!((15.0..17.0).contains(&found[0].end), "{found:?}");
    let found = default_cues(&[segment(0.0, 60.0, "two words")]);
    assert_eq!(times(&found), [(0.0, 7.0), (22.5, 29.5)]);
    let unlimited = SubtitleOptions { max_duration_s: 0.0, ..SubtitleOptions::default() };
    assert_eq!(times(&cues(&[segment(0.0, 60.0, "two words")], &unlimited)), [(0.0, 60.0)]);
}

#[test]
fn lines_are_even_and_a_long_word_has_its_own() {
    let lines = |text: &str, max_line_length: usize| -> Vec<String> {
        let options = SubtitleOptions { max_line_length, max_lines: 9, ..SubtitleOptions::default() };
        cues(&[segment(0.0, 5.0, text)], &options).into_iter().flat_map(|cue| cue.lines).collect()
    };
    assert_eq!(lines("tomorrow rain", 10), ["tomorrow", "rain"]);
    assert_eq!(lines("we will see tomorrow rain", 7), ["we will", "see", "tomorrow", "rain"]);
    assert_eq!(lines("नमस्ते दुनिया", 4), ["नमस्ते", "दुनिया"]);
    assert_eq!(lines("aa bb cc dd", 8), ["aa bb", "cc dd"]);
    assert_eq!(lines("ab cd", 0), ["ab cd"]);
    assert_eq!(lines("  ", 5), [""; 0]);
    // Each Chinese character is as wide as two Latin letters.
    assert_eq!(lines("今天天气很好，我们去公园玩", 16), ["今天天气很好，", "我们去公园玩"]);
    assert_eq!(lines("วันนี้อากาศดีมาก", 7), ["วันนี้", "อากาศ", "ดีมาก"]);
}

#[test]
fn segments_without_blanks_are_joined_without_them() {
    let found = default_cues(&[segment(0.0, 0.5, "今天"), segment(0.5, 2.0, "天气很好"), segment(2.0, 2.6, "OK")]);
    assert_eq!(texts(&found), ["今天天气很好 OK"]);
}

#[test]
fn words_may_be_cut_otherwise_than_the_text() {
    // Words of a recogniser that are no words: the cue begins where its first character is spoken.
    let mut chinese = spoken(&[("今天天", 1.0, 2.5), ("气很好。我", 2.5, 5.0), ("们去公园。", 5.0, 6.0)]);
    chinese.text = "今天天气很好。我们去公园。".to_owned();
    let found = default_cues(&[chinese]);
    assert_eq!(
        (texts(&found), times(&found)),
        (vec!["今天天气很好。".to_owned(), "我们去公园。".to_owned()], vec![(1.0, 4.5), (4.5, 6.0)],)
    );
    // Clean-up joins what the words have apart.
    let mut english = spoken(&[("it", 0.0, 0.5), ("'s", 0.5, 0.8), ("here", 0.8, 1.5)]);
    english.text = "it's here".to_owned();
    assert_eq!(times(&default_cues(&[english])), [(0.0, 1.5)]);
}

#[test]
fn times_beyond_any_recording_keep_their_order() {
    for late in [1e300, f64::MAX, 1e17] {
        let found = default_cues(&[segment(late, late, "one two."), segment(late, late, "Three four five.")]);
        assert_eq!(texts(&found).join(" "), "one two. Three four five.", "{late}");
        assert!(found.iter().all(|cue| cue.start < cue.end), "{late}: {found:?}");
        assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{late}: {found:?}");
    }
}

#[test]
fn options_that_make_no_sense_do_no_harm() {
    let segments =
        [segment(1.0, 2.0, "one two"), segment(f64::NAN, f64::NEG_INFINITY, "three"), segment(4.0, 3.0, "four")];
    for odd in [f64::NAN, -1.0, f64::INFINITY, f64::MAX, 1e-9] {
        let options =
            SubtitleOptions { max_reading_speed: odd, min_duration_s: odd, max_duration_s: odd, ..Default::default() };
        let found = cues(&segments, &options);
        assert_eq!(texts(&found).join(" "), "one two three four", "{odd}");
        assert!(found.iter().all(|cue| cue.start < cue.end), "{odd}: {found:?}");
        assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start), "{odd}: {found:?}");
    }
}

//! Long recordings: segmentation, batches, streams, cancellation, word times.

#[path = "../common/mod.rs"]
mod common;
mod made;
mod padding;
mod segments;

use std::{
    io::{self, Cursor, Read, Write},
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use indic_seamless::{
    AudioOptions, CancelToken, Error, Flag, GenerationConfig, Language, PipeFormat, Progress, Retry, Segment,
    Segmentation, StopReason, TokenEvent, TranscribeOptions, Transcriber, Transcript, Waveform,
    features::{FeatureBatch, Features},
    segmentation::SegmentationOptions,
};

use self::made::{CLIPS, RATE, Random, Spoken, recording};

fn hindi() -> Language {
    Language::HINDI
}

fn transcribe(transcriber: &Transcriber, audio: &Waveform, options: TranscribeOptions<'_>) -> Transcript {
    transcriber.transcribe_with(audio, hindi(), options).expect("text")
}

/// The Levenshtein distance.
fn edits(found: &[String], wanted: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, word) in found.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in wanted.iter().enumerate() {
            let here = (corner + usize::from(word != other)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], here);
        }
    }
    row[wanted.len()]
}

/// Compares segments; scores may differ by rounding.
fn same(a: &[Segment], b: &[Segment]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!((a.start, a.end, &a.text, &a.tokens), (b.start, b.end, &b.text, &b.tokens));
        assert!((a.score - b.score).abs() < 1e-5, "{} {}", a.score, b.score);
    }
}

#[test]
fn each_clip_of_a_long_recording_is_a_segment() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, spoken) = recording(4);
    let transcript = transcribe(&transcriber, &audio, TranscribeOptions::default());
    assert!(audio.duration() > Duration::from_secs(120) && transcript.timings.segmentation_ms > 0.0);
    let texts = common::example_texts();
    let found: Vec<&str> = transcript.segments.iter().map(|segment| segment.text.as_str()).collect();
    let wanted: Vec<&str> = spoken.iter().map(|spoken| texts[spoken.clip]["hin"].as_str()).collect();
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    let words = |texts: &[&str]| texts.join(" ").split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (errors, all) = (edits(&words(&found), &words(&wanted)), words(&wanted).len());
    // Transcribed one by one, all clips are right.
    assert!(100 * errors <= all, "{errors} errors in {all} words: {found:?}");
    assert_eq!(transcript.text, found.join(" "));
    let (mut off, mut music) = (Vec::new(), 0);
    for (number, (segment, Spoken { clip, speech })) in transcript.segments.iter().zip(&spoken).enumerate() {
        let errors = [(number, segment.start - speech.start), (number + 1, segment.end - speech.end)];
        for (gap, error) in errors {
            // Music next to a word may be taken for a part of it.
            let is_music = gap % 4 == 3;
            assert!(error.abs() < if is_music { 0.8 } else { 0.3 }, "{clip}: {error:+.3} s");
            music += usize::from(is_music);
            off.extend((error.abs() >= 0.3).then_some((clip, error)));
        }
        assert!(segment.flags.is_empty() && segment.words.is_empty());
    }
    assert!(2 * off.len() < music, "of {music} boundaries at music not within 0.3 s: {off:?}");
}

#[test]
fn a_batch_gives_what_single_runs_give() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(2);
    for num_beams in [1, 3] {
        let generation = GenerationConfig { num_beams, ..transcriber.checkpoint().generation().clone() };
        let run = |batch_size| {
            let generation = Some(generation.clone());
            transcribe(&transcriber, &audio, TranscribeOptions { generation, batch_size, ..Default::default() })
                .segments
        };
        let single = run(Some(1));
        assert_eq!(single.len(), 20);
        for batch in [None, Some(3), Some(100)] {
            same(&run(batch), &single);
        }
    }
}

#[test]
fn a_stream_gives_the_segments_as_they_are_closed() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, spoken) = recording(1);
    let whole = transcribe(&transcriber, &audio, TranscribeOptions::default());
    let options = TranscribeOptions::default();
    let mut stream = transcriber.stream(hindi(), options).expect("stream");
    // Twice: a stream can be reused after its end.
    for _ in 0..2 {
        let mut found = Vec::new();
        let mut random = Random(9);
        let mut rest = audio.samples();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(1 + (random.next().abs() * 30_000.0) as usize));
            rest = more;
            for segment in stream.feed(piece).expect("text") {
                // The pause of half a second and the lag of the detector.
                let late = stream.position() - segment.end;
                assert!(late < 1.0 + piece.len() as f64 / RATE, "{late:.2} s late");
                found.push(segment);
            }
        }
        found.extend(stream.finish().expect("text"));
        assert_eq!(found.len(), spoken.len());
        same(&found, &whole.segments);
    }
    let error = stream.feed(&[0.0, f32::NAN]).expect_err("no number");
    assert!(matches!(error, Error::InvalidSample { index: 1, .. }), "{error}");
    let none = TranscribeOptions { segmentation: Segmentation::None, ..Default::default() };
    assert!(matches!(transcriber.stream(hindi(), none), Err(Error::InvalidOption { option: "segmentation", .. })));
}

#[test]
fn a_reader_gives_what_the_whole_recording_gives() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(1);
    let wav = common::wav(audio.samples());
    // With the samples rounded to 16 bits.
    let audio = Waveform::from_bytes(wav.clone(), None).expect("audio");
    let whole = transcribe(&transcriber, &audio, TranscribeOptions::default());
    let reader = || AudioOptions::new().reader_from_bytes(wav.clone(), None).expect("audio");
    let read = transcriber.transcribe_reader(reader(), hindi(), TranscribeOptions::default()).expect("text");
    assert_eq!((read.duration_s, &read.text), (whole.duration_s, &whole.text));
    same(&read.segments, &whole.segments);

    // A short recording stays whole unless cutting is requested.
    let clip = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let short = |segmentation| {
        let reader = AudioOptions::new().reader(common::example("hindi-1.wav")).expect("audio");
        let options = TranscribeOptions { segmentation, ..Default::default() };
        transcriber.transcribe_reader(reader, hindi(), options).expect("text")
    };
    let wholly = short(Segmentation::default());
    same(&wholly.segments, &transcribe(&transcriber, &clip, TranscribeOptions::default()).segments);
    assert_eq!((wholly.segments[0].start, wholly.segments[0].end), (0.0, clip.duration().as_secs_f64()));
    let cut = short(Segmentation::Always(SegmentationOptions::default()));
    assert_eq!((&cut.text, cut.segments.len()), (&wholly.text, 1));
    let padded = [&[0.0; 16_000], clip.samples(), &[0.0; 16_000]].concat();
    let reader = AudioOptions::new().reader_from_bytes(common::wav(&padded), None).expect("audio");
    let segmentation = Segmentation::Always(SegmentationOptions::default());
    let options = TranscribeOptions { segmentation, ..Default::default() };
    let cut = transcriber.transcribe_reader(reader, hindi(), options).expect("text");
    assert_eq!(cut.text, wholly.text);
    assert!(cut.segments[0].start > 0.8 && cut.segments[0].end < cut.duration_s - 0.8, "{:?}", cut.segments);
}

#[test]
fn silence_and_noise_give_no_segment_and_cost_no_decoding() {
    let transcriber = Transcriber::demo().expect("model");
    let mut random = Random(3);
    let noise = |n: usize, random: &mut Random| -> Vec<f32> { (0..n).map(|_| 0.05 * random.next()).collect() };
    let audio = [vec![0.0; 480_000], noise(480_000, &mut random)].concat();
    let audio = Waveform::from_samples(audio, 16_000).expect("samples");
    let transcript = transcribe(&transcriber, &audio, TranscribeOptions::default());
    assert_eq!((transcript.text.as_str(), transcript.segments.len()), ("", 0));
    assert_eq!((transcript.timings.encoder_ms, transcript.timings.new_tokens), (0.0, 0));
    assert_eq!(transcript.duration_s, 60.0);
}

#[test]
fn what_was_finished_before_a_stop_is_returned() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(2);
    let whole = transcribe(&transcriber, &audio, TranscribeOptions::default()).segments;

    // Cancelled in the middle of a step, after some segments.
    let cancel = CancelToken::new();
    let (finished, after) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut on_segment = |_: &Segment| {
        finished.fetch_add(1, Ordering::Relaxed);
    };
    let mut on_token = |_: TokenEvent| {
        if cancel.is_cancelled() {
            after.fetch_add(1, Ordering::Relaxed);
        } else if finished.load(Ordering::Relaxed) >= 3 {
            cancel.cancel();
        }
    };
    let options = TranscribeOptions {
        cancel: cancel.clone(),
        on_segment: Some(&mut on_segment),
        on_token: Some(&mut on_token),
        ..Default::default()
    };
    let error = transcriber.transcribe_with(&audio, hindi(), options).expect_err("cancelled");
    let Error::Stopped { reason: StopReason::Cancelled, partial: Some(partial) } = error else { panic!("{error}") };
    // At most the tokens of the same step for the rest of the batch, 15 segments.
    assert!(after.load(Ordering::Relaxed) < 16);
    assert!((3..whole.len()).contains(&partial.segments.len()), "{}", partial.segments.len());
    assert_eq!(partial.segments.len(), finished.load(Ordering::Relaxed));
    assert!(partial.segments.iter().all(|segment| whole.contains(segment)));
    assert!(partial.segments.windows(2).all(|pair| pair[0].end <= pair[1].start));

    // A deadline that has passed, and one that passes during the work.
    let before = Instant::now();
    for deadline in [before, before + Duration::from_millis(5)] {
        let options = TranscribeOptions { deadline: Some(deadline), ..Default::default() };
        let error = transcriber.transcribe_with(&audio, hindi(), options).expect_err("late");
        let Error::Stopped { reason: StopReason::Deadline, partial: Some(partial) } = error else { panic!("{error}") };
        assert!(partial.segments.len() < whole.len());
    }
}

#[test]
fn a_silent_pipe_is_not_waited_for() {
    let transcriber = Transcriber::builder().threads(1).build_demo().expect("model");
    let (pipe, mut microphone) = std::io::pipe().expect("pipe");
    microphone.write_all(&[0; 32_000]).expect("a second");
    let reader = AudioOptions::new().reader_from_pipe(pipe, PipeFormat::Pcm16 { rate: 16_000, channels: 1 });
    let deadline = Some(Instant::now() + Duration::from_millis(50));
    let options = TranscribeOptions { deadline, ..Default::default() };
    let stopped = transcriber.transcribe_reader(reader.expect("reader"), hindi(), options);
    assert!(matches!(stopped, Err(Error::Stopped { reason: StopReason::Deadline, .. })), "{stopped:?}");

    // Other calls do not wait for it either, even with a single thread.
    let (pipe, microphone) = std::io::pipe().expect("pipe");
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let reader = AudioOptions::new().reader_from_pipe(pipe, PipeFormat::Pcm16 { rate: 16_000, channels: 1 });
            let options = TranscribeOptions { cancel: cancel.clone(), ..Default::default() };
            transcriber.transcribe_reader(reader.expect("reader"), hindi(), options)
        });
        let clip = Waveform::open(common::example("hindi-1.wav")).expect("clip");
        assert_eq!(transcriber.transcribe(&clip, hindi()).expect("text").text, "कृपया आज का मौसम");
        cancel.cancel();
        assert!(matches!(waiting.join().expect("no panic"), Err(Error::Stopped { .. })));
    });
    drop(microphone);
}

#[test]
fn the_encoder_can_be_broken_off_between_blocks() {
    let transcriber = Transcriber::demo().expect("model");
    let features = Features::extract(Waveform::open(common::example("hindi-1.wav")).expect("clip").samples());
    let features = FeatureBatch::new(&[features.expect("features")], 0.0);
    let mut blocks = 0;
    let encoded = transcriber.model().encode_inspected(&features, &mut |_, _| {
        blocks += 1;
        if blocks == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(encoded.is_break() && blocks == 3, "{blocks} blocks");
}

#[test]
fn progress_goes_on_to_the_end() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(4);
    let length = audio.duration().as_secs_f64();
    let mut seen: Vec<Progress> = Vec::new();
    let mut on_progress = |progress| seen.push(progress);
    let options = TranscribeOptions { on_progress: Some(&mut on_progress), ..Default::default() };
    transcribe(&transcriber, &audio, options);
    assert!(seen.len() > 5 && seen.windows(2).all(|pair| pair[0].done_s <= pair[1].done_s), "{seen:?}");
    assert!(seen.iter().all(|progress| progress.total_s == Some(length)));
    assert_eq!(seen.last().and_then(|last| last.share()), Some(1.0));
}

#[test]
fn words_are_those_of_the_text_in_the_order_of_time() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(1);
    for language in ["ben", "eng", "hin", "tam", "tel"] {
        let options = TranscribeOptions { words: true, ..Default::default() };
        let language = language.parse().expect("language");
        let transcript = transcriber.transcribe_with(&audio, language, options).expect("text");
        for segment in &transcript.segments {
            let words: Vec<&str> = segment.words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(words, segment.text.split(' ').collect::<Vec<_>>());
            assert!(segment.words.iter().all(|word| segment.start <= word.start && word.end <= segment.end));
            assert!(segment.words.iter().all(|word| word.start <= word.end && (0.0..=1.0).contains(&word.confidence)));
            assert!(segment.words.windows(2).all(|pair| pair[0].end <= pair[1].start + 1e-9), "{:?}", segment.words);
        }
    }
}

#[test]
fn loops_and_limits_are_flagged_and_loops_are_searched_again() {
    let golden = common::golden_dir().join("tiny").join("model");
    let transcriber = Transcriber::from_dir(golden).expect("model");
    let language = transcriber.checkpoint().languages().next().expect("language").parse().expect("language");
    // A model with random weights loops when it is forced to go on.
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let generation =
        GenerationConfig { min_new_tokens: 199, max_new_tokens: 200, ..transcriber.checkpoint().generation().clone() };
    let run = |retry, generation: &GenerationConfig| {
        let options = TranscribeOptions { retry, generation: Some(generation.clone()), ..Default::default() };
        transcriber.transcribe_with(&audio, language, options).expect("text").segments.remove(0)
    };
    let plain = run(Retry::Auto, &generation);
    assert_eq!(plain, run(Retry::Never, &generation));
    assert!(plain.flags.contains(&Flag::RunAway) && !plain.flags.contains(&Flag::Retried), "{:?}", plain.flags);
    assert!(plain.flags.contains(&Flag::Truncated) && plain.tokens.len() == 202);

    let again = run(Retry::Always, &generation);
    assert_eq!(again.flags[0], Flag::Retried);
    assert!(!again.flags.contains(&Flag::Loop), "{:?}", again.flags);
    let mut four: Vec<&[u32]> = again.tokens.windows(4).collect();
    four.sort_unstable();
    assert!(four.windows(2).all(|pair| pair[0] != pair[1]), "four tokens came twice");

    // A text that cannot end. Nobody says more than 56 tokens in 1.2 s.
    let suppress_tokens = generation.eos_token_id.clone();
    let endless = GenerationConfig { min_new_tokens: 0, max_new_tokens: 100, suppress_tokens, ..generation.clone() };
    let again = run(Retry::Always, &endless);
    assert_eq!((again.flags, again.tokens.len()), (vec![Flag::Retried, Flag::RunAway, Flag::Truncated], 2 + 57));
    // What is already without repetitions is not searched again, and so not cut short either.
    let strict = GenerationConfig { no_repeat_ngram_size: 4, ..endless };
    let only = run(Retry::Always, &strict);
    assert_eq!(only, run(Retry::Never, &strict));
    assert_eq!((only.flags, only.tokens.len()), (vec![Flag::RunAway, Flag::Truncated], 2 + 100));

    let short = GenerationConfig { min_new_tokens: 3, max_new_tokens: 3, ..generation };
    assert_eq!(run(Retry::Always, &short).flags, [Flag::Truncated]);
}

#[test]
fn the_spoken_language_is_guessed() {
    let transcriber = Transcriber::demo().expect("model");
    for clip in CLIPS {
        let audio = Waveform::open(common::example(clip)).expect("clip");
        let guess = transcriber.detect_language(&audio).expect("guess");
        assert_eq!(guess.len(), 5);
        let reader = AudioOptions::new().reader(common::example(clip)).expect("clip");
        assert_eq!(transcriber.detect_language_reader(reader, &CancelToken::new()).expect("guess"), guess);
        let name = guess[0].language.name().to_lowercase();
        assert!(clip.starts_with(&name), "{clip}: {name}");
        assert!(guess.windows(2).all(|pair| pair[0].probability >= pair[1].probability));
        assert!((guess.iter().map(|score| score.probability).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let (audio, _) = recording(1);
    assert_eq!(transcriber.detect_language(&audio).expect("guess")[0].language.code(), "ben");
    let cancel = CancelToken::new();
    cancel.cancel();
    let reader = AudioOptions::new().reader(common::example("hindi-1.wav")).expect("clip");
    let stopped = transcriber.detect_language_reader(reader, &cancel).expect_err("cancelled");
    assert!(matches!(stopped, Error::Stopped { .. }), "{stopped}");
}

#[test]
fn the_spoken_language_is_guessed_behind_silence_in_a_pipe() {
    /// A pipe that gives 20 ms at a time.
    struct Drops(Cursor<Vec<u8>>);
    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(640);
            self.0.read(&mut buffer[..most])
        }
    }
    let transcriber = Transcriber::demo().expect("model");
    for clip in ["hindi-1.wav", "tamil-1.wav"] {
        let audio = Waveform::open(common::example(clip)).expect("clip");
        let bytes = common::wav(&[&[0.0; 32_000][..], audio.samples()].concat()).split_off(44);
        let format = PipeFormat::Pcm16 { rate: 16_000, channels: 1 };
        let reader = AudioOptions::new().reader_from_pipe(Drops(Cursor::new(bytes)), format).expect("reader");
        let guess = transcriber.detect_language_reader(reader, &CancelToken::new()).expect("guess");
        let name = guess[0].language.name().to_lowercase();
        assert!(clip.starts_with(&name), "{clip}: {name}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let transcriber = Transcriber::demo().expect("model");
    let (audio, _) = recording(1);
    let refused = |options| transcriber.transcribe_with(&audio, hindi(), options).expect_err("refused");
    let error = refused(TranscribeOptions { batch_size: Some(0), ..Default::default() });
    assert!(matches!(error, Error::InvalidOption { option: "batch_size", .. }), "{error}");
    let backwards = SegmentationOptions { max_s: 5.0, ..Default::default() };
    let error = refused(TranscribeOptions { segmentation: Segmentation::Always(backwards), ..Default::default() });
    assert!(matches!(error, Error::InvalidOption { option: "target_max_s", .. }), "{error}");
    assert!("sometimes".parse::<Segmentation>().is_err() && "sometimes".parse::<Retry>().is_err());
}

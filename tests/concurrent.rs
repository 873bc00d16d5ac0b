//! Many callers of one transcriber: their searches run together, and neither change nor hold up one another.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

use indic_seamless::{
    CancelToken, Error, GenerationConfig, Language, LogitsContext, LogitsProcessor, Precision, Retry, Segmentation,
    TranscribeOptions, Transcriber, Transcript, Waveform,
};

fn clip(name: &str) -> Waveform {
    Waveform::open(common::example(name)).expect("clip")
}

/// The example clips, one after the other, with a second between them, so many times.
fn recording(rounds: usize) -> Waveform {
    let mut samples = Vec::new();
    for name in ["hindi-1.wav", "tamil-2.flac", "english-1.wav", "bengali-2.flac", "telugu-1.wav"].repeat(rounds) {
        samples.extend_from_slice(clip(name).samples());
        samples.extend([0.0; 16_000]);
    }
    Waveform::from_samples(samples, 16_000).expect("samples")
}

/// What a caller asks for.
struct Request {
    audio: Waveform,
    language: Language,
    generation: GenerationConfig,
    words: bool,
}

impl Request {
    fn send(&self, transcriber: &Transcriber) -> Transcript {
        let options = TranscribeOptions {
            generation: Some(self.generation.clone()),
            words: self.words,
            ..TranscribeOptions::default()
        };
        transcriber.transcribe_with(&self.audio, self.language, options).expect("transcript")
    }
}

/// Requests of every kind: greedy and beams of several widths, languages, penalties, lengths.
fn requests(base: &GenerationConfig) -> Vec<Request> {
    let mut all = Vec::new();
    for (name, codes) in [
        ("hindi-1.wav", ["hin", "eng"]),
        ("bengali-1.wav", ["ben", "tam"]),
        ("english-2.flac", ["eng", "tel"]),
        ("telugu-2.flac", ["tel", "hin"]),
    ] {
        for (number, code) in codes.iter().enumerate() {
            let language = code.parse().expect("language");
            let generation = |num_beams| GenerationConfig { num_beams, ..base.clone() };
            let audio = clip(name);
            all.push(Request { audio: audio.clone(), language, generation: generation(1), words: number == 0 });
            let beams = GenerationConfig { num_return_sequences: 2, ..generation(2 + 2 * number) };
            all.push(Request { audio: audio.clone(), language, generation: beams, words: false });
            let strict = GenerationConfig { no_repeat_ngram_size: 2, max_new_tokens: 40, ..generation(1) };
            let strict = GenerationConfig { repetition_penalty: 1.3, min_new_tokens: 12, ..strict };
            all.push(Request { audio, language, generation: strict, words: false });
        }
    }
    let language = "ben".parse().expect("language");
    all.push(Request { audio: recording(2), language, generation: base.clone(), words: true });
    all
}

#[test]
fn searches_find_together_what_they_find_alone() {
    for precision in [Precision::F32, Precision::Int8] {
        let transcriber = Transcriber::builder().precision(precision).threads(2).build_demo().expect("model");
        let requests = requests(transcriber.checkpoint().generation());
        let alone: Vec<Transcript> = requests.iter().map(|request| request.send(&transcriber)).collect();
        let start = Barrier::new(requests.len());
        let together: Vec<Transcript> = thread::scope(|scope| {
            let send = |request| {
                let (start, transcriber) = (&start, &transcriber);
                scope.spawn(move || {
                    start.wait();
                    Request::send(request, transcriber)
                })
            };
            let threads: Vec<_> = requests.iter().map(send).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!(alone.text, together.text);
            assert_eq!(alone.segments.len(), together.segments.len());
            for (alone, together) in alone.segments.iter().zip(&together.segments) {
                assert_eq!(alone.tokens, together.tokens, "{precision}");
                assert_eq!(alone.words.len(), together.words.len());
                // The order in which products are summed depends on the number of rows.
                assert!((alone.score - together.score).abs() < 1e-4, "{} {}", alone.score, together.score);
                for (alone, together) in alone.alternatives.iter().zip(&together.alternatives) {
                    assert_eq!(alone.tokens, together.tokens, "{precision}");
                }
            }
        }
    }
}

#[test]
fn searches_that_give_way_for_want_of_memory_find_the_same() {
    let alone = Transcriber::demo().expect("model");
    // Room for a few searches as long as they are short: these are longer than anybody speaks.
    let narrow = Transcriber::builder().cache_bytes(1 << 20).build_demo().expect("model");
    let base = alone.checkpoint().generation().clone();
    let names = ["hindi-1.wav", "bengali-1.wav", "english-2.flac", "telugu-2.flac"];
    let request = |(place, name)| {
        let generation = GenerationConfig { min_new_tokens: 150, num_beams: 1 + place % 3, ..base.clone() };
        Request { audio: clip(name), language: Language::HINDI, generation, words: false }
    };
    let requests: Vec<Request> = names.repeat(2).into_iter().enumerate().map(request).collect();
    let together: Vec<Transcript> = thread::scope(|scope| {
        let send = |request| {
            let narrow = &narrow;
            scope.spawn(move || Request::send(request, narrow))
        };
        let running: Vec<_> = requests.iter().map(send).collect();
        running.into_iter().map(|request| request.join().expect("no panic")).collect()
    });
    for (request, transcript) in requests.iter().zip(together) {
        let tokens = |transcript: &Transcript| transcript.segments[0].tokens.clone();
        assert_eq!(tokens(&transcript), tokens(&request.send(&alone)));
    }
    assert!(narrow.activity().restarts > 0);
    assert_eq!(alone.activity().restarts, 0);
}

#[test]
fn a_short_recording_does_not_wait_for_a_long_one() {
    let transcriber = Transcriber::builder().threads(2).build_demo().expect("model");
    let (short, long) = (clip("hindi-1.wav"), recording(40));
    let time = |audio: &Waveform, segmentation: Segmentation| {
        let started = Instant::now();
        let options = TranscribeOptions { segmentation, ..TranscribeOptions::default() };
        transcriber.transcribe_with(audio, Language::HINDI, options).expect("transcript");
        started.elapsed()
    };
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let of_short = || median((0..9).map(|_| time(&short, Segmentation::default())).collect());
    let twenty = Waveform::from_samples(long.samples()[..20 * 16_000].to_vec(), 16_000).expect("samples");
    let mut tries = Vec::new();
    // Whatever else the machine does may begin after the first measurement, but hardly each time.
    for _ in 0..3 {
        let before = of_short();
        let segment = median((0..3).map(|_| time(&twenty, Segmentation::None)).collect());
        let (beside, whole) = thread::scope(|scope| {
            let long = scope.spawn(|| time(&long, Segmentation::default()));
            thread::sleep(Duration::from_millis(100));
            let beside = of_short();
            assert!(!long.is_finished(), "the long recording was over too soon");
            (beside, long.join().expect("no panic"))
        });
        let alone = before.max(of_short());
        println!("alone {alone:?}, beside a recording of {whole:?} {beside:?}, a segment of 20 s {segment:?}");
        if beside < alone.mul_f64(2.5) + segment {
            return;
        }
        tries.push((beside, alone, segment));
    }
    panic!("beside a long recording, alone, a segment of 20 s: {tries:?}");
}

/// Counts its calls, and tells of each.
struct Counter {
    calls: AtomicUsize,
    told: std::sync::mpsc::Sender<usize>,
}

impl LogitsProcessor for Counter {
    fn process(&self, _: &LogitsContext<'_>, _: &mut [f32]) {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = self.told.send(calls);
    }
}

#[test]
fn who_leaves_frees_its_rows_within_a_step() {
    let transcriber = Transcriber::builder().threads(2).build_demo().expect("model");
    let base = transcriber.checkpoint().generation().clone();
    let endless = GenerationConfig { min_new_tokens: 3000, max_new_tokens: 3000, ..base };
    let audio = clip("hindi-1.wav");
    let (told, calls) = channel();
    let counter = Arc::new(Counter { calls: AtomicUsize::new(0), told });
    let cancel = CancelToken::new();
    thread::scope(|scope| {
        // Somebody else, whose steps go on.
        let other = CancelToken::new();
        let stay = other.clone();
        let (generation, transcriber, audio) = (&endless, &transcriber, &audio);
        scope.spawn(move || {
            let options = TranscribeOptions {
                generation: Some(generation.clone()),
                retry: Retry::Never,
                cancel: stay,
                ..TranscribeOptions::default()
            };
            transcriber.transcribe_with(audio, Language::HINDI, options)
        });
        let (leaves, processor) = (cancel.clone(), counter.clone());
        let leaver = scope.spawn(move || {
            let options = TranscribeOptions {
                generation: Some(generation.clone()),
                processors: vec![processor],
                retry: Retry::Never,
                cancel: leaves,
                ..TranscribeOptions::default()
            };
            transcriber.transcribe_with(audio, Language::HINDI, options)
        });
        while calls.recv_timeout(Duration::from_secs(60)).expect("a step") < 20 {}
        cancel.cancel();
        let at = counter.calls.load(Ordering::Relaxed);
        assert!(matches!(leaver.join().expect("no panic"), Err(Error::Stopped { .. })));
        thread::sleep(Duration::from_millis(200));
        let after = counter.calls.load(Ordering::Relaxed);
        assert!(after <= at + 2, "{at} steps before it left, {after} in the end");
        other.cancel();
    });
}

/// Panics at its third token.
struct Bomb;

impl LogitsProcessor for Bomb {
    fn process(&self, context: &LogitsContext<'_>, _: &mut [f32]) {
        assert!(context.new_tokens().len() < 2, "on purpose");
    }
}

#[test]
fn a_panic_reaches_only_its_caller() {
    let transcriber = Transcriber::builder().threads(2).build_demo().expect("model");
    let audio = clip("hindi-1.wav");
    let wanted = transcriber.transcribe(&audio, Language::HINDI).expect("transcript").text;
    thread::scope(|scope| {
        let (transcriber, audio, wanted) = (&transcriber, &audio, &wanted);
        for _ in 0..4 {
            scope.spawn(move || {
                let options = TranscribeOptions { processors: vec![Arc::new(Bomb)], ..TranscribeOptions::default() };
                let call = || transcriber.transcribe_with(audio, Language::HINDI, options);
                let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("a panic");
                let said = panic.downcast_ref::<String>().expect("a message");
                assert!(said.contains("on purpose"), "{said}");
            });
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(&transcriber.transcribe(audio, Language::HINDI).expect("transcript").text, wanted);
                }
            });
        }
    });
}

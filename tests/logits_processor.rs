//! Logits processors of the user: they change the text, and scores that cannot be used are errors.

mod common;

use std::sync::{Arc, LazyLock};

use indic_seamless::{
    Error, Flag, GenerationConfig, Language, LogitsContext, LogitsProcessor, Result, Retry, TranscribeOptions,
    Transcriber, Transcript, Waveform,
};

static DEMO: LazyLock<Transcriber> = LazyLock::new(|| Transcriber::demo().expect("demo"));

/// The end of a sentence.
const EOS: u32 = 3;

/// A processor that is a function.
struct With<F>(F);

impl<F: Fn(&LogitsContext<'_>, &mut [f32]) + Send + Sync> LogitsProcessor for With<F> {
    fn process(&self, context: &LogitsContext<'_>, scores: &mut [f32]) {
        (self.0)(context, scores);
    }

    fn name(&self) -> &str {
        "with"
    }
}

type Process = fn(&LogitsContext<'_>, &mut [f32]);

/// Transcribes a Hindi clip into English, by greedy search or with beams, all of which are returned.
fn run(beams: usize, retry: Retry, processors: Vec<Arc<dyn LogitsProcessor>>) -> Result<Transcript> {
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let generation = GenerationConfig {
        num_beams: beams,
        num_return_sequences: beams,
        max_new_tokens: 30,
        ..DEMO.checkpoint().generation().clone()
    };
    let options = TranscribeOptions { generation: Some(generation), retry, processors, ..TranscribeOptions::default() };
    DEMO.transcribe_with(&audio, Language::ENGLISH, options)
}

fn with(beams: usize, process: impl Fn(&LogitsContext<'_>, &mut [f32]) + Send + Sync + 'static) -> Result<Transcript> {
    run(beams, Retry::Auto, vec![Arc::new(With(process))])
}

fn forbid(tokens: &[u32], scores: &mut [f32]) {
    tokens.iter().for_each(|&token| scores[token as usize] = f32::NEG_INFINITY);
}

/// Forbids all tokens but these, whose scores stay.
fn allow(tokens: &[u32], scores: &mut [f32]) {
    for (token, score) in (0..).zip(scores) {
        if !tokens.contains(&token) {
            *score = f32::NEG_INFINITY;
        }
    }
}

#[test]
fn a_forbidden_token_changes_the_text() {
    for beams in [1, 5] {
        let before = run(beams, Retry::Auto, Vec::new()).expect("transcript");
        assert_eq!(before.text, "please the weather today");
        let token = before.segments[0].tokens[2];
        let after = with(beams, move |_, scores| forbid(&[token], scores)).expect("transcript");
        assert!(!after.text.contains("please"), "{}", after.text);
        let segment = &after.segments[0];
        assert!(!segment.tokens.contains(&token));
        assert_eq!(segment.alternatives.len(), beams - 1);
        assert!(segment.alternatives.iter().all(|other| other.score.is_finite() && !other.tokens.contains(&token)));
    }
}

#[test]
fn processors_see_the_sequence_and_run_in_order_after_the_built_in_ones() {
    for beams in [1, 3] {
        let prompt = [EOS, DEMO.checkpoint().language_token(Language::ENGLISH).expect("English")];
        let first = move |context: &LogitsContext<'_>, scores: &mut [f32]| {
            assert_eq!((context.prompt_len, context.item, context.tokens[..2] == prompt), (2, 0, true));
            assert_eq!(context.tokens[2..], *context.new_tokens());
            // `suppress_tokens` has been applied.
            assert_eq!(scores[10], f32::NEG_INFINITY);
            scores[11] = 50.0;
        };
        let second = |_: &LogitsContext<'_>, scores: &mut [f32]| {
            assert_eq!(scores[11], 50.0);
            allow(&[12, EOS], scores);
        };
        let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
        let generation = GenerationConfig {
            num_beams: beams,
            max_new_tokens: 4,
            suppress_tokens: vec![10],
            min_new_tokens: 2,
            ..DEMO.checkpoint().generation().clone()
        };
        let processors: Vec<Arc<dyn LogitsProcessor>> = vec![Arc::new(With(first)), Arc::new(With(second))];
        let options = TranscribeOptions { generation: Some(generation), processors, ..TranscribeOptions::default() };
        let transcript = DEMO.transcribe_with(&audio, Language::ENGLISH, options).expect("transcript");
        let new = &transcript.segments[0].tokens[2..];
        // `min_new_tokens` forbids the end twice, so that only token 12 is left.
        assert!(new.starts_with(&[12, 12]) && new[2..].iter().all(|token| [12, EOS].contains(token)), "{new:?}");
    }
}

#[test]
fn a_second_search_keeps_the_processors() {
    let only = |_: &LogitsContext<'_>, scores: &mut [f32]| {
        allow(&[12, EOS], scores);
        scores[12] += 1e6;
    };
    for beams in [1, 2] {
        let once = run(beams, Retry::Never, vec![Arc::new(With(only))]).expect("transcript");
        assert!(once.segments[0].flags.contains(&Flag::Loop), "{:?}", once.segments[0]);
        let again = run(beams, Retry::Always, vec![Arc::new(With(only))]).expect("transcript");
        let segment = &again.segments[0];
        assert_eq!(segment.flags, [Flag::Retried]);
        // No four tokens come twice.
        assert_eq!(segment.tokens[2..], [12, 12, 12, 12, EOS]);
    }
}

#[test]
fn a_text_that_runs_away_is_recognised_without_a_loop() {
    // No token comes twice.
    let counts = |context: &LogitsContext<'_>, scores: &mut [f32]| {
        allow(&[100 + context.new_tokens().len() as u32], scores);
    };
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let generation = GenerationConfig { num_beams: 1, max_new_tokens: 200, ..DEMO.checkpoint().generation().clone() };
    let options = TranscribeOptions {
        generation: Some(generation),
        retry: Retry::Always,
        processors: vec![Arc::new(With(counts))],
        ..TranscribeOptions::default()
    };
    let transcript = DEMO.transcribe_with(&audio, Language::ENGLISH, options).expect("transcript");
    let flags = &transcript.segments[0].flags;
    assert!(flags.starts_with(&[Flag::Retried, Flag::RunAway]), "{flags:?}");
}

#[test]
fn scores_that_are_no_numbers_are_errors() {
    for beams in [1, 5] {
        for bad in [f32::NAN, f32::INFINITY] {
            let error = with(beams, move |context, scores| {
                if context.new_tokens().len() == 1 {
                    scores[7] = bad;
                }
            });
            let error = error.expect_err("no number");
            let Error::InvalidScore { processor, token: 7, value } = &error else { panic!("{error}") };
            assert_eq!((processor.as_str(), value.to_bits()), ("with", bad.to_bits()));
        }
    }
    // Each score can be used, but their sum cannot.
    let error = with(5, |_, scores| scores.fill(f32::MAX)).expect_err("overflow");
    assert!(matches!(error, Error::InvalidScore { value: f32::INFINITY, .. }), "{error}");
    assert!(with(1, |_, scores| scores.fill(f32::MAX)).is_ok());
}

#[test]
fn to_forbid_all_tokens_is_an_error() {
    for beams in [1, 5] {
        let nothing: [(usize, Process); 2] = [
            (0, |_, scores| scores.fill(f32::NEG_INFINITY)),
            (
                2,
                |context, scores| {
                    if context.new_tokens().len() < 2 { forbid(&[EOS], scores) } else { allow(&[], scores) }
                },
            ),
        ];
        for (wanted, process) in nothing {
            let error = with(beams, process).expect_err("nothing allowed");
            assert!(matches!(error, Error::NoTokenAllowed { new_tokens } if new_tokens == wanted), "{error}");
        }
    }
}

#[test]
fn beams_without_an_allowed_token_give_no_hypotheses() {
    // Two sequences are allowed, 12 and 12 13, and nothing after their ends.
    let grammar = |context: &LogitsContext<'_>, scores: &mut [f32]| match context.new_tokens() {
        [] => allow(&[12], scores),
        [12] => allow(&[13, EOS], scores),
        [12, 13] => allow(&[EOS], scores),
        _ => allow(&[], scores),
    };
    let transcript = with(5, grammar).expect("transcript");
    let segment = &transcript.segments[0];
    let mut found: Vec<&[u32]> = segment.alternatives.iter().map(|other| &other.tokens[2..]).collect();
    found.push(&segment.tokens[2..]);
    found.sort();
    assert_eq!(found, [&[12, EOS][..], &[12, 13, EOS]]);
    assert!(segment.score.is_finite() && segment.alternatives[0].score.is_finite());
    let greedy = with(1, grammar).expect("transcript");
    assert!(found.contains(&&greedy.segments[0].tokens[2..]));
}

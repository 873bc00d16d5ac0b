//! Texts that are restricted to a script.

mod common;

use std::{str::FromStr, sync::LazyLock};

use indic_seamless::{
    Error, GenerationConfig, Language, Precision, Script, ScriptChoice, Segmentation, TranscribeOptions, Transcriber,
    Waveform,
};

static DEMO: LazyLock<Transcriber> = LazyLock::new(|| Transcriber::demo().expect("demo"));

fn options(script: ScriptChoice, beams: usize) -> TranscribeOptions<'static> {
    let generation = Some(GenerationConfig { num_beams: beams, ..DEMO.checkpoint().generation().clone() });
    TranscribeOptions { script, generation, segmentation: Segmentation::None, ..Default::default() }
}

fn text(transcriber: &Transcriber, clip: &str, language: Language, script: ScriptChoice, beams: usize) -> String {
    let audio = Waveform::open(common::example(clip)).expect("clip");
    transcriber.transcribe_with(&audio, language, options(script, beams)).expect("transcript").text
}

#[test]
fn a_text_in_its_own_script_is_the_same() {
    let int8 = Transcriber::builder().precision(Precision::Int8).build_demo().expect("demo");
    for transcriber in [&*DEMO, &int8] {
        for (clip, texts) in common::example_texts() {
            for language in texts.keys().filter_map(|language| Language::from_str(language).ok()) {
                for beams in [1, 3] {
                    let [any, auto] = [ScriptChoice::Any, ScriptChoice::Auto]
                        .map(|script| text(transcriber, &clip, language, script, beams));
                    assert!(Script::of(language).writes(&any), "{language}: {any}");
                    assert_eq!(any, auto, "{clip}, {language}, {beams} beams");
                }
            }
        }
    }
}

#[test]
fn a_text_has_no_letters_of_other_scripts() {
    for script in ["latin", "tamil"].map(|name| name.parse::<Script>().expect("name")) {
        for beams in [1, 4] {
            let text = text(&DEMO, "hindi-1.wav", Language::HINDI, ScriptChoice::Only(script), beams);
            assert!(script.writes(&text), "{script}: {text}");
            assert!(text.chars().any(char::is_alphabetic), "{script}: {text}");
        }
    }
}

#[test]
fn a_script_that_the_model_has_no_letters_of_is_refused() {
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let thai = ScriptChoice::Only("thai".parse().expect("name"));
    let outcome = DEMO.transcribe_with(&audio, Language::HINDI, options(thai, 1)).map(|transcript| transcript.text);
    assert!(matches!(outcome, Err(Error::InvalidOption { option: "script", .. })), "{outcome:?}");

    // Before anything is heard.
    let thai = || TranscribeOptions { script: thai, ..Default::default() };
    let silence = Waveform::from_samples(vec![0.0; 32_000], 16_000).expect("silence");
    let outcome = DEMO.transcribe_with(&silence, Language::HINDI, thai());
    assert!(matches!(outcome, Err(Error::InvalidOption { option: "script", .. })), "{outcome:?}");
    let stream = DEMO.stream(Language::HINDI, thai());
    assert!(matches!(stream, Err(Error::InvalidOption { option: "script", .. })), "{stream:?}");
}

#[test]
fn recordings_in_different_scripts_share_steps() {
    let choices: Vec<(ScriptChoice, usize)> = ["any", "auto", "tamil", "latin", "auto", "any"]
        .into_iter()
        .zip([1, 1, 3, 1, 4, 2])
        .map(|(name, beams)| (name.parse().expect("name"), beams))
        .collect();
    let one = |&(script, beams): &(ScriptChoice, usize)| text(&DEMO, "hindi-1.wav", Language::HINDI, script, beams);
    let alone: Vec<String> = choices.iter().map(one).collect();
    let together: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = choices.iter().map(|choice| scope.spawn(move || one(choice))).collect();
        threads.into_iter().map(|thread| thread.join().expect("text")).collect()
    });
    assert_eq!(alone, together);
}

//! The demo model: what it says to its clips in every language, and that it says nothing where nobody speaks.

mod common;

use std::{collections::BTreeMap, f64::consts::TAU, sync::LazyLock};

use indic_seamless::{
    Backend, GenerationConfig, Precision, Segmentation, TranscribeOptions, Transcriber, Waveform,
    checkpoint::Checkpoint,
    features::{FeatureBatch, Features},
};

static DEMO: LazyLock<Transcriber> = LazyLock::new(|| Transcriber::demo().expect("demo"));

#[test]
fn every_clip_in_every_language() {
    for (file, texts) in common::example_texts() {
        let audio = Waveform::open(common::example(&file)).expect("clip");
        for (language, wanted) in texts.iter().filter(|(language, _)| *language != "spoken") {
            let transcript = DEMO.transcribe(&audio, language.parse().expect("language")).expect("transcript");
            assert_eq!(&transcript.text, wanted, "{file} in {language}");
        }
    }
}

#[test]
fn beams_agree_with_greedy_search_on_clear_speech() {
    let generation =
        GenerationConfig { num_beams: 5, num_return_sequences: 5, ..DEMO.checkpoint().generation().clone() };
    for (file, texts) in common::example_texts() {
        let audio = Waveform::open(common::example(&file)).expect("clip");
        let options = TranscribeOptions { generation: Some(generation.clone()), ..TranscribeOptions::default() };
        let transcript = DEMO.transcribe_with(&audio, "tam".parse().expect("language"), options).expect("transcript");
        assert_eq!(transcript.text, texts["tam"], "{file}");
        let segment = &transcript.segments[0];
        assert!(segment.alternatives.windows(2).all(|pair| pair[0].score >= pair[1].score), "{file}");
        assert!(segment.alternatives.iter().all(|other| other.score <= segment.score && other.text != segment.text));
    }
}

/// Silence, noise and tones, by name.
fn unspoken() -> BTreeMap<&'static str, Vec<f32>> {
    let seconds = |s: f32| (s * 16_000.0) as usize;
    let sine = |frequency: f64, n: usize| (0..n).map(move |i| (TAU * frequency * i as f64 / 16_000.0).sin() as f32);
    // Notes of a third of a second with overtones that fade, two at a time.
    let mut music = Vec::new();
    for (low, high) in [(220.0, 277.18), (246.94, 329.63), (261.63, 392.0), (196.0, 293.66), (220.0, 440.0)] {
        let n = seconds(0.33);
        let voices =
            [low, high].map(|f| [1.0, 2.0, 3.0].map(|k| sine(f * k, n).map(move |x| x / k as f32).collect::<Vec<_>>()));
        let fade = |i: usize| (-4.0 * i as f32 / n as f32).exp();
        music.extend((0..n).map(|i| 0.1 * fade(i) * voices.iter().flatten().map(|voice| voice[i]).sum::<f32>()));
    }
    BTreeMap::from([
        ("silence", vec![0.0; seconds(2.0)]),
        ("short silence", vec![0.0; 560]),
        ("long silence", vec![0.0; seconds(20.0)]),
        ("hiss", common::noise(seconds(2.0)).into_iter().map(|x| 0.001 * x).collect()),
        ("white noise", common::noise(seconds(3.0)).into_iter().map(|x| 0.3 * x).collect()),
        ("low sine", sine(110.0, seconds(1.5)).collect()),
        ("sine", sine(440.0, seconds(2.0)).map(|x| 0.5 * x).collect()),
        ("high sine", sine(3000.0, seconds(2.0)).map(|x| 0.2 * x).collect()),
        ("music", music),
    ])
}

#[test]
fn nothing_said_is_nothing_written() {
    for (name, samples) in unspoken() {
        let audio = Waveform::from_samples(samples, 16_000).expect("samples");
        for language in ["ben", "eng", "hin", "tam", "tel"] {
            // Neither the detector nor the model hears speech.
            for segmentation in [Segmentation::default(), Segmentation::None] {
                let options = TranscribeOptions { segmentation, ..TranscribeOptions::default() };
                let language = language.parse().expect("language");
                let transcript = DEMO.transcribe_with(&audio, language, options).expect("transcript");
                assert_eq!(transcript.text, "", "{name} in {language}");
            }
        }
    }
}

#[test]
fn the_checkpoint_in_the_crate_is_the_folder() {
    let folder = Checkpoint::open(concat!(env!("CARGO_MANIFEST_DIR"), "/demo")).expect("folder");
    let demo = DEMO.checkpoint();
    assert_eq!(demo.languages().collect::<Vec<_>>(), ["ben", "eng", "hin", "tam", "tel"]);
    assert_eq!(folder.languages().collect::<Vec<_>>(), demo.languages().collect::<Vec<_>>());
    assert_eq!(folder.generation(), demo.generation());
    let device = Backend::Flex.device().expect("flex");
    let model = folder.load(Precision::Auto, &device, &mut |_, _| {}).expect("model");
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let features = FeatureBatch::new(&[Features::extract(audio.samples()).expect("features")], 0.0);
    let [a, b] =
        [&model, DEMO.model()].map(|m| m.encode(&features).hidden.into_data().try_into_vec::<f32>().expect("f32"));
    assert_eq!(a, b);
}

#[test]
fn a_language_of_another_model_is_refused() {
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let error = DEMO.transcribe(&audio, "mar".parse().expect("language")).expect_err("Marathi").to_string();
    assert!(error.contains("mar") && error.contains("ben eng hin tam tel"), "{error}");
}

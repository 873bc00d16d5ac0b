//! The backend `wgpu`, on a GPU or on software Vulkan.

mod common;

use burn::tensor::Tensor;
use indic_seamless::{
    Backend, DeviceErrorKind, Error, ModelDecoder, Precision, Transcriber, Waveform, generation::StepDecoder,
    model::Encoded,
};

fn demo(precision: Precision) -> Transcriber {
    Transcriber::builder().backend(Backend::Wgpu).precision(precision).build_demo().expect("demo")
}

#[test]
fn the_demo_model_writes_its_texts() {
    for precision in [Precision::F32, Precision::Int8] {
        let transcriber = demo(precision);
        assert_eq!((transcriber.backend(), transcriber.precision()), (Backend::Wgpu, precision));
        let (file, texts) = common::example_texts().into_iter().next().expect("a clip");
        let audio = Waveform::open(common::example(&file)).expect("clip");
        let (language, wanted) = texts.iter().find(|(language, _)| *language != "spoken").expect("a language");
        let transcript = transcriber.transcribe(&audio, language.parse().expect("language")).expect("transcript");
        assert_eq!(&transcript.text, wanted, "{file} in {language}, {precision}");
    }
}

#[test]
fn devices_have_numbers() {
    assert!(Backend::Wgpu.device_at(0).is_ok());
    let error = Backend::Wgpu.device_at(99).expect_err("so many GPUs");
    assert!(matches!(&error, Error::InvalidOption { option: "device", found, .. } if found == "99"), "{error}");
    let error = Transcriber::builder().backend(Backend::Wgpu).device(99).build_demo().expect_err("so many GPUs");
    assert!(matches!(&error, Error::InvalidOption { option: "device", .. }), "{error}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let transcriber = demo(Precision::F32);
    let model = transcriber.model();
    let width = transcriber.checkpoint().config().hidden_size;
    let mut logits = Vec::new();
    // A clip of 2^36 bytes.
    let time = (1 << 34) / width;
    let encoded = Encoded { hidden: Tensor::zeros([1, time, width], &model.device()), lengths: vec![1] };
    let mut decoder = ModelDecoder::new(model, &encoded, transcriber.checkpoint().generation(), 1);
    let error = decoder.prompt(&[3], &mut logits).expect_err("so much memory");
    let Error::Device { kind, .. } = &error else { panic!("{error:?}") };
    assert_ne!(*kind, DeviceErrorKind::Lost, "{error}");

    // The device goes on.
    let encoded = Encoded { hidden: Tensor::zeros([1, 2, width], &model.device()), lengths: vec![2] };
    ModelDecoder::new(model, &encoded, transcriber.checkpoint().generation(), 1)
        .prompt(&[3], &mut logits)
        .expect("logits");
    assert_eq!(logits.len(), model.vocabulary());
}

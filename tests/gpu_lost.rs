//! A GPU that is lost: a driver that was reset, a card that was removed. Nothing else can be tested in its process.

mod common;

use burn::tensor::Device;
use indic_seamless::{Backend, Error, Transcriber, Waveform};

#[test]
fn a_lost_device_is_an_error() {
    // Burn's default device, with a handle by which it can be destroyed.
    let (_device, setup) = Device::wgpu_options().init_with_setup().expect("a GPU, or software Vulkan");
    let builder = || Transcriber::builder().backend(Backend::Wgpu);
    let transcriber = builder().build_demo().expect("demo");
    let audio = Waveform::open(common::example("hindi-1.wav")).expect("clip");
    let transcribe = || transcriber.transcribe(&audio, "tam".parse().expect("language"));
    assert!(!transcribe().expect("transcript").text.is_empty());

    setup.device.destroy();
    for _ in 0..2 {
        let error = transcribe().expect_err("the device is lost");
        assert!(matches!(error.cause(), Error::Device { .. }), "{error:?}");
    }
    let error = builder().build_demo().expect_err("the device is lost");
    assert!(matches!(error, Error::Device { .. }), "{error:?}");
}

//! The devices of Burn's backends: the one place where values go to a device and come back, and what a device fails with.
//!
//! Burn queues the operations on an accelerator. One that fails shows where values are read, or as a panic of a later
//! operation; here both become [`Error::Device`].

use burn::tensor::{Device, ExecutionError, Tensor, TensorCreationOptions, TensorData, kind::Basic};

use crate::{
    error::{DeviceErrorKind, Error, Result, panic_message},
    panics::caught,
};

/// Whether `device` is not a CPU that Burn computes on at once, but one that has its own memory, and may fail.
pub(crate) fn is_accelerator(device: &Device) -> bool {
    #[cfg(feature = "ndarray")]
    #[allow(deprecated, reason = "kept beside Flex for those who need it")]
    if *device == Device::ndarray() {
        return false;
    }
    *device != Device::flex()
}

/// A tensor of `data`.
#[allow(clippy::disallowed_methods, reason = "counted here")]
pub(crate) fn upload<const D: usize, K: Basic>(
    data: TensorData,
    options: impl Into<TensorCreationOptions>,
) -> Tensor<D, K> {
    count();
    Tensor::from_data(data, options)
}

/// The values of a tensor of `f32`, row after row.
///
/// # Errors
///
/// [`Error::Device`] if they could not be computed.
pub(crate) fn download<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let device = tensor.device();
    guard(&device, || {
        let data = tensor.try_into_data().map_err(|error| failed(&device, &error))?;
        Ok(data.try_into_vec::<f32>().unwrap_or_else(|error| unreachable!("the model computes in f32: {error:?}")))
    })
}

/// Does work on `device`, where a panic of an operation is an error of an accelerator. On a CPU it is a bug, and goes on.
///
/// # Errors
///
/// [`Error::Device`], and the errors of the work.
pub(crate) fn guard<T>(device: &Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    if !is_accelerator(device) {
        return work();
    }
    caught(work).unwrap_or_else(|panic| Err(panicked(device, &panic_message(&*panic))))
}

/// Waits until everything that was queued is done.
///
/// # Errors
///
/// [`Error::Device`] if an operation failed.
pub(crate) fn finish(device: &Device) -> Result<()> {
    guard(device, || device.sync().map_err(|error| failed(device, &error)))
}

/// The error of a device on which an operation failed, or ended with a panic, which said this.
pub(crate) fn panicked(device: &Device, said: &str) -> Error {
    let kind = if is_lost(device) { DeviceErrorKind::Lost } else { kind(said) };
    Error::Device { device: name(device), kind, reason: first_lines(said) }
}

fn failed(device: &Device, error: &ExecutionError) -> Error {
    panicked(device, &error.to_string())
}

/// Whether the driver says that no operation will succeed any more.
fn is_lost(device: &Device) -> bool {
    let asked = caught(|| device.sync());
    matches!(asked, Ok(Err(ExecutionError::DevicePoisoned { .. })))
}

/// Burn hands errors of the drivers on as text.
fn kind(said: &str) -> DeviceErrorKind {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["poisoned", "device was lost", "device lost"]) {
        DeviceErrorKind::Lost
    } else if has(&["out of memory", "out_of_memory", "out of device memory", "can't allocate", "not enough memory"]) {
        DeviceErrorKind::OutOfMemory
    } else {
        DeviceErrorKind::Failed
    }
}

/// What was said, without the stack that Burn adds.
fn first_lines(said: &str) -> String {
    let said = said.split("\nBacktrace").next().unwrap_or_default();
    said.lines().map(str::trim).filter(|line| !line.is_empty()).take(4).collect::<Vec<_>>().join(" ")
}

/// The device as Burn names it: `Wgpu(WgpuDevice { kind: DefaultDevice, backend: Auto })`.
fn name(device: &Device) -> String {
    let name = format!("{device:?}");
    let inner = name.strip_prefix("Device<Cube(").and_then(|name| name.strip_suffix(")>"));
    inner.unwrap_or(&name).to_owned()
}

#[cfg(not(test))]
fn count() {}

#[cfg(test)]
use self::tests::count;

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static UPLOADS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        UPLOADS.set(UPLOADS.get() + 1);
    }

    /// How often this thread has uploaded something.
    #[cfg(any(feature = "ndarray", feature = "wgpu"))]
    pub(crate) fn uploads() -> usize {
        UPLOADS.get()
    }

    #[test]
    fn drivers_say_what_happened() {
        assert_eq!(kind("out of device memory allocating 12 bytes"), DeviceErrorKind::OutOfMemory);
        assert_eq!(kind("can't allocate buffer of size: 68719476736"), DeviceErrorKind::OutOfMemory);
        assert_eq!(kind("The device is poisoned\nCaused by:\n  Destroyed: "), DeviceErrorKind::Lost);
        assert_eq!(kind("CUDA_ERROR_OUT_OF_MEMORY"), DeviceErrorKind::OutOfMemory);
        assert_eq!(kind("a validation error"), DeviceErrorKind::Failed);
        assert_eq!(first_lines("An error\nCaused by:\n  it\nBacktrace:\n 0: main"), "An error Caused by: it");
    }

    #[cfg(feature = "wgpu")]
    #[test]
    fn memory_that_does_not_suffice_is_an_error() {
        let device = crate::backend::Backend::Wgpu.device().expect("a GPU, or software Vulkan");
        let error = download(Tensor::<1>::ones([1_usize << 36], &device)).expect_err("256 GiB");
        assert!(matches!(&error, Error::Device { kind: DeviceErrorKind::OutOfMemory, .. }), "{error:?}");
        assert_eq!(download(Tensor::<1>::ones([2], &device)).expect("it goes on"), [1.0, 1.0]);
    }
}

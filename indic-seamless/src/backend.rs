//! The device and the precision that the model computes with.

use std::{fmt, str::FromStr};

use burn::tensor::Device;

use crate::error::{Error, Result, by_name};
#[cfg(any(feature = "wgpu", feature = "cuda"))]
use crate::{device::download, error::DeviceErrorKind};

/// Burn's backends that the model can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Backend {
    /// Burn's own CPU backend, with this crate's kernels.
    #[default]
    Flex,
    /// The CPU backend on ndarray; Cargo feature `ndarray`.
    NdArray,
    /// The GPU through WebGPU, Vulkan or Metal; Cargo feature `wgpu`.
    Wgpu,
    /// Nvidia GPUs; Cargo feature `cuda`.
    Cuda,
}

impl Backend {
    /// All of them, compiled in or not.
    pub const ALL: &'static [Self] = &[Self::Flex, Self::NdArray, Self::Wgpu, Self::Cuda];

    /// `flex`, `ndarray`, `wgpu` or `cuda`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// The default device of the backend.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if the backend's Cargo feature is off, and [`Error::Device`] if there is no device or it does
    /// not work.
    pub fn device(self) -> Result<Device> {
        self.device_at(None)
    }

    /// One of the backend's devices, by its number from 0 in the order in which the system lists them, or the default one. A CPU
    /// backend has only number 0.
    ///
    /// ```
    /// use indic_seamless::{Backend, Error};
    ///
    /// assert!(Backend::Flex.device_at(0).is_ok());
    /// assert!(matches!(Backend::Flex.device_at(1), Err(Error::InvalidOption { option: "device", .. })));
    /// ```
    ///
    /// # Errors
    ///
    /// As [`device`](Self::device), and [`Error::InvalidOption`] for a number that no device has.
    pub fn device_at(self, number: impl Into<Option<usize>>) -> Result<Device> {
        let number = number.into();
        match self {
            Self::Flex => choose(&[Device::flex()], number),
            // Asked for by name; Burn keeps it until its removal.
            #[cfg(feature = "ndarray")]
            #[allow(deprecated, reason = "kept beside Flex for those who need it")]
            Self::NdArray => choose(&[Device::ndarray()], number),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => {
                let standard = Device::wgpu(burn::tensor::DeviceKind::DefaultDevice);
                self.open(standard, burn::tensor::DeviceType::Wgpu, number)
            }
            #[cfg(feature = "cuda")]
            Self::Cuda => self.open(Device::cuda(0), burn::tensor::DeviceType::Cuda, number),
            #[allow(unreachable_patterns, reason = "reachable when a feature is off")]
            _ => Err(Error::InvalidOption {
                option: "backend",
                found: self.to_string(),
                wanted: format!("a build with the Cargo feature `{self}`, or flex"),
            }),
        }
    }

    /// A device of those of `all`, and `standard` without a number, once it has computed something.
    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    fn open(self, standard: Device, all: burn::tensor::DeviceType, number: Option<usize>) -> Result<Device> {
        let all = Device::enumerate(all).into_vec();
        if all.is_empty() {
            let wanted = if self == Self::Cuda {
                "an Nvidia GPU with its driver"
            } else {
                "a GPU with Vulkan, Metal or DirectX 12"
            };
            let (kind, device, reason) = (DeviceErrorKind::Missing, self.to_string(), format!("wanted {wanted}"));
            return Err(Error::Device { kind, device, reason });
        }
        let device = if number.is_none() { standard } else { choose(&all, number)? };
        // Burn opens a device when it is first used.
        download(burn::tensor::Tensor::<1>::zeros([1], &device))?;
        Ok(device)
    }
}

/// The device of that number, or the first.
fn choose(devices: &[Device], number: Option<usize>) -> Result<Device> {
    let number = number.unwrap_or(0);
    devices.get(number).cloned().ok_or_else(|| Error::InvalidOption {
        option: "device",
        found: number.to_string(),
        wanted: match devices.len() {
            0 | 1 => "0, the only one".to_owned(),
            many => format!("0 to {}", many - 1),
        },
    })
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        by_name("backend", text, Self::ALL.iter().copied(), Self::name)
    }
}

/// The type of the weights in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// As stored: `f32`, `bf16`, `int8` or `int4`. Files of `f16` become `f32`; so do those of `bf16` on other backends than Flex.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// bfloat16 storage, f32 accumulation: half the memory of `f32`. Keys and values are rounded too, and where the processor
    /// multiplies bf16, the inputs of the encoder's products. On Flex only.
    Bf16,
    /// Weights as bytes with a scale per output: a quarter of the memory of `f32`. On Flex, activations become bytes with a
    /// scale per row too, and it is several times faster. On other backends, weights become `f32` again for each product, which
    /// takes longer than keeping them so.
    Int8,
    /// As `Int8`, but half bytes for the feed-forward blocks of the decoder, which read most of a step's memory. On other backends
    /// than Flex they become bytes.
    Int4,
}

impl Precision {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::F32, Self::Bf16, Self::Int8, Self::Int4];

    /// `auto`, `f32`, `bf16`, `int8` or `int4`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        by_name("precision", text, Self::ALL.iter().copied(), Self::name)
    }
}

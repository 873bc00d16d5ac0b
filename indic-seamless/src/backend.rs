//! The device and the precision that the model computes with.

use std::{fmt, str::FromStr};

use burn::tensor::Device;

use crate::error::{Error, Result, by_name};

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
    /// [`Error::InvalidOption`] if the backend's Cargo feature is off.
    pub fn device(self) -> Result<Device> {
        match self {
            Self::Flex => Ok(Device::flex()),
            // Asked for by name; Burn keeps it until its removal.
            #[cfg(feature = "ndarray")]
            #[allow(deprecated, reason = "kept beside Flex for those who need it")]
            Self::NdArray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[allow(unreachable_patterns, reason = "reachable when a feature is off")]
            _ => Err(Error::InvalidOption {
                option: "backend",
                found: self.to_string(),
                wanted: format!("a build with the Cargo feature `{self}`, or flex"),
            }),
        }
    }
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
    /// As stored: `f32`, `bf16` or `int8`. Files of `f16` become `f32`; so do those of `bf16` on other backends than Flex.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// bfloat16 storage, f32 accumulation: half the memory of `f32`. On Flex only.
    Bf16,
    /// Weights as bytes with a scale per output, activations as bytes with a scale per row: a quarter of the memory of `f32`,
    /// and several times faster on Flex.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Auto, Self::F32, Self::Bf16, Self::Int8];

    /// `auto`, `f32`, `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
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

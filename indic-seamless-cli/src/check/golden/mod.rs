//! Recorded outputs of transformers, in folders as `tests/golden` and `tools/reference` describe them, and comparisons with
//! them. The integration tests include this module by its path.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod compare;
mod report;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use indic_seamless::{AudioOptions, Error, Result, Waveform, audio::Channel};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

pub(crate) use self::report::Report;

/// A folder with `audio` and `golden`, and often with the `model`.
pub(crate) struct Golden {
    pub(crate) dir: PathBuf,
    pub(crate) manifest: Value,
}

impl Golden {
    pub(crate) fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let path = dir.join("golden/manifest.json");
        let json = fs::read(&path).map_err(|source| Error::Io { action: "read", path: path.clone(), source })?;
        let manifest = serde_json::from_slice(&json).map_err(|error| invalid(&path, error))?;
        Ok(Self { dir, manifest })
    }

    pub(crate) fn name(&self) -> String {
        self.dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.dir.join("model")
    }

    /// The error for a manifest that lacks something.
    pub(crate) fn broken(&self, what: impl fmt::Display) -> Error {
        invalid(&self.dir.join("golden/manifest.json"), what)
    }

    /// The recording of a clip.
    pub(crate) fn audio(&self, clip: &str) -> Result<PathBuf> {
        let file = self.manifest["clips"][clip]["file"].as_str();
        let file = file.ok_or_else(|| self.broken(format_args!("clip {clip} has no file")))?;
        Ok(self.dir.join("audio").join(file))
    }

    /// The clip as the reference reads it: the first channel.
    pub(crate) fn waveform(&self, clip: &str) -> Result<Waveform> {
        AudioOptions::new().channel(Channel::Only(0)).open(self.audio(clip)?)
    }

    /// The entries of `clips` or `batches`.
    pub(crate) fn entries(&self, kind: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.manifest[kind].as_object().into_iter().flatten()
    }

    /// The tensors of a clip or batch, if this golden has any.
    pub(crate) fn tensors(&self, name: &str) -> Result<Option<Tensors>> {
        let path = self.dir.join(format!("golden/{name}.safetensors"));
        if path.is_file() { Tensors::open(path).map(Some) } else { Ok(None) }
    }
}

fn invalid(path: &Path, reason: impl fmt::Display) -> Error {
    Error::InvalidFile { path: path.into(), reason: reason.to_string() }
}

/// A tensor as `f64` values with its shape.
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

impl Tensor {
    pub(crate) fn f32(&self) -> Vec<f32> {
        self.values.iter().map(|&x| x as f32).collect()
    }

    pub(crate) fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |max, x| max.max(x.abs()))
    }

    /// The largest absolute difference; NaN counts as infinite, and so does another number of values.
    pub(crate) fn difference(&self, other: &[f32]) -> f64 {
        if self.values.len() != other.len() {
            return f64::INFINITY;
        }
        let difference = |(a, b): (&f64, &f32)| (a - f64::from(*b)).abs();
        let differences = self.values.iter().zip(other).map(difference);
        differences.fold(0.0, |max, d| if d.is_nan() { f64::INFINITY } else { f64::max(max, d) })
    }

    /// [`difference`](Self::difference) relative to the largest magnitude.
    pub(crate) fn relative_difference(&self, other: &[f32]) -> f64 {
        match self.difference(other) {
            0.0 => 0.0,
            difference => difference / self.largest(),
        }
    }
}

/// The tensors of a file.
pub(crate) struct Tensors {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

impl Tensors {
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let bytes = fs::read(&path).map_err(|source| Error::Io { action: "read", path: path.clone(), source })?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| invalid(&path, error))?;
        let tensor = |(name, view): (&str, TensorView<'_>)| {
            let values = match view.dtype() {
                Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
                Dtype::I64 => view.data().as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
                other => return Err(invalid(&path, format_args!("{name} is {other:?}, wanted F32 or I64"))),
            };
            Ok((name.to_owned(), Tensor { shape: view.shape().to_vec(), values }))
        };
        let tensors = file.iter().map(tensor).collect::<Result<_>>()?;
        Ok(Self { path, tensors })
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Tensor> {
        self.find(name).ok_or_else(|| self.broken(format_args!("no tensor {name}")))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    fn broken(&self, what: impl fmt::Display) -> Error {
        invalid(&self.path, what)
    }
}

//! Checkpoints to spoil.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use indic_seamless::{Error, Transcriber};
use safetensors::{Dtype, SafeTensors, serialize_to_file, tensor::TensorView};
use serde_json::Value;
use tempfile::TempDir;

use super::golden_dir;

/// Tensors by name: type, shape, bytes.
pub(crate) type Stored = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// A copy of a golden's model folder that a test may spoil.
pub(crate) struct Copy(TempDir);

impl Copy {
    pub(crate) fn of(golden: &str) -> Self {
        Self::of_folder(&golden_dir().join(golden).join("model"))
    }

    pub(crate) fn of_folder(folder: &Path) -> Self {
        let dir = tempfile::tempdir().expect("folder");
        for entry in fs::read_dir(folder).expect("model") {
            let path = entry.expect("entry").path();
            let bytes = fs::read(&path).expect("read");
            fs::write(dir.path().join(path.file_name().expect("name")), bytes).expect("write");
        }
        Self(dir)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn remove(self, file: &str) -> Self {
        fs::remove_file(self.path(file)).expect("remove");
        self
    }

    pub(crate) fn write(self, file: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(file), bytes).expect("write");
        self
    }

    pub(crate) fn set(self, file: &str, key: &str, value: impl Into<Value>) -> Self {
        let mut json: Value = serde_json::from_slice(&fs::read(self.path(file)).expect("read")).expect("JSON");
        json[key] = value.into();
        self.write(file, json.to_string())
    }

    /// Rewrites model.safetensors from `change`d tensors: name -> (type, shape, bytes).
    pub(crate) fn tensors(self, change: impl FnOnce(&mut Stored)) -> Self {
        let bytes = fs::read(self.path("model.safetensors")).expect("read");
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let tensor = |(name, view): (&str, TensorView<'_>)| {
            (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        let mut tensors = file.iter().map(tensor).collect();
        change(&mut tensors);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("view"))
        });
        serialize_to_file(views, None, &self.path("model.safetensors")).expect("write");
        self
    }

    /// Changes one number, F32, of a tensor in model.safetensors.
    pub(crate) fn number(self, tensor: &str, index: usize, value: f32) -> Self {
        self.tensors(|tensors| {
            let (_, _, bytes) = tensors.get_mut(tensor).expect("tensor");
            bytes[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
        })
    }

    pub(crate) fn load(&self) -> indic_seamless::Result<Transcriber> {
        Transcriber::from_dir(self.0.path())
    }

    pub(crate) fn error(&self) -> Error {
        self.load().expect_err("should not load")
    }
}

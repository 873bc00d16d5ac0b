//! Reference outputs: the folders in `tests/golden`, and those that `INDIC_SEAMLESS_GOLDEN` names (colon-separated).

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// `tests/golden` in the workspace.
pub(crate) fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

/// One folder of `model`, `audio` and `golden`.
pub(crate) struct Golden {
    pub(crate) dir: PathBuf,
    pub(crate) manifest: Value,
}

/// All folders, wherever they come from.
pub(crate) fn all() -> Vec<Golden> {
    let shipped = std::fs::read_dir(golden_dir()).expect("tests/golden").map(|entry| entry.expect("entry").path());
    let named = std::env::var("INDIC_SEAMLESS_GOLDEN").unwrap_or_default();
    let named = named.split(':').filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut dirs: Vec<PathBuf> = shipped.filter(|path| path.is_dir()).chain(named).collect();
    dirs.sort();
    assert!(!dirs.is_empty(), "no goldens");
    dirs.into_iter().map(Golden::open).collect()
}

impl Golden {
    fn open(dir: PathBuf) -> Self {
        let path = dir.join("golden/manifest.json");
        let json = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { manifest: serde_json::from_slice(&json).expect("manifest.json"), dir }
    }

    pub(crate) fn name(&self) -> String {
        self.dir.file_name().expect("name").to_string_lossy().into_owned()
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.dir.join("model")
    }

    /// A copy of the model's folder with some keys of config.json changed.
    pub(crate) fn with_config(&self, changes: &[(&str, &Value)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("temporary folder");
        for entry in std::fs::read_dir(self.model()).expect("model") {
            let path = entry.expect("entry").path();
            std::fs::copy(&path, dir.path().join(path.file_name().expect("name"))).expect("copy");
        }
        let path = dir.path().join("config.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).expect("config")).expect("JSON");
        for (key, value) in changes {
            config[*key] = (*value).clone();
        }
        std::fs::remove_file(&path).expect("remove");
        std::fs::write(&path, config.to_string()).expect("write");
        dir
    }

    pub(crate) fn audio(&self, clip: &str) -> PathBuf {
        self.dir.join("audio").join(self.manifest["clips"][clip]["file"].as_str().expect("file"))
    }

    /// The entries of `clips` or `batches`.
    pub(crate) fn entries(&self, kind: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.manifest[kind].as_object().expect("object").iter()
    }

    /// The tensors of a clip or batch, if this golden has any.
    pub(crate) fn tensors(&self, name: &str) -> Option<Tensors> {
        let path = self.dir.join(format!("golden/{name}.safetensors"));
        path.is_file().then(|| Tensors::open(&path))
    }
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

    /// The largest absolute difference; NaN counts as infinite.
    pub(crate) fn difference(&self, other: &[f32]) -> f64 {
        assert_eq!(self.values.len(), other.len(), "sizes, wanted {:?}", self.shape);
        let difference = |(a, b): (&f64, &f32)| (a - f64::from(*b)).abs();
        let differences = self.values.iter().zip(other).map(difference);
        differences.fold(0.0, |max, d| if d.is_nan() { f64::INFINITY } else { f64::max(max, d) })
    }
}

pub(crate) struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    pub(crate) fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = SafeTensors::deserialize(&bytes).expect("safetensors");
        let tensor = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
            let values = match view.dtype() {
                Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
                Dtype::I64 => view.data().as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
                other => panic!("{name}: {other:?}"),
            };
            (name.to_owned(), Tensor { shape: view.shape().to_vec(), values })
        };
        Self(file.iter().map(tensor).collect())
    }

    pub(crate) fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor {name}"))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The largest difference per stage, printed when the test ends.
#[derive(Default)]
pub(crate) struct Report {
    worst: BTreeMap<String, (f64, String)>,
    failures: Vec<String>,
    pub(crate) checks: usize,
}

impl Report {
    /// Notes the difference of a stage, which must not exceed `tolerance`.
    pub(crate) fn check(&mut self, stage: &str, place: &str, difference: f64, tolerance: f64) {
        self.checks += 1;
        let worst = self.worst.entry(stage.to_owned()).or_default();
        if difference >= worst.0 {
            *worst = (difference, place.to_owned());
        }
        if difference > tolerance {
            self.failures.push(format!("{place}: {stage} differs by {difference:.3e}, allowed {tolerance:.1e}"));
        }
    }

    /// Notes whether two things are the same.
    pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(&mut self, stage: &str, place: &str, found: &T, wanted: &T) {
        self.checks += 1;
        if found != wanted {
            self.failures.push(format!("{place}: {stage}\n   found {found:?}\n  wanted {wanted:?}"));
        }
    }

    /// Prints, and fails the test if anything failed or nothing was checked.
    pub(crate) fn finish(self, title: &str) {
        println!("{title}: {} checks", self.checks);
        for (stage, (difference, place)) in &self.worst {
            println!("  {stage:28} {difference:.2e}  {place}");
        }
        assert!(self.checks > 0, "{title}: nothing to check");
        assert!(self.failures.is_empty(), "{title}: {} failed\n{}", self.failures.len(), self.failures.join("\n"));
    }
}

/// A clip in `examples/audio`.
pub(crate) fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/audio").join(file)
}

/// What is said in each of those clips: file -> language -> text, with the language spoken under `spoken`.
pub(crate) fn example_texts() -> BTreeMap<String, BTreeMap<String, String>> {
    let json = std::fs::read(example("texts.json")).expect("texts.json");
    serde_json::from_slice(&json).expect("texts.json")
}

/// White noise between -1 and 1, always the same.
pub(crate) fn noise(length: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

/// The values of a tensor, row after row.
pub(crate) fn values<const D: usize>(tensor: burn::tensor::Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("f32")
}

/// An example's binary, which `cargo test` builds beside the tests.
pub(crate) fn program(example: &str) -> Command {
    let test = std::env::current_exe().expect("this test");
    let target = test.parent().and_then(Path::parent).expect("target folder");
    let path = target.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not there: run `cargo test` or `cargo build --examples` first", path.display());
    let mut command = Command::new(path);
    command.env_remove("INDIC_SEAMLESS_MODEL").env_remove("RUST_LOG");
    command
}

/// A WAV file of mono 16-bit samples at 16 kHz.
pub(crate) fn wav(samples: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|x| ((x * 32_767.0).round() as i16).to_le_bytes()).collect();
    let length = data.len() as u32;
    let mut wav = b"RIFF".to_vec();
    wav.extend((length + 36).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(16_000u32.to_le_bytes());
    wav.extend(32_000u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(length.to_le_bytes());
    wav.extend(data);
    wav
}

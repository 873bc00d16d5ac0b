//! Reference outputs: the folders in `tests/golden`, and those that `INDIC_SEAMLESS_GOLDEN` names (colon-separated).

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

#[allow(unused_imports, reason = "each test uses its part")]
pub(crate) use self::golden::{Golden, Report, compare::values};

#[path = "../../indic-seamless-cli/src/check/golden/mod.rs"]
pub(crate) mod golden;
pub(crate) mod schema;
pub(crate) mod spoil;

/// `tests/golden` in the workspace.
pub(crate) fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

/// All folders, wherever they come from.
pub(crate) fn all() -> Vec<Golden> {
    let shipped = std::fs::read_dir(golden_dir()).expect("tests/golden").map(|entry| entry.expect("entry").path());
    let named = std::env::var("INDIC_SEAMLESS_GOLDEN").unwrap_or_default();
    let named = named.split(':').filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut dirs: Vec<PathBuf> = shipped.filter(|path| path.is_dir()).chain(named).collect();
    dirs.sort();
    assert!(!dirs.is_empty(), "no goldens");
    dirs.into_iter().map(|dir| Golden::open(dir).expect("golden")).collect()
}

impl Golden {
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
}

/// Prints the largest differences, and fails the test if anything failed or nothing was checked.
pub(crate) fn finish(report: &Report, title: &str) {
    println!("{title}: {} checks", report.checks);
    print!("{report}");
    let failures = &report.failures;
    assert!(report.checks > 0, "{title}: nothing to check");
    assert!(failures.is_empty(), "{title}: {} failed\n{}", failures.len(), failures.join("\n"));
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

/// A program, without the settings of whoever runs the tests.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    command.env_remove("INDIC_SEAMLESS_MODEL").env_remove("RUST_LOG");
    command
}

/// An example of the library, which `cargo test` builds beside the tests.
pub(crate) fn example_program(name: &str) -> Command {
    let test = std::env::current_exe().expect("this test");
    let target = test.parent().and_then(Path::parent).expect("target folder");
    let path = target.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is missing: run `cargo test` or `cargo build --examples` first", path.display());
    program(path)
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

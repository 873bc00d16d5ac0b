//! The program `indic-seamless` as its users run it: output, exit codes, files.

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod commands;
mod folders;
mod live;
mod many;
mod output;
mod parts;
#[cfg(feature = "service")]
mod serve;
mod together;
mod transcribe;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use indic_seamless::Waveform;

/// The program with a subcommand.
fn program(subcommand: &str) -> Command {
    let mut command = common::program(env!("CARGO_BIN_EXE_indic-seamless"));
    command.arg(subcommand);
    command
}

fn transcribe() -> Command {
    program("transcribe")
}

/// A file of the golden `tiny`.
fn tiny(file: &str) -> PathBuf {
    common::golden_dir().join("tiny").join(file)
}

/// Transcribes with the golden model, whose tokens and scores are known.
fn run_tiny(arguments: &[&str], files: &[PathBuf]) -> Output {
    transcribe().arg("--model").arg(tiny("model")).args(arguments).args(files).output().expect("run")
}

/// Transcribes with the demo model.
fn run(arguments: &[&str], files: &[PathBuf]) -> Output {
    transcribe().args(["--model", "demo"]).args(arguments).args(files).output().expect("run")
}

fn clip() -> PathBuf {
    common::example("hindi-1.wav")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All files below a folder, by their paths from there on.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("folder") {
        let entry = entry.expect("entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

/// Copies an example to `to`, whose folder is created.
fn copy(example: &str, to: &Path) {
    fs::create_dir_all(to.parent().expect("folder")).expect("folder");
    fs::copy(common::example(example), to).expect("copy");
}

/// Writes a recording with a clip every twelve seconds: 8 kHz, 8 bits.
fn write_long(path: &Path, seconds: usize) {
    let clip = Waveform::open(clip()).expect("clip");
    let mut round: Vec<u8> = clip.samples().iter().step_by(2).map(|x| (x * 127.0 + 128.0) as u8).collect();
    round.resize(12 * 8000, 128);
    let data: Vec<u8> = round.into_iter().cycle().take(seconds * 8000).collect();
    let mut wav = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data".to_vec();
    wav[4..8].copy_from_slice(&(data.len() as u32 + 36).to_le_bytes());
    wav.extend((data.len() as u32).to_le_bytes());
    fs::write(path, [wav, data].concat()).expect("file");
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("file")
}

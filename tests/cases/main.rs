//! Recordings as recorders, messengers and editors make them: samples as ffmpeg gives them, the text, and the damage.
//!
//! `ci/cases.sh` makes the files with `make.py` and runs these tests. `table.rs` says what is expected of each file.

#[path = "../common/mod.rs"]
mod common;
mod cues;
mod large;
mod reference;
mod said;
mod table;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use indic_seamless::{
    Damage, Error, Language, TranscribeOptions, Transcriber, Transcript, Waveform,
    audio::{AudioOptions, DamagePolicy},
};

use self::table::{Case, LARGE, Verdict, cases};

/// How far the place of damage may be from the expected one, in seconds.
const PLACE_S: f64 = 0.5;

/// The folder of the files.
fn folder() -> PathBuf {
    env::var_os("CASES").map(PathBuf::from).expect("CASES, which ci/cases.sh sets")
}

/// Transcribes with the times of words.
fn transcribe(transcriber: &Transcriber, audio: &Waveform) -> Transcript {
    let options = TranscribeOptions { words: true, ..TranscribeOptions::default() };
    transcriber.transcribe_with(audio, Language::HINDI, options).expect("text")
}

/// What is wrong with the damage that was found.
fn unexpected(found: &[Damage], wanted: &[table::Place]) -> Option<String> {
    let is_near =
        |(damage, place): (&Damage, &table::Place)| damage.kind == place.0 && (damage.at_s - place.1).abs() < PLACE_S;
    let is_expected = found.len() == wanted.len() && found.iter().zip(wanted).all(is_near);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    (!is_expected).then(|| format!("damage {found:?}, not {wanted:?}"))
}

/// All that is wrong with a case.
fn problems(case: &Case, folder: &Path, transcriber: &Transcriber) -> Vec<String> {
    let path = folder.join(case.file);
    let strict = AudioOptions::new().damage(DamagePolicy::Refuse).open(&path);
    let audio = match (Waveform::open(&path), case.verdict) {
        (Err(Error::UnsupportedAudio { found, .. }), Verdict::Refused(name)) => {
            let is_named = found.starts_with(name) && found.contains("ffmpeg -i FILE -f wav - |");
            return if is_named { Vec::new() } else { vec![format!("refused as {found:?}, not as {name:?}")] };
        }
        (Err(Error::DamagedAudio { reason, .. }), Verdict::Lost(what)) => {
            return if reason.contains(what) { Vec::new() } else { vec![format!("{reason:?}, not {what:?}")] };
        }
        (Ok(audio), Verdict::Whole | Verdict::Damaged(_)) => audio,
        (opened, verdict) => return vec![format!("{opened:?}, not {verdict:?}")],
    };
    let places = if let Verdict::Damaged(places) = case.verdict { places } else { &[] };
    let mut problems: Vec<String> = unexpected(audio.damage(), places).into_iter().collect();
    match strict {
        Ok(_) if places.is_empty() => {}
        Err(Error::DamagedAudio { .. } | Error::InvalidSample { .. }) if !places.is_empty() => {}
        other => problems.push(format!("with damage refused: {other:?}")),
    }
    if AudioOptions::new().reader(&path).ok().and_then(|reader| reader.channels()).is_none() {
        problems.push("the number of channels is not known before anything is decoded".to_owned());
    }
    problems.extend(reference::differences(case, folder, audio.samples()));
    problems.extend(case.said.differences(&transcribe(transcriber, &audio)));
    problems
}

#[test]
#[ignore = "needs ffmpeg, sox and flac: ci/cases.sh"]
fn every_case_gives_the_samples_of_ffmpeg_the_text_and_its_damage() {
    let (folder, cases) = (folder(), cases());
    let entries = fs::read_dir(&folder).expect("the folder of cases").map(|entry| entry.expect("entry"));
    let files =
        entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name().into_string().expect("name"));
    let files: BTreeSet<String> = files.filter(|file| !LARGE.contains(&&file[..])).collect();
    let rows: BTreeSet<String> = cases.iter().map(|case| case.file.to_owned()).collect();
    assert_eq!(rows.len(), cases.len(), "a file has two rows");
    let without: Vec<_> = files.symmetric_difference(&rows).collect();
    assert!(without.is_empty(), "a file without a row in the table, or a row without a file: {without:?}");

    let transcriber = Transcriber::demo().expect("model");
    let filter = env::var("CASE").unwrap_or_default();
    let chosen = cases.iter().filter(|case| case.file.contains(&filter));
    let (mut checked, mut wrong) = (0, Vec::new());
    for case in chosen {
        checked += 1;
        let problems = problems(case, &folder, &transcriber);
        problems.iter().for_each(|problem| println!("{}: {problem}", case.file));
        wrong.extend((!problems.is_empty()).then_some(case.file));
    }
    println!("{checked} cases, {} wrong", wrong.len());
    assert!(checked > 0 && wrong.is_empty(), "{} of {checked} cases are wrong: {wrong:?}", wrong.len());
}

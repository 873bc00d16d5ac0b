//! Makes mutations by their numbers, one after the other, and reports what they came to.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{Seek, Write},
    panic::{self, PanicHookInfo},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use fastrand::Rng;
use indic_seamless::audio::{DamagePolicy, formats};

use crate::{
    checks::{Verdict, check},
    clips::{self, Clip},
    heard::Way,
    mutate::mutate,
};

/// A mutation that takes longer than this does not end.
const HANGS: Duration = Duration::from_secs(120);
/// The most failures that are printed.
const MOST_PRINTED: usize = 20;

/// Where panics happened that were caught, with their number.
static PANICS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Keeps tests from running side by side: they count allocations and panics of the whole process.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mutation that was made and decoded.
struct Case {
    seed: u64,
    clip: String,
    container: &'static str,
    what: String,
    verdict: Verdict,
}

/// What the mutations of a container came to.
#[derive(Debug, Default)]
struct Tally {
    files: usize,
    /// How many had to keep what lies in front of the mutation, and how many had to say what is missing.
    before: usize,
    damage: usize,
    slowest: Duration,
    memory: usize,
}

/// Makes `count` mutations from number `first` on.
pub(crate) fn run(first: u64, count: u64) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    fs::create_dir_all(&folder).expect("a folder");
    let running = folder.join("running");
    let (send, cases) = mpsc::channel();
    panics().clear();
    panic::set_hook(Box::new(note_panic));
    let worker = {
        let folder = folder.clone();
        let mut note = fs::File::create(&running).expect("a file");
        thread::spawn(move || {
            let clips = clips::all();
            for seed in first..first + count {
                // If the process dies, this names the mutation.
                note.rewind().and_then(|()| write!(note, "{seed:>20}")).expect("a file");
                if send.send(make(&clips, seed, &folder)).is_err() {
                    return;
                }
            }
        })
    };
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut waiting = first;
    while waiting < first + count {
        // The worker ends early only where this test is at fault.
        let case = match cases.recv_timeout(HANGS) {
            Ok(case) => case,
            Err(error) => {
                drop(panic::take_hook());
                panic!("mutation {waiting}: {error}; panics: {:?}", panics());
            }
        };
        waiting += 1;
        tallies.entry(case.container).or_default().add(&case.verdict);
        if case.verdict.wrong.is_some() {
            failures.push(case.to_string());
        }
    }
    worker.join().expect("the worker");
    drop(panic::take_hook());
    let _ = fs::remove_file(running);
    report(&tallies, &mut failures);
    let shown = failures.iter().take(MOST_PRINTED).fold(String::new(), |text, failure| text + "\n" + failure);
    assert!(
        failures.is_empty(),
        "{} of {count} failed; their files are in {}{shown}",
        failures.len(),
        folder.display()
    );
    if count >= 1_000 {
        check_tallies(&tallies);
    }
}

/// Makes and decodes the mutation with this number. The file of one that fails is written to `folder`.
fn make(clips: &[Clip], seed: u64, folder: &Path) -> Case {
    let mut rng = Rng::with_seed(seed);
    let clip = &clips[(seed % clips.len() as u64) as usize];
    let other = rng.choice(clips).map_or(&clip.bytes, |other| &other.bytes);
    let mutation = mutate(&clip.bytes, other, &mut rng);
    let way = if rng.bool() || !clip.streams() { Way::File } else { Way::Pipe };
    let policy = if rng.u8(..8) == 0 { DamagePolicy::Refuse } else { DamagePolicy::Keep };
    let verdict = check(clip, &mutation, way, policy);
    let what = format!("{} ({way:?}, {policy:?})", mutation.what);
    if verdict.wrong.is_some() {
        let path: PathBuf = folder.join(format!("{seed}.{}", clip.extension()));
        fs::write(&path, &mutation.bytes).expect("a file");
    }
    let named = |extension: &str| formats().find(|format| format.extensions.contains(&extension));
    let container = named(clip.extension()).map_or("none", |format| format.name);
    Case { seed, clip: clip.name.clone(), container, what, verdict }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, clip, what, verdict, .. } = self;
        write!(f, "mutation {seed} of {clip}, {what}: {}", verdict.wrong.as_deref().unwrap_or("good"))
    }
}

impl Tally {
    fn add(&mut self, verdict: &Verdict) {
        self.files += 1;
        self.before += usize::from(verdict.checked_before);
        self.damage += usize::from(verdict.checked_damage);
        self.slowest = self.slowest.max(verdict.took);
        self.memory = self.memory.max(verdict.memory);
    }
}

fn panics() -> MutexGuard<'static, BTreeMap<String, usize>> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a panic by its place.
fn note_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, ToString::to_string);
    *panics().entry(place).or_default() += 1;
}

/// Prints what the mutations came to. Panics in code of this project are failures, even if they are caught.
fn report(tallies: &BTreeMap<&str, Tally>, failures: &mut Vec<String>) {
    println!("container         files  kept before  damage told  slowest ms  largest MiB");
    for (container, tally) in tallies {
        let Tally { files, before, damage, slowest, memory } = tally;
        let (slowest, memory) = (slowest.as_millis(), memory >> 20);
        println!("{container:<15} {files:>7}  {before:>11}  {damage:>11}  {slowest:>10}  {memory:>11}");
    }
    for (place, count) in &*panics() {
        println!("{count} panics at {place}");
        // Those of other crates have whole paths.
        if Path::new(place).is_relative() {
            failures.push(format!("{count} panics at {place}"));
        }
    }
}

/// What was to be checked was checked in many files of every container.
fn check_tallies(tallies: &BTreeMap<&str, Tally>) {
    for format in formats() {
        let tally = tallies.get(format.name).unwrap_or_else(|| panic!("no mutation of {format}"));
        assert!(tally.before > tally.files / 8, "{format}: {tally:?}");
        // Nothing in these says how much there should be.
        let tells = !["ADTS", "MP3", "Matroska/WebM"].contains(&format.name);
        assert!(!tells || tally.damage > tally.files / 25, "{format}: {tally:?}");
    }
}

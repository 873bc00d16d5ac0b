//! [`Target`]: runs a target within its bounds.

use std::{fmt, panic, process, sync::Once, time::Duration};

use peak_alloc::PeakAlloc;

use crate::TARGETS;

/// Counts what is allocated.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The longest time that an input may take, with all checks on. Most take a thousandth of it.
const MOST_TIME: Duration = Duration::from_secs(10);

/// What a target may allocate, whatever the input, in MiB: the largest tag that is read whole has 16.
const MEBIBYTES: usize = 17;

/// What is tested, and within which bounds.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its corpus.
    pub name: &'static str,
    run: fn(&[u8]),
    /// Bytes that may be allocated at a time, whatever the input, and for each of its bytes.
    memory: (usize, usize),
    /// The longest input that is worth trying, in bytes.
    pub longest: usize,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.name).finish()
    }
}

impl Target {
    /// A target for inputs of up to 4 KiB that may allocate [`MEBIBYTES`], and 100 bytes for each of the input.
    pub(crate) const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self { name, run, memory: (MEBIBYTES << 20, 100), longest: 4 << 10 }
    }

    /// A target that reads recordings, which may allocate 36 MiB more: so much has the filter that makes 16 kHz of 768 kHz, or of a rate
    /// near it that has no divisor in common with them.
    pub(crate) const fn recording(name: &'static str, run: fn(&[u8])) -> Self {
        Self::new(name, run).mebibytes(MEBIBYTES + 36)
    }

    /// The same target, which may allocate so many MiB.
    pub(crate) const fn mebibytes(self, mebibytes: usize) -> Self {
        Self { memory: (mebibytes << 20, self.memory.1), ..self }
    }

    /// The same target for inputs of up to so many KiB.
    pub(crate) const fn kibibytes(self, kibibytes: usize) -> Self {
        Self { longest: kibibytes << 10, ..self }
    }

    /// The target of this name.
    ///
    /// # Errors
    ///
    /// A message with the names of all targets.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            format!("no target {name:?}; wanted one of {}", names.join(", "))
        })
    }

    /// Loads what the target needs, so that no input is charged for it.
    pub fn prepare(&self) {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            end_at_panics();
            // The pool of threads.
            drop(indic_seamless::fuzzing::float_products(&[1.0; 64], &[1.0; 64], 8, None));
        });
        (self.run)(&[]);
    }

    /// Runs the target on an input.
    ///
    /// # Panics
    ///
    /// If the target does, or takes too much memory or time.
    pub fn check(&self, data: &[u8]) {
        let worked = work();
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        (self.run)(data);
        let took = work() - worked;
        let memory = MEMORY.peak_usage().saturating_sub(before);
        let (constant, factor) = self.memory;
        let most = constant + factor * data.len();
        assert!(
            memory <= most,
            "{}: {memory} bytes allocated for {} of input, at most {most} wanted",
            self.name,
            data.len()
        );
        assert!(took <= MOST_TIME, "{}: {took:?}, at most {MOST_TIME:?} wanted", self.name);
    }
}

/// Ends the process at panics, also where they are caught; except for those of other people's decoders, which the library makes
/// errors of.
fn end_at_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().contains("/symphonia-")) {
            print(panic);
            process::abort();
        }
    }));
}

/// The time that all threads of this process have worked: on a busy machine, much less may be done in a second. A target that waits
/// for ever works no longer, and is stopped by libFuzzer.
#[cfg(unix)]
fn work() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().expect("a process has not worked for less than no time")
}

/// The time since the first call, where the system does not tell how long the threads have worked.
#[cfg(not(unix))]
fn work() -> Duration {
    static BEGIN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGIN.elapsed()
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_target_that_needs_too_much_fails() {
        let fails = |target: Target, data: &[u8]| catch_unwind(|| target.check(data)).is_err();
        let greedy = Target::new("greedy", |data| drop(vec![1_u8; 1_000 * data.len()]));
        assert!(!fails(greedy, &[0; 1_000]));
        assert!(fails(greedy, &[0; 20_000]));
        let slow = Target::new("slow", |_| {
            let worked = work();
            while work() - worked <= MOST_TIME {}
        });
        assert!(fails(slow, &[]));
        assert!(Target::named("none").is_err_and(|message| message.contains("wav")));
    }
}

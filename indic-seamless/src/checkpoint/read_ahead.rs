//! Mapped weights are read ahead by many threads.
//!
//! A mapping is read page by page, in the order in which the model touches it, so that few reads are under way at a time. Where
//! each takes long, as from a lazily loaded container image or a network drive, that is a fraction of what the storage can do.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Reads under way at a time.
const THREADS: usize = 32;
/// Bytes of a read.
const CHUNK: u64 = 512 << 10;
/// Places that are read to learn whether the weights are in memory already.
const PROBES: u64 = 64;
/// A read from memory takes less.
const SLOW: Duration = Duration::from_micros(50);
/// So many slow reads are no accident.
const ENOUGH: usize = 4;

/// Parts of files that follow each other, each a file's place in a list and bytes in it.
pub(super) type Parts = Vec<(usize, Range<u64>)>;

/// Reads `parts`, unless they are in memory already, until `goes_on` says no. `read` reads from one of the files, given by its
/// place in the list, into a buffer; its errors do not matter here, as whoever needs the bytes meets them again.
pub(super) fn read_ahead(
    parts: &Parts,
    read: impl Fn(usize, &mut [u8], u64) + Sync,
    goes_on: impl Fn() -> bool + Sync,
) {
    if !is_slow(parts, &read) {
        return;
    }
    let chunks: Vec<(usize, Range<u64>)> = parts.iter().flat_map(|(file, bytes)| cut(*file, bytes)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffer = vec![0; CHUNK as usize];
        while let Some((file, bytes)) = chunks.get(next.fetch_add(1, Ordering::Relaxed)).filter(|_| goes_on()) {
            read(*file, &mut buffer[..(bytes.end - bytes.start) as usize], bytes.start);
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS.min(chunks.len()) {
            // With fewer threads it takes longer.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
    });
}

/// Whether reads take longer than from memory.
fn is_slow(parts: &Parts, read: &impl Fn(usize, &mut [u8], u64)) -> bool {
    let total: u64 = parts.iter().map(|(_, bytes)| bytes.end - bytes.start).sum();
    let mut slow = 0;
    for probe in 0..PROBES.min(total) {
        let mut place = probe * (total / PROBES.min(total));
        for (file, bytes) in parts {
            let length = bytes.end - bytes.start;
            if place < length {
                let started = Instant::now();
                read(*file, &mut [0], bytes.start + place);
                slow += usize::from(started.elapsed() > SLOW);
                break;
            }
            place -= length;
        }
        if slow == ENOUGH {
            return true;
        }
    }
    false
}

/// Chunks of a file, aligned so that each is one of the storage's.
fn cut(file: usize, bytes: &Range<u64>) -> impl Iterator<Item = (usize, Range<u64>)> + use<> {
    let bytes = bytes.clone();
    let chunks = bytes.start / CHUNK..bytes.end.div_ceil(CHUNK);
    chunks.map(move |chunk| (file, (chunk * CHUNK).max(bytes.start)..((chunk + 1) * CHUNK).min(bytes.end)))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::{Mutex, atomic::AtomicBool},
    };

    use super::*;

    fn parts() -> Parts {
        vec![(0, 100..3 * CHUNK + 7), (2, CHUNK..40 * CHUNK)]
    }

    #[test]
    fn slow_files_are_read_whole_and_in_parallel() {
        let (seen, now, most) = (Mutex::new(BTreeSet::new()), AtomicUsize::new(0), AtomicUsize::new(0));
        let started = Instant::now();
        let read = |file: usize, buffer: &mut [u8], offset: u64| {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
            // A chunk is not read before others are.
            while buffer.len() > 1 && most.load(Ordering::Relaxed) <= 16 && started.elapsed() < Duration::from_secs(60)
            {
                thread::sleep(Duration::from_millis(1));
            }
            now.fetch_sub(1, Ordering::Relaxed);
            if buffer.len() > 1 {
                assert!(seen.lock().expect("no panic").insert((file, offset, buffer.len() as u64)));
            }
        };
        read_ahead(&parts(), read, || true);
        let seen = seen.into_inner().expect("no panic");
        for (file, bytes) in parts() {
            let mut at = bytes.start;
            for (_, offset, length) in seen.iter().filter(|(found, ..)| *found == file) {
                assert_eq!(*offset, at);
                at += length;
            }
            assert_eq!(at, bytes.end);
        }
        assert!(most.into_inner() > 16);
    }

    #[test]
    fn files_in_memory_are_left_alone() {
        let read = AtomicUsize::new(0);
        let count = |_, buffer: &mut [u8], _| {
            read.fetch_add(buffer.len(), Ordering::Relaxed);
        };
        read_ahead(&parts(), count, || true);
        assert_eq!(read.into_inner(), PROBES as usize);
        read_ahead(&Parts::new(), |_, _, _| panic!("there is nothing to read"), || true);
    }

    #[test]
    fn it_ends_when_nobody_needs_the_bytes() {
        let (goes_on, chunks) = (AtomicBool::new(true), AtomicUsize::new(0));
        let read = |_, buffer: &mut [u8], _| {
            thread::sleep(Duration::from_millis(1));
            if buffer.len() > 1 {
                chunks.fetch_add(1, Ordering::Relaxed);
                goes_on.store(false, Ordering::Relaxed);
            }
        };
        read_ahead(&vec![(0, 0..1000 * CHUNK)], read, || goes_on.load(Ordering::Relaxed));
        assert!(chunks.into_inner() <= THREADS);
    }
}

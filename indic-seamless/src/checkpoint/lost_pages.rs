//! Pages of mapped files that the system can no longer give, since the file was truncated or its disk fails.
//!
//! Whoever touches such a page gets the signal `SIGBUS`, which ends the process. For mappings that are [watched](watch),
//! [a handler](bus_error) puts zeros in the place of the pages and takes note of it: the thread goes on, and finds out before a
//! result is given away.

#[cfg(unix)]
mod bus_error;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// Mappings that can be watched at a time: more than the weight files of some models.
const MAPPINGS: usize = 256;

/// All mappings that are watched. A handler of a signal may not wait for a lock, so they are atomic.
static WATCHED: [Mapping; MAPPINGS] = [const { Mapping::new() }; MAPPINGS];

/// A mapping that is watched, or a place for one.
pub(super) struct Mapping {
    is_taken: AtomicBool,
    /// Odd while the addresses are valid, and another number for each mapping.
    turn: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    has_lost: AtomicBool,
}

impl Mapping {
    const fn new() -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            has_lost: AtomicBool::new(false),
        }
    }

    /// Whether some of its pages were lost: what was read since then may be zeros.
    pub(super) fn has_lost(&self) -> bool {
        self.has_lost.load(SeqCst)
    }

    /// The end of the mapping, if `address` lies in it.
    #[cfg(any(unix, test))]
    fn end_beyond(&self, address: usize) -> Option<usize> {
        let turn = self.turn.load(SeqCst);
        let (start, end) = (self.start.load(SeqCst), self.end.load(SeqCst));
        // Else the place was given to another mapping in between.
        let is_valid = turn % 2 == 1 && self.turn.load(SeqCst) == turn;
        (is_valid && (start..end).contains(&address)).then_some(end)
    }
}

/// The mapping that an address lies in, with its end.
#[cfg(any(unix, test))]
fn mapping_of(address: usize) -> Option<(&'static Mapping, usize)> {
    WATCHED.iter().find_map(|mapping| Some((mapping, mapping.end_beyond(address)?)))
}

/// Keeps a mapping watched until it is dropped, which must be before the mapping ends.
pub(super) struct Watch(&'static Mapping);

impl Watch {
    pub(super) fn mapping(&self) -> &'static Mapping {
        self.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.turn.fetch_add(1, SeqCst);
        self.0.is_taken.store(false, SeqCst);
    }
}

/// Watches a mapping. `None` if too many are watched, or if the system has no such signal: then a lost page ends the process.
pub(super) fn watch(mapping: &[u8]) -> Option<Watch> {
    #[cfg(unix)]
    if !bus_error::is_handled() {
        return None;
    }
    let place = WATCHED.iter().find(|place| !place.is_taken.swap(true, SeqCst))?;
    let range = mapping.as_ptr_range();
    place.start.store(range.start.addr(), SeqCst);
    place.end.store(range.end.addr(), SeqCst);
    place.has_lost.store(false, SeqCst);
    place.turn.fetch_add(1, SeqCst);
    Some(Watch(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_its_mapping_as_long_as_that_is_watched() {
        let (bytes, other) = (vec![1_u8; 100], vec![1_u8; 100]);
        let first = watch(&bytes).expect("a place");
        let second = watch(&other).expect("a place");
        let address = other.as_ptr().addr();
        for (address, is_inside) in
            [(address, true), (address + 99, true), (address + 100, false), (address - 1, false)]
        {
            let found = mapping_of(address).filter(|(mapping, _)| std::ptr::eq(*mapping, second.mapping()));
            assert_eq!(found.map(|(_, end)| end), is_inside.then_some(other.as_ptr().addr() + 100));
        }
        drop(second);
        assert!(mapping_of(address).is_none());
        assert!(mapping_of(bytes.as_ptr().addr()).is_some_and(|(mapping, _)| std::ptr::eq(mapping, first.mapping())));
    }
}

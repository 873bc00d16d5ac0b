//! Huge pages for weights that are read again and again.
//!
//! A step of the decoder reads a gigabyte of weights once, and the larger the pages are in which they lie, the faster memory
//! gives them: addresses are looked up less often, and the processor reads ahead only within a page. The page cache holds a file
//! in pages of 4 KiB or more, as it happened to be written or read, and offers no way to join them. So the bytes are copied
//! into huge pages, and these take the place of the file's pages at the same addresses, while the model is in use: see
//! [`replace`]. <https://docs.kernel.org/admin-guide/mm/transhuge.html>
#![allow(unsafe_code, reason = "no crate moves mappings to given addresses")]

use std::{
    fs::{self, File},
    io, mem,
    ops::Range,
    os::{fd::AsRawFd, unix::fs::FileExt},
    ptr, slice,
};

/// Bytes that are copied at a time.
const PIECE: usize = 64 << 20;

/// Where usual pages are so large that huge ones are larger than this, they are large enough.
const LARGEST: usize = 32 << 20;

/// The size of a huge page in bytes; `None` where the system gives none to those who ask for them.
pub(super) fn size() -> Option<usize> {
    let read = |name: &str| fs::read_to_string(format!("/sys/kernel/mm/transparent_hugepage/{name}"));
    let status = fs::read_to_string("/proc/self/status").ok()?;
    size_by(&read("hpage_pmd_size").ok()?, &read("enabled").ok()?, &status)
}

/// [`size`] by the contents of the system's files.
fn size_by(size: &str, enabled: &str, status: &str) -> Option<usize> {
    let size: usize = size.trim().parse().ok()?;
    let is_given = !enabled.contains("[never]") && !status.lines().any(|line| line == "THP_enabled:\t0");
    (is_given && size.is_power_of_two() && size <= LARGEST).then_some(size)
}

/// The whole huge pages in `range` of the bytes from address `start` on, some at a time.
pub(super) fn pieces(start: usize, range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let first = (start + range.start).next_multiple_of(size) - start;
    let pages = range.end.saturating_sub(first) / size;
    let pages_at_a_time = (PIECE / size).max(1);
    (0..pages).step_by(pages_at_a_time).map(move |page| {
        let end = pages.min(page + pages_at_a_time);
        first + page * size..first + end * size
    })
}

/// Puts huge pages of `size` bytes in the place of `bytes`, which `file` holds from `offset` on, if it `is_unchanged` when they
/// were read. Other threads may read `bytes` meanwhile: the system lets them wait during the exchange.
///
/// # Errors
///
/// Of reading, of `is_unchanged`, and [`io::ErrorKind::OutOfMemory`]. Then everything is as before. Only if the system ended the old
/// mapping and then has no memory for the entry of a new one, the bytes are gone for the moment until the file is mapped again.
///
/// # Safety
///
/// `bytes` must be whole huge pages of a shared, read-only mapping of `file`, which is unmapped by its addresses.
pub(super) unsafe fn replace(
    bytes: &[u8],
    size: usize,
    (file, offset): (&File, usize),
    is_unchanged: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let pages = Pages::new(bytes.len(), size)?;
    // SAFETY: the pages are ours, zeros at first.
    file.read_exact_at(unsafe { slice::from_raw_parts_mut(pages.start.cast(), pages.len) }, offset as u64)?;
    is_unchanged()?;
    let place = bytes.as_ptr().cast_mut().cast();
    // SAFETY: the addresses belong to the mapping, and from here on the pages do.
    unsafe {
        if libc::mprotect(pages.start, pages.len, libc::PROT_READ) != 0 {
            return Err(io::Error::last_os_error());
        }
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        if libc::mremap(pages.start, pages.len, pages.len, flags, place) == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            // Unless the old mapping is still there, which is an error that does not matter.
            let flags = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE;
            libc::mmap(place, pages.len, libc::PROT_READ, flags, file.as_raw_fd(), offset as libc::off_t);
            return Err(error);
        }
    }
    mem::forget(pages);
    Ok(())
}

/// Memory of our own that begins at a huge page.
struct Pages {
    start: *mut libc::c_void,
    len: usize,
}

impl Pages {
    fn new(len: usize, size: usize) -> io::Result<Self> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: new memory, of which what lies before and behind the wanted pages is given back.
        unsafe {
            let start = libc::mmap(ptr::null_mut(), len + size, access, flags, -1, 0);
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let before = start.addr().next_multiple_of(size) - start.addr();
            // Nothing, if it is in the right place: an error that does not matter.
            libc::munmap(start, before);
            let pages = Self { start: start.byte_add(before), len };
            libc::munmap(pages.start.byte_add(len), size - before);
            // It fails only on systems without huge pages, where `size` knows none.
            libc::madvise(pages.start, len, libc::MADV_HUGEPAGE);
            // As before, a dump of the process has no weights.
            libc::madvise(pages.start, len, libc::MADV_DONTDUMP);
            Ok(pages)
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: they are ours, and nobody uses them.
        unsafe { libc::munmap(self.start, self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_pages_within_the_range() {
        let mb = 1 << 20;
        let none: [Range<usize>; 0] = [];
        let found = |start, range, wanted: &[Range<usize>]| {
            assert_eq!(pieces(start, range, mb).collect::<Vec<_>>(), wanted);
        };
        found(0, 0..3 * mb, slice::from_ref(&(0..3 * mb)));
        found(4096, 5..3 * mb, slice::from_ref(&(mb - 4096..3 * mb - 4096)));
        found(4096, 5..2 * mb - 4097, &none);
        found(0, 1..mb, &none);
        found(0, mb..mb, &none);
        found(0, mb..130 * mb, &[mb..65 * mb, 65 * mb..129 * mb, 129 * mb..130 * mb]);
    }

    #[test]
    fn the_system_says_whether_it_gives_huge_pages() {
        let status = "Name:\tx\nTHP_enabled:\t1\n";
        assert_eq!(size_by("2097152\n", "always [madvise] never\n", status), Some(2 << 20));
        assert_eq!(size_by("2097152\n", "[always] madvise never\n", ""), Some(2 << 20));
        assert_eq!(size_by("2097152\n", "always madvise [never]\n", status), None);
        assert_eq!(size_by("2097152\n", "[always] madvise never\n", "THP_enabled:\t0\n"), None);
        assert_eq!(size_by("536870912\n", "[always] madvise never\n", status), None);
        assert_eq!(size_by("none", "[always] madvise never\n", status), None);
    }
}

//! Weight files: mapped, or copied into memory.

use std::{
    borrow::Cow,
    fmt,
    fs::{File, Metadata},
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use memmap2::{Mmap, MmapMut};

#[cfg(target_os = "linux")]
use super::huge_pages;
use super::lost_pages::{Mapping, Watch, watch};
use crate::error::{Error, Result};

/// How weight files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WeightAccess {
    /// Mapped: the pages belong to the page cache of the system, and processes share them. What is not there yet is read ahead by
    /// many threads while the model is loaded and first used. The files must not be written to or truncated while they are
    /// in use: from then on all that is asked of the model is an error. Replace a checkpoint by renaming, which is always safe.
    ///
    /// On Linux, some seconds after loading, the decoder's weights move to huge pages of the process's own, in the background, if they
    /// are used as they are stored, the system gives huge pages, and the whole checkpoint still fits into memory besides.
    ///
    /// On Unix the first file that is mapped installs a handler of `SIGBUS`, the signal for pages that can no longer be read. It
    /// deals with the files that are mapped here, and passes all else to the handler that was there before.
    #[default]
    Map,
    /// Mapped, and read only when it is needed, page by page. Processes share all of it.
    MapLazily,
    /// Read whole into memory, for folders that others may write to at any time, such as shared network drives.
    Copy,
}

/// The bytes of a weight file.
pub(super) struct FileBytes {
    bytes: Bytes,
    mapped: Option<Mapped>,
    /// Whether a tensor of the model is used in place.
    in_use: AtomicBool,
}

/// A mapped file.
struct Mapped {
    file: File,
    path: PathBuf,
    /// Its state when it was opened.
    stamp: Stamp,
    /// What is known of its pages.
    pages: Option<&'static Mapping>,
}

impl FileBytes {
    pub(super) fn in_memory(bytes: Bytes) -> Self {
        Self { bytes, mapped: None, in_use: AtomicBool::new(false) }
    }

    /// Opens a file on disk.
    pub(super) fn open(path: &Path, access: WeightAccess) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io("read", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        match access {
            WeightAccess::Map | WeightAccess::MapLazily => {
                let (bytes, pages) = map(&file).map_err(Error::io("map", path))?;
                let mapped = Mapped { file, path: path.to_owned(), stamp: Stamp::of(&metadata), pages };
                Ok(Self { bytes, mapped: Some(mapped), in_use: AtomicBool::new(false) })
            }
            WeightAccess::Copy => {
                let bytes = copy(&mut file, metadata.len()).map_err(Error::io("read", path))?;
                Ok(Self::in_memory(bytes))
            }
        }
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The file, if it is mapped.
    pub(super) fn file(&self) -> Option<&File> {
        self.mapped.as_ref().map(|mapped| &mapped.file)
    }

    /// A part that the model uses in place.
    pub(super) fn in_place(&self, range: Range<usize>) -> Bytes {
        self.in_use.store(true, Ordering::Relaxed);
        self.bytes.slice(range)
    }

    /// Moves the whole huge pages of a part that is mapped to pages of the process's own, `size` bytes each. Before each piece,
    /// `goes_on` is given its bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file was written to since it was opened or cannot be read, or if there is no memory. What was not moved
    /// is mapped as before.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code, reason = "see `huge_pages`")]
    pub(super) fn move_to_huge_pages(
        &self,
        range: Range<usize>,
        size: usize,
        goes_on: impl Fn(usize) -> bool,
    ) -> Result<()> {
        let Some(mapped) = &self.mapped else { return Ok(()) };
        let pieces = huge_pages::pieces(self.bytes.as_ptr().addr(), range, size);
        for piece in pieces.take_while(|piece| goes_on(piece.len())) {
            let is_unchanged = || mapped.check_stamp().map_err(io::Error::other);
            let place = (&mapped.file, piece.start);
            // SAFETY: `bytes` is all of the mapping, from the start of the file on.
            let moved = unsafe { huge_pages::replace(&self.bytes[piece], size, place, is_unchanged) };
            moved.map_err(Error::io("read", &mapped.path))?;
        }
        Ok(())
    }

    /// A part that is used once. It is read from the file, since touching the mapping would keep the pages in memory until the file
    /// is unmapped; and from the one that is mapped, since opening it again drops the pages of some file systems.
    ///
    /// # Errors
    ///
    /// [`Error::FileChanged`] if the file was written to since it was opened, [`Error::Io`] if it cannot be read.
    pub(super) fn read(&self, range: Range<usize>) -> Result<Cow<'_, [u8]>> {
        let Some(mapped) = &self.mapped else { return Ok(Cow::Borrowed(&self.bytes[range])) };
        let mut bytes = vec![0; range.len()];
        let read = read_exact_at(&mapped.file, &mut bytes, range.start as u64);
        // Only now, since it may have been written to before it was read.
        mapped.check_stamp()?;
        read.map_err(Error::io("read", &mapped.path))?;
        Ok(Cow::Owned(bytes))
    }

    /// # Errors
    ///
    /// [`Error::FileChanged`] if the model reads from a mapping whose file was written to since it was opened, and [`Error::Io`]
    /// if a part of it could not be read.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let (true, Some(mapped)) = (self.in_use.load(Ordering::Relaxed), &self.mapped) else { return Ok(()) };
        mapped.check_stamp()?;
        if mapped.pages.is_some_and(Mapping::has_lost) {
            return Err(Error::io("read", &mapped.path)(io::Error::other("a part of the mapped file was lost")));
        }
        Ok(())
    }
}

impl Mapped {
    /// # Errors
    ///
    /// [`Error::FileChanged`] if the file was written to since it was opened.
    fn check_stamp(&self) -> Result<()> {
        let Self { file, path, stamp, .. } = self;
        let now = Stamp::of(&file.metadata().map_err(Error::io("read", path))?);
        if now == *stamp {
            return Ok(());
        }
        Err(Error::FileChanged { path: path.clone(), found: now.to_string(), wanted: stamp.to_string() })
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mapped = self.mapped.as_ref().map(|mapped| &mapped.path);
        f.debug_struct("FileBytes").field("len", &self.bytes.len()).field("mapped", &mapped).finish_non_exhaustive()
    }
}

/// The state of a file, by which a change is found.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)?;
        match self.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            Some(time) => write!(f, " of {}.{:03}", time.as_secs(), time.subsec_millis()),
            None => Ok(()),
        }
    }
}

/// Fills `buffer` with the bytes of a file from `offset` on.
#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

/// Fills `buffer` with the bytes of a file from `offset` on.
#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}

/// The first `length` bytes of a file, copied into an anonymous mapping, which is aligned for all types of numbers.
fn copy(file: &mut File, length: u64) -> io::Result<Bytes> {
    if length == 0 {
        return Ok(Bytes::new());
    }
    let mut bytes = MmapMut::map_anon(usize::try_from(length).map_err(io::Error::other)?)?;
    file.read_exact(&mut bytes)?;
    Ok(Bytes::from_owner(bytes))
}

/// A mapping that is watched as long as it lives.
struct WatchedMap {
    // Dropped before the mapping.
    watch: Option<Watch>,
    map: Mmap,
}

impl AsRef<[u8]> for WatchedMap {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

/// Maps a file for reading. Its pages come from the page cache of the system when they are touched, and are shared with other
/// processes.
#[allow(unsafe_code, reason = "no crate offers file mappings without it")]
fn map(file: &File) -> io::Result<(Bytes, Option<&'static Mapping>)> {
    // SAFETY: the mapping is shared and read-only, and is read as plain bytes and numbers, of which every bit pattern is
    // valid. Memory safety does not depend on their values staying the same; the caller checks for changes before and after it
    // computes. Pages that are lost meanwhile become zeros.
    let map = unsafe { Mmap::map(file) }?;
    let map = WatchedMap { watch: watch(&map), map };
    let pages = map.watch.as_ref().map(Watch::mapping);
    Ok((Bytes::from_owner(map), pages))
}

#[cfg(test)]
pub(super) mod tests {
    #[cfg(target_os = "linux")]
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_part_is_read_from_the_file_that_was_opened() {
        let dir = tempfile::tempdir().expect("folder");
        let (path, new) = (dir.path().join("weights"), dir.path().join("new"));
        for access in [WeightAccess::Map, WeightAccess::MapLazily, WeightAccess::Copy] {
            std::fs::write(&path, b"0123456789").expect("written");
            let file = FileBytes::open(&path, access).expect("opened");
            std::fs::write(&new, b"abcdefghij").expect("written");
            std::fs::rename(&new, &path).expect("renamed");
            assert_eq!(*file.read(3..7).expect("read"), *b"3456", "{access:?}");
        }
    }

    #[test]
    fn a_file_that_is_written_to_is_an_error() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("weights");
        let old = UNIX_EPOCH + std::time::Duration::from_secs(1);
        for new in ["01234", "0123456789+", "abcdefghij"] {
            std::fs::write(&path, "0123456789").expect("written");
            File::options().write(true).open(&path).and_then(|file| file.set_modified(old)).expect("as if it were old");
            let file = FileBytes::open(&path, WeightAccess::Map).expect("opened");
            assert_eq!(*file.read(3..7).expect("read"), *b"3456");
            std::fs::write(&path, new).expect("written");
            let error = file.read(3..7).expect_err("changed");
            assert!(matches!(&error, Error::FileChanged { path, .. } if path.ends_with("weights")), "{error}");
        }
    }

    /// How many bytes of a file are mapped.
    #[cfg(target_os = "linux")]
    pub(crate) fn mapped_bytes(path: &Path) -> usize {
        let path = path.canonicalize().expect("a file").display().to_string();
        let maps = std::fs::read_to_string("/proc/self/maps").expect("mappings");
        let bytes = maps.lines().filter(|line| line.ends_with(&path)).map(|line| {
            let (start, rest) = line.split_once('-').expect("a range");
            let address = |text| usize::from_str_radix(text, 16).expect("an address");
            address(rest.split_once(' ').expect("fields").0) - address(start)
        });
        bytes.sum()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn pages_move_while_they_are_read() {
        // Any multiple of the system's pages does.
        const SIZE: usize = 1 << 16;
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("weights");
        let wanted: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        std::fs::write(&path, &wanted).expect("written");
        let file = FileBytes::open(&path, WeightAccess::Map).expect("opened");
        let part = file.in_place(1000..4_000_000);
        let before = mapped_bytes(&path);
        let (passes, is_moved) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut is_same = true;
                while !is_moved.load(Ordering::SeqCst) {
                    is_same &= part == wanted[1000..4_000_000];
                    passes.fetch_add(1, Ordering::SeqCst);
                }
                is_same
            });
            while passes.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let moved = file.move_to_huge_pages(1000..4_000_000, SIZE, |_| true);
            is_moved.store(true, Ordering::SeqCst);
            moved.expect("moved");
            assert!(reader.join().expect("no panic"), "the bytes stay the same");
        });
        assert!(*file.bytes() == wanted[..]);
        assert!((3_800_000..=4_000_000).contains(&(before - mapped_bytes(&path))), "the whole pages of the part");
        file.check_unchanged().expect("the file is as before");

        // What was moved does not depend on the file any more, but the model does.
        File::options().write(true).open(&path).and_then(|file| file.set_len(0)).expect("cut");
        assert!(part[100_000..3_000_000] == wanted[101_000..3_001_000]);
        assert!(matches!(file.check_unchanged(), Err(Error::FileChanged { .. })));
        let left = mapped_bytes(&path);
        assert!(matches!(file.move_to_huge_pages(0..5_000_000, SIZE, |_| true), Err(Error::Io { .. })));
        file.move_to_huge_pages(0..5_000_000, SIZE, |_| false).expect("nothing to do");
        assert_eq!(mapped_bytes(&path), left);
        drop((part, file));
        assert_eq!(mapped_bytes(&path), 0);
    }

    #[test]
    #[cfg(unix)]
    fn pages_that_were_lost_are_an_error_even_if_the_file_is_as_before() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("weights");
        std::fs::write(&path, vec![7; 100_000]).expect("written");
        let file = FileBytes::open(&path, WeightAccess::Map).expect("opened");
        let part = file.in_place(0..100_000);
        let modified = path.metadata().and_then(|metadata| metadata.modified()).expect("a time");
        let on_disk = File::options().write(true).open(&path).expect("opened");
        on_disk.set_len(10).expect("cut");
        assert_eq!((part[9], part[70_000]), (7, 0));
        on_disk.set_len(100_000).expect("as long as before");
        on_disk.set_modified(modified).expect("as old as before");
        let error = file.check_unchanged().expect_err("lost");
        assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("weights")), "{error}");
        // Another file in the same place of the list has lost nothing.
        drop((part, file));
        let file = FileBytes::open(&path, WeightAccess::Map).expect("opened");
        assert_eq!(file.in_place(0..100_000)[70_000], 0);
        file.check_unchanged().expect("nothing lost");
    }
}

//! Compares the bytes of a partial download with the hash in its etag.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    path::Path,
    time::SystemTime,
};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// After this many bytes, which take less than a second, a file that is hashed is marked as being worked on.
const TOUCH: u64 = 64 << 20;

/// The hash of the content of a file, by its etag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    /// SHA-256 of the content: large files.
    Sha256,
    /// SHA-1 of git's object: small files. Some mirrors have the SHA-1 of the content here.
    Sha1,
    /// The etag of a mirror, which is not a hash of the content.
    Unknown,
}

impl Digest {
    pub(super) fn of(etag: &str) -> Self {
        let is_hash = etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        match etag.len() {
            64 if is_hash => Self::Sha256,
            40 if is_hash => Self::Sha1,
            _ => Self::Unknown,
        }
    }
}

/// A SHA-256 that is computed while the bytes arrive.
pub(super) struct Sha256(Context);

impl Sha256 {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The first `length` bytes of a file.
    pub(super) fn update_from(&mut self, path: &Path, length: u64) -> io::Result<()> {
        read(&open(path)?, length, |bytes| self.update(bytes))
    }

    pub(super) fn finish(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

/// The SHA-1 of a file as git's object, and of its bare content.
pub(super) fn sha1(path: &Path) -> io::Result<[String; 2]> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    let mut object = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    let mut content = object.clone();
    object.update(format!("blob {length}\0").as_bytes());
    read(&file, length, |bytes| {
        object.update(bytes);
        content.update(bytes);
    })?;
    Ok([object, content].map(|context| hex(context.finish().as_ref())))
}

/// Opens a partial download. Some systems set the time of files only that may be written to.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Reads the first `length` bytes of a partial download. Hashing some gigabytes takes a minute, in which the file does not grow:
/// its time tells programs that wait for it that it is not given up.
fn read(file: &File, length: u64, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut from = file.take(length);
    let mut buffer = vec![0; 1 << 18];
    let (mut done, mut touched): (u64, Option<u64>) = (0, None);
    loop {
        if touched.is_none_or(|at| done - at >= TOUCH) {
            // Where it cannot be set, programs that wait give up earlier.
            file.set_modified(SystemTime::now()).ok();
            touched = Some(done);
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                each(&buffer[..count]);
                done += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_file_that_is_hashed_is_marked_as_being_worked_on() {
        let file = tempfile::tempfile().unwrap();
        // A hole, of two times that size.
        file.set_len(2 * TOUCH).unwrap();
        let modified = || file.metadata().unwrap().modified().unwrap();
        let (mut done, mut marked) = (0_u64, Vec::new());
        let each = |bytes: &[u8]| {
            if modified() != UNIX_EPOCH {
                marked.push(done);
                file.set_modified(UNIX_EPOCH).unwrap();
            }
            done += bytes.len() as u64;
        };
        read(&file, 2 * TOUCH - 1, each).unwrap();
        assert_eq!(marked, [0, TOUCH]);
        assert_eq!(done, 2 * TOUCH - 1);
    }

    #[test]
    fn known_hashes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // `git hash-object` and `sha1sum`.
        let wanted = ["f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f", "a9993e364706816aba3e25717850c26c9cd0d89d"];
        assert_eq!(sha1(file.path()).unwrap(), wanted);
        let mut sha256 = Sha256::new();
        sha256.update_from(file.path(), 2).unwrap();
        sha256.update(b"c");
        let etag = sha256.finish();
        assert_eq!(etag, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::of(&etag), Digest::Sha256);
        assert_eq!(Digest::of(wanted[0]), Digest::Sha1);
        for other in ["", "abc", &"g".repeat(64), &"0".repeat(32)] {
            assert_eq!(Digest::of(other), Digest::Unknown);
        }
    }
}

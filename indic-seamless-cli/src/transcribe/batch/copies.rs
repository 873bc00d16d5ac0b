//! The folder for temporary files, where the copies of recordings in S3 are while they are transcribed.

use std::{env, io, path::Path};

use indic_seamless::{Error, Result};
use tempfile::NamedTempFile;

/// Looks whether copies can be made.
///
/// # Errors
///
/// Why not.
pub(super) fn probe() -> Result<()> {
    create("").map(drop).map_err(|source| Error::Io { action: "copy", path: "recordings from S3".into(), source })
}

/// A file for a copy. On Linux only a link to it has a name: if the program is killed, nothing of a recording stays on the disk.
///
/// # Errors
///
/// Of a kind that may pass, whatever is wrong with the folder: that says nothing about the recording, and on another machine
/// there may be one.
pub(super) fn create(suffix: &str) -> io::Result<NamedTempFile> {
    create_in(&env::temp_dir(), suffix)
}

fn create_in(folder: &Path, suffix: &str) -> io::Result<NamedTempFile> {
    named(folder, suffix).map_err(|error| {
        let reason = format!("no file in the folder for temporary files, {}: {error}", folder.display());
        io::Error::other(reason)
    })
}

fn named(folder: &Path, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.suffix(suffix);
    #[cfg(target_os = "linux")]
    if Path::new("/proc/self/fd").exists() {
        use std::os::{fd::AsRawFd as _, unix::fs::symlink};
        return builder.make_in(folder, |link| {
            let file = tempfile::tempfile_in(folder)?;
            symlink(format!("/proc/self/fd/{}", file.as_raw_fd()), link)?;
            Ok(file)
        });
    }
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::{super::failure::may_pass, *};

    #[test]
    fn a_folder_that_cannot_be_used_is_not_the_fault_of_a_recording() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        // As of a read-only disk, the kind of the error would say that it stays so: of the recording.
        for folder in [dir.path().join("none"), file] {
            let source = create_in(&folder, ".wav").unwrap_err();
            assert!(source.to_string().contains(&*folder.to_string_lossy()), "{source}");
            let error = Error::Io { action: "read", path: "s3://speech/a.wav".into(), source };
            assert!(may_pass(&error), "{error}");
        }
    }

    #[test]
    fn a_copy_has_the_ending_that_it_is_known_by() {
        let dir = tempfile::tempdir().unwrap();
        let mut copy = create_in(dir.path(), ".wav").unwrap();
        copy.write_all(b"speech").unwrap();
        assert!(copy.path().starts_with(dir.path()) && copy.path().extension().is_some_and(|ending| ending == "wav"));
        let mut read = String::new();
        std::fs::File::open(copy.path()).unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "speech");
        drop(copy);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0);
    }
}

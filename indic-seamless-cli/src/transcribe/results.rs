//! `--output`: where results go.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use indic_seamless::{Error, Result};

use super::args::Args;
use crate::output;

/// Where results go.
pub(crate) enum Results {
    /// All to standard output, each as soon as it is ready.
    Stdout,
    /// All to one file, which is written at the end.
    File { path: PathBuf, bytes: Vec<u8> },
    /// One file for each recording.
    Folder { paths: HashMap<PathBuf, PathBuf> },
}

impl Results {
    /// Reads `--output`. A folder that does not exist is created.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if two recordings would have the same result file.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let Some(output) = &args.output else { return Ok(Self::Stdout) };
        let ends_in_slash = output.as_os_str().as_encoded_bytes().ends_with(b"/");
        if !output.is_dir() && !ends_in_slash {
            return Ok(Self::File { path: output.clone(), bytes: Vec::new() });
        }
        let mut paths = HashMap::new();
        let mut owners: HashMap<PathBuf, &Path> = HashMap::new();
        for file in &args.files {
            let name = if file == Path::new("-") { Path::new("stdin") } else { file.as_path() };
            let mut result = output.join(name.file_stem().unwrap_or(name.as_os_str()));
            result.as_mut_os_string().push(format!(".{}", args.format.extension()));
            if let Some(other) = owners.insert(result.clone(), file).filter(|other| other != file) {
                return Err(Error::InvalidOption {
                    option: "output",
                    found: format!("{} for both {} and {}", result.display(), other.display(), file.display()),
                    wanted: "recordings of different names".to_owned(),
                });
            }
            paths.insert(file.clone(), result);
        }
        fs::create_dir_all(output).map_err(|source| Error::Io { action: "create", path: output.clone(), source })?;
        Ok(Self::Folder { paths })
    }

    /// Whether each recording has a result file of its own.
    pub(crate) fn are_apart(&self) -> bool {
        matches!(self, Self::Folder { .. })
    }

    /// Whether an earlier run wrote the result of a recording. Standard input is a new recording in each run.
    pub(crate) fn has(&self, file: &Path) -> bool {
        file != Path::new("-")
            && matches!(self, Self::Folder { paths } if paths.get(file).is_some_and(|path| path.exists()))
    }

    /// Takes the result of a recording.
    pub(crate) fn put(&mut self, file: &Path, result: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => output::write(result),
            Self::File { bytes, .. } => {
                bytes.extend_from_slice(result);
                Ok(())
            }
            Self::Folder { paths } => paths.get(file).map_or(Ok(()), |path| write(path, result)),
        }
    }

    /// Writes what is still to be written. Without any result, a file stays as it was.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::File { path, bytes } if !bytes.is_empty() => write(&path, &bytes),
            Self::File { .. } | Self::Stdout | Self::Folder { .. } => Ok(()),
        }
    }
}

/// Writes a file completely or not at all, by way of a temporary file. A pipe or device is written to directly.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let known = fs::metadata(path).ok();
        if known.as_ref().is_some_and(|known| !known.is_file() && !known.is_dir()) {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut new = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // The usual mode of a new file; the umask still applies.
            new.permissions(fs::Permissions::from_mode(0o666));
        }
        let mut file = new.tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        if let Some(known) = known {
            file.as_file().set_permissions(known.permissions())?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|source| Error::Io { action: "write", path: path.into(), source })
}

//! `--output`: where results go.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use indic_seamless::{Error, OutputFormat, Result};

use super::{args::Args, file::is_pipe, inputs::Inputs, names::names};
use crate::output;

/// Where results go.
pub(super) enum Results {
    /// All to standard output, each as soon as it is ready.
    Stdout { format: OutputFormat },
    /// All to one file, which is written at the end.
    File {
        format: OutputFormat,
        path: PathBuf,
        bytes: Vec<u8>,
        /// What there is of recordings that failed, for a [file of its own](partial_name).
        part: Vec<u8>,
        overwrite: bool,
    },
    /// Files for each recording.
    Folder {
        /// The files that each recording still lacks.
        lacking: Vec<Vec<(OutputFormat, PathBuf)>>,
        overwrite: bool,
    },
}

impl Results {
    /// Reads `--output` and `--format`. A folder that does not exist is created; recordings that would have the same results
    /// there because they are named twice are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for a file that exists, unless it may be overwritten, for one that is a recording, and for
    /// formats or recordings that cannot share a file.
    pub(super) fn new(args: &Args, inputs: &mut Inputs) -> Result<Self> {
        let Some(output) = &args.output else { return Ok(Self::Stdout { format: for_all(args, inputs)? }) };
        let ends_in_slash = output.as_os_str().as_encoded_bytes().ends_with(b"/");
        if output.is_dir() || ends_in_slash {
            return Self::folder(args, inputs, output);
        }
        let format = for_all(args, inputs)?;
        let recordings = Recordings::of(inputs.files());
        recordings.refuse(output)?;
        recordings.refuse(&partial_name(output))?;
        if output.is_file() && !args.overwrite {
            return Err(exists(output));
        }
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty());
        if parent.is_some_and(|parent| !parent.is_dir()) {
            return Err(Error::Io { action: "write", path: output.clone(), source: io::ErrorKind::NotFound.into() });
        }
        let (path, overwrite) = (output.clone(), args.overwrite);
        Ok(Self::File { format, path, bytes: Vec::new(), part: Vec::new(), overwrite })
    }

    fn folder(args: &Args, inputs: &mut Inputs, output: &Path) -> Result<Self> {
        inputs.drop_repeated();
        let language = args.options.lang.code();
        let (formats, recordings) = (args.options.formats(), Recordings::of(inputs.files()));
        let mut lacking = Vec::new();
        for (input, name) in inputs.recordings.iter().zip(names(&inputs.recordings)?) {
            let mut files = Vec::new();
            for &format in &formats {
                let mut path = output.join(&name);
                path.as_mut_os_string().push(format!(".{language}.{}", format.extension()));
                recordings.refuse(&path)?;
                recordings.refuse(&partial_name(&path))?;
                if args.overwrite || fs::symlink_metadata(&path).is_err() {
                    files.push((format, path));
                } else if is_pipe(&input.file) {
                    // It is another recording each time.
                    return Err(exists(&path));
                }
            }
            lacking.push(files);
        }
        fs::create_dir_all(output).map_err(|source| Error::Io { action: "create", path: output.to_owned(), source })?;
        Ok(Self::Folder { lacking, overwrite: args.overwrite })
    }

    /// Whether each recording has result files of its own.
    pub(super) fn are_apart(&self) -> bool {
        matches!(self, Self::Folder { .. })
    }

    /// Whether they take the text of each segment as soon as it is transcribed.
    pub(super) fn streams(&self) -> bool {
        matches!(self, Self::Stdout { format } if format.streams())
    }

    /// Whether earlier runs wrote all results of a recording, given by its place among the inputs.
    pub(super) fn has(&self, place: usize) -> bool {
        matches!(self, Self::Folder { lacking, .. } if lacking.get(place).is_some_and(Vec::is_empty))
    }

    /// Takes the results of a recording, given by its place among the inputs, as `render` writes them. Those that are `partial`,
    /// because an error ended the transcription, get a [file of their own](partial_name), so that what has the name of a result is
    /// whole, and the next run tries again.
    pub(super) fn put(&mut self, place: usize, render: impl Fn(OutputFormat) -> Vec<u8>, partial: bool) -> Result<()> {
        match self {
            Self::Stdout { format } => output::write(&render(*format)),
            Self::File { format, path, bytes, part, .. } => {
                // A pipe or device is like standard output.
                let is_stream = fs::metadata(path).is_ok_and(|about| !about.is_file());
                let bytes = if partial && !is_stream { part } else { bytes };
                bytes.extend(render(*format));
                Ok(())
            }
            Self::Folder { lacking, overwrite } => {
                for (format, path) in lacking.get(place).into_iter().flatten() {
                    if let Some(parent) = path.parent() {
                        let create = |source| Error::Io { action: "create", path: parent.to_owned(), source };
                        fs::create_dir_all(parent).map_err(create)?;
                    }
                    if partial {
                        write(&partial_name(path), &render(*format), true)?;
                        continue;
                    }
                    write(path, &render(*format), *overwrite)?;
                }
                Ok(())
            }
        }
    }

    /// Writes what is still to be written. Without any result, a file stays as it was.
    pub(super) fn finish(self) -> Result<()> {
        match self {
            Self::File { path, bytes, part, overwrite, .. } => {
                let written = if bytes.is_empty() { Ok(()) } else { write(&path, &bytes, overwrite) };
                written.and(if part.is_empty() { Ok(()) } else { write(&partial_name(&path), &part, true) })
            }
            Self::Stdout { .. } | Self::Folder { .. } => Ok(()),
        }
    }
}

/// The name for what there is of a result: `call.hin.partial.txt` for `call.hin.txt`.
fn partial_name(result: &Path) -> PathBuf {
    let mut ending = OsString::from("partial");
    if let Some(extension) = result.extension() {
        ending.push(".");
        ending.push(extension);
    }
    result.with_extension(ending)
}

/// The one format of results that share standard output or a file.
fn for_all(args: &Args, inputs: &Inputs) -> Result<OutputFormat> {
    let wrong =
        |found: String, wanted: &str| Err(Error::InvalidOption { option: "format", found, wanted: wanted.to_owned() });
    let formats = args.options.formats();
    match formats[..] {
        [format] if format.is_line() || !inputs.are_several() => Ok(format),
        [_] => {
            let count = inputs.recordings.len();
            wrong(format!("{count} files"), "one file for subtitles, or --output with a folder")
        }
        _ => wrong(format!("{} formats", formats.len()), "one format, or --output with a folder"),
    }
}

/// The files to read, by their [identities](identity).
pub(super) struct Recordings<'a>(HashMap<Identity, &'a Path>);

impl<'a> Recordings<'a> {
    pub(super) fn of(files: impl Iterator<Item = &'a Path>) -> Self {
        let files = files.filter(|file| file.is_file());
        Self(files.filter_map(|file| Some((identity(file)?, file))).collect())
    }

    /// Refuses to write to a file that is one of the recordings, under whatever name.
    pub(super) fn refuse(&self, output: &Path) -> Result<()> {
        let Some(recording) = identity(output).and_then(|identity| self.0.get(&identity)) else { return Ok(()) };
        Err(Error::InvalidOption {
            option: "output",
            found: format!("{}, which is the recording {},", output.display(), recording.display()),
            wanted: "another file".to_owned(),
        })
    }
}

fn exists(output: &Path) -> Error {
    Error::InvalidOption {
        option: "output",
        found: format!("{}, which exists,", output.display()),
        wanted: "a new file, or --overwrite to replace it".to_owned(),
    }
}

/// What all names of a file have in common: device and number.
#[cfg(unix)]
type Identity = (u64, u64);

/// What all names of a file have in common, except for hard links.
#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|about| (about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<Identity> {
    fs::canonicalize(path).ok()
}

/// Writes a file completely or not at all, by way of a temporary file; then it is there even after a loss of power. A pipe or
/// device is written to directly.
pub(super) fn write(path: &Path, bytes: &[u8], overwrite: bool) -> Result<()> {
    let write = || {
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let known = fs::metadata(path).ok();
        if known.as_ref().is_some_and(|known| !known.is_file() && !known.is_dir()) {
            return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        if !overwrite && fs::symlink_metadata(path).is_ok() {
            // Another program wrote it in the meantime.
            return Err(io::ErrorKind::AlreadyExists.into());
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
        sync_folder(dir)
    };
    write().map_err(|source| Error::Io { action: "write", path: path.into(), source })
}

/// Writes the names in a folder to its disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Some systems cannot open folders, or one that may not be listed.
    let Ok(folder) = fs::File::open(path) else { return Ok(()) };
    match folder.sync_all() {
        // Some file systems have no such operation.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

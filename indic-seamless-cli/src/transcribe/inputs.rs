//! The recordings of a run: files, and those in folders.

use std::{
    collections::HashSet,
    fs,
    path::{Component, Path, PathBuf},
};

use indic_seamless::{Error, audio};
use walkdir::WalkDir;

/// Extensions of recordings in formats that may not be supported. In a folder, such a file is an error of its own; without
/// this list it would be left out without a word.
const OTHERS: [&str; 45] = [
    "3g2", "3gp", "ac3", "aif", "aifc", "aiff", "amr", "ape", "asf", "au", "avi", "awb", "bwf", "caf", "dss", "dts",
    "eac3", "flv", "gsm", "latm", "m2ts", "m4b", "m4v", "mov", "mp2", "mpeg", "mpg", "mts", "ogv", "qcp", "ra", "rf64",
    "rm", "snd", "sph", "spx", "tak", "ts", "tta", "vob", "voc", "w64", "wma", "wmv", "wv",
];

/// A recording to transcribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// The file, or `-` for standard input.
    pub(super) file: PathBuf,
    /// How many components at the end of its path say where it is in the folder that was given: 1 for a file that was given
    /// itself.
    pub(super) depth: usize,
}

/// All that the command line names.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) recordings: Vec<Input>,
    /// Folders without recordings, and what could not be read in folders.
    pub(super) errors: Vec<(PathBuf, Error)>,
    /// Whether a folder was given.
    folders: bool,
}

impl Inputs {
    /// Looks into the folders among `paths`. Whether files exist is found out when they are read.
    pub(super) fn find(paths: &[PathBuf]) -> Self {
        let mut inputs = Self::default();
        for path in paths {
            if path.is_dir() {
                inputs.folders = true;
                inputs.walk(path);
            } else {
                inputs.recordings.push(Input { file: path.clone(), depth: 1 });
            }
        }
        inputs
    }

    /// Takes the recordings in a folder and the folders in it, in the order of their names, but for hidden ones.
    fn walk(&mut self, folder: &Path) {
        let before = self.recordings.len() + self.errors.len();
        let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.path())) {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_recording(entry.path()) => {
                    self.recordings.push(Input { depth: entry.depth(), file: entry.into_path() });
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    // The files behind a link back to a folder above are taken there: such an error has no source. A link
                    // to nothing matters only if a recording is missed.
                    let matters = !path.is_symlink() || is_recording(&path) && !is_hidden(&path);
                    if let Some(source) = error.into_io_error().filter(|_| matters) {
                        self.errors.push((path.clone(), Error::Io { action: "read", path, source }));
                    }
                }
            }
        }
        if self.recordings.len() + self.errors.len() == before {
            let extensions: Vec<&str> = audio::formats().flat_map(|format| format.extensions).copied().collect();
            let reason = format!("no file in this folder ends in {}", extensions.join(", "));
            let error = Error::NoAudio { source_name: folder.display().to_string(), reason };
            self.errors.push((folder.to_owned(), error));
        }
    }

    /// How many recordings and unreadable folders there are.
    pub(super) fn count(&self) -> usize {
        self.recordings.len() + self.errors.len()
    }

    /// The files of the recordings.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.recordings.iter().map(|input| input.file.as_path())
    }

    /// Whether there may be several recordings: more than one, or a folder.
    pub(super) fn are_several(&self) -> bool {
        self.folders || self.recordings.len() > 1
    }

    /// Drops recordings that were named before, at the same place in the same folder.
    pub(super) fn drop_repeated(&mut self) {
        let mut seen = HashSet::new();
        self.recordings.retain(|input| {
            let file = fs::canonicalize(&input.file).unwrap_or_else(|_| input.file.clone());
            seen.insert((file, tail(&input.file, input.depth)))
        });
    }
}

/// The last `depth` components of a path. `..` and the root do not count.
pub(super) fn tail(path: &Path, depth: usize) -> PathBuf {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_)));
    names.clone().skip(names.count().saturating_sub(depth)).collect()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_recording(file: &Path) -> bool {
    let known = || audio::formats().flat_map(|format| format.extensions).chain(&OTHERS);
    let extension = file.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| known().any(|known| known.eq_ignore_ascii_case(extension)))
}

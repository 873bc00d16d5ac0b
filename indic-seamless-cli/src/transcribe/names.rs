//! Names for the results of recordings, in a folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use indic_seamless::{Error, Result};

use super::inputs::{Input, tail};

/// Whether names that differ in case only are one file: most disks of macOS and Windows take `A` and `a` for one.
pub(super) const CASE_IS_IGNORED: bool = cfg!(any(target_os = "macos", windows));

/// How a result is named.
struct Name<'a> {
    file: &'a Path,
    /// How many components at the end of the file's path it has.
    depth: usize,
    /// Whether it keeps the extension.
    extension: bool,
}

impl Name<'_> {
    fn path(&self) -> PathBuf {
        let path = tail(self.file, self.depth);
        match path.file_stem() {
            _ if self.file == Path::new("-") => PathBuf::from("stdin"),
            Some(stem) if !self.extension => path.with_file_name(stem),
            _ => path,
        }
    }

    /// Takes one more folder into the name; returns whether there is one.
    fn lengthen(&mut self) -> bool {
        let is_longer = tail(self.file, self.depth + 1) != tail(self.file, self.depth);
        self.depth += usize::from(is_longer);
        is_longer
    }
}

/// A name for the results of each recording, without the ending of its format.
///
/// It is the recording's name without extension, below the folders that the recording has in the folder that was given. Where
/// several recordings would have the same name, they get the folders above as far as these differ, or else keep their
/// extensions. On macOS and Windows names that differ in case only are the same.
///
/// # Errors
///
/// [`Error::InvalidOption`] if there are still two of the same name, such as `../a.wav` and `a.wav`.
pub(super) fn names(inputs: &[Input]) -> Result<Vec<PathBuf>> {
    told_apart(inputs, CASE_IS_IGNORED)
}

/// [`names`], of which none differ in case only if `case_is_ignored`.
fn told_apart(inputs: &[Input], case_is_ignored: bool) -> Result<Vec<PathBuf>> {
    let mut names: Vec<Name> =
        inputs.iter().map(|input| Name { file: &input.file, depth: input.depth, extension: false }).collect();
    loop {
        let paths: Vec<PathBuf> = names.iter().map(Name::path).collect();
        let key = |path: &PathBuf| match path.to_str() {
            Some(text) if case_is_ignored => PathBuf::from(text.to_lowercase()),
            _ => path.clone(),
        };
        let mut groups: BTreeMap<PathBuf, Vec<&mut Name>> = BTreeMap::new();
        for (path, name) in paths.iter().zip(&mut names) {
            groups.entry(key(path)).or_default().push(name);
        }
        groups.retain(|_, group| group.len() > 1);
        let mut changed = false;
        groups.values_mut().for_each(|group| changed |= tell_apart(group));
        match groups.values().next() {
            None => return Ok(paths),
            Some(group) if !changed => {
                let files: Vec<_> = group.iter().map(|name| name.file.display().to_string()).collect();
                return Err(Error::InvalidOption {
                    option: "output",
                    found: format!("{} for all of {}", group[0].path().display(), files.join(", ")),
                    wanted: "recordings of different names".to_owned(),
                });
            }
            Some(_) => {}
        }
    }
}

/// Changes names that are the same; returns whether that was possible.
fn tell_apart(group: &mut [&mut Name<'_>]) -> bool {
    let in_one_folder = group.windows(2).all(|pair| pair[0].file.parent() == pair[1].file.parent());
    let mut changed = false;
    for name in group {
        if !in_one_folder && name.lengthen() {
            changed = true;
        } else if !name.extension {
            (name.extension, changed) = (true, true);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(inputs: &[(&str, usize)]) -> Vec<String> {
        of_disk(inputs, false)
    }

    fn of_disk(inputs: &[(&str, usize)], case_is_ignored: bool) -> Vec<String> {
        let inputs: Vec<Input> =
            inputs.iter().map(|(file, depth)| Input { file: PathBuf::from(file), depth: *depth }).collect();
        let names = told_apart(&inputs, case_is_ignored).expect("names");
        names.into_iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_recording_gives_its_name_and_its_place_in_the_folder() {
        assert_eq!(of(&[("/data/calls/a.wav", 1), ("b.tar.mp3", 1), ("-", 1)]), ["a", "b.tar", "stdin"]);
        assert_eq!(of(&[("calls/a.wav", 1), ("calls/may/1/a.wav", 3)]), ["a", "may/1/a"]);
        assert_eq!(of(&[("../../a.wav", 1)]), ["a"]);
    }

    #[test]
    fn equal_names_are_told_apart_by_folders_or_else_by_extensions() {
        assert_eq!(of(&[("d1/call.wav", 1), ("d2/call.wav", 1), ("d1/x.wav", 1)]), ["d1/call", "d2/call", "x"]);
        assert_eq!(of(&[("/a/may/call.wav", 1), ("/b/may/call.mp3", 1)]), ["a/may/call", "b/may/call"]);
        assert_eq!(of(&[("a.mp3", 1), ("a.wav", 1)]), ["a.mp3", "a.wav"]);
        assert_eq!(of(&[("d1/a.mp3", 1), ("d1/a.wav", 1), ("d2/a.wav", 1)]), ["d1/a.mp3", "d1/a.wav", "d2/a"]);
        // Folders that hold the same names.
        assert_eq!(of(&[("x/m/a.wav", 2), ("y/m/a.wav", 2)]), ["x/m/a", "y/m/a"]);
        // A new name may be that of another recording.
        assert_eq!(of(&[("d1/a.wav", 1), ("d2/a.wav", 1), ("z/d1/a.wav", 2)]), ["d1/a.wav", "d2/a", "z/d1/a"]);
        assert_eq!(of(&[("stdin.wav", 1), ("-", 1)]), ["stdin.wav", "stdin"]);
    }

    #[test]
    fn names_that_differ_in_case_are_equal_where_the_disk_takes_them_for_one() {
        let (calls, folders) = ([("A.wav", 1), ("a.mp3", 1)], [("D1/Call.wav", 1), ("d2/call.wav", 1)]);
        assert_eq!(of_disk(&calls, true), ["A.wav", "a.mp3"]);
        assert_eq!(of_disk(&folders, true), ["D1/Call", "d2/call"]);
        assert_eq!(of_disk(&calls, false), ["A", "a"]);
        assert_eq!(of_disk(&folders, false), ["Call", "call"]);
    }

    #[test]
    fn names_that_stay_the_same_are_an_error_that_has_the_files() {
        let says = |files: &[&str], case_is_ignored: bool, wanted: &str| {
            let inputs: Vec<Input> = files.iter().map(|file| Input { file: PathBuf::from(file), depth: 1 }).collect();
            let error = told_apart(&inputs, case_is_ignored).expect_err("the same").to_string();
            assert!(error.contains(wanted), "{error}");
        };
        says(&["../a.wav", "a.wav", "b.wav"], false, "a.wav for all of ../a.wav, a.wav");
        says(&["../A.wav", "a.wav"], true, "A.wav for all of ../A.wav, a.wav");
    }
}

//! Where recordings, manifests and results are: on this machine, or in S3.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A file, or an object in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    File(PathBuf),
    Object(S3Url),
}

/// `s3://BUCKET/KEY`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct S3Url {
    pub(super) bucket: String,
    /// Of a folder it ends in a slash, or is empty.
    pub(super) key: String,
}

/// What URLs of objects begin with.
pub(super) const SCHEME: &str = "s3://";

impl Location {
    /// Reads a path or URL.
    ///
    /// # Errors
    ///
    /// What would be accepted.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix(SCHEME) {
            Some(rest) => S3Url::parse(rest).map(Self::Object),
            None if text.contains("://") => Err("a path, or s3://BUCKET/KEY"),
            None if text.is_empty() || text == "-" => Err("the path of a file"),
            None => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl S3Url {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (bucket, key) = text.split_once('/').unwrap_or((text, ""));
        let segments = key.strip_suffix('/').unwrap_or(key);
        let is_plain = segments.is_empty() || segments.split('/').all(|name| !["", ".", ".."].contains(&name));
        if bucket.is_empty() || !is_plain {
            return Err("s3://BUCKET/KEY, without empty names, . or .. in the key");
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The folder of this name.
    pub(super) fn into_folder(mut self) -> Self {
        if !self.key.is_empty() && !self.key.ends_with('/') {
            self.key.push('/');
        }
        self
    }

    /// An object in this folder.
    pub(super) fn join(&self, name: &str) -> Self {
        Self { bucket: self.bucket.clone(), key: format!("{}{name}", self.key) }
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Object(url) => url.fmt(f),
        }
    }
}

/// The folder from which paths in a manifest go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    Folder(PathBuf),
    Prefix(S3Url),
}

impl Base {
    /// The folder that holds a manifest.
    pub(super) fn of(manifest: &Location) -> Self {
        match manifest {
            Location::File(path) => Self::Folder(path.parent().unwrap_or(Path::new("")).to_owned()),
            Location::Object(S3Url { bucket, key }) => {
                let key = key.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                Self::Prefix(S3Url { bucket: bucket.clone(), key }.into_folder())
            }
        }
    }

    /// What a path or URL in the manifest names.
    ///
    /// # Errors
    ///
    /// As [`Location::parse`].
    pub(super) fn resolve(&self, text: &str) -> Result<Location, &'static str> {
        match (Location::parse(text)?, self) {
            (Location::File(path), Self::Folder(folder)) => Ok(Location::File(folder.join(path))),
            (Location::File(_), Self::Prefix(_)) if text.starts_with('/') => {
                Err("s3://BUCKET/KEY, or a key from the manifest's folder on")
            }
            (Location::File(_), Self::Prefix(folder)) => {
                S3Url::parse(folder.join(text).to_string().strip_prefix(SCHEME).unwrap_or_default())
                    .map(Location::Object)
            }
            (object, _) => Ok(object),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_on_from_the_manifest() {
        let resolved = |manifest: &str, text: &str| {
            let base = Base::of(&Location::parse(manifest).unwrap());
            base.resolve(text).map(|location| location.to_string())
        };
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(resolved("lists/m.csv", "a/b.wav"), ok("lists/a/b.wav"));
        assert_eq!(resolved("m.csv", "a.wav"), ok("a.wav"));
        assert_eq!(resolved("lists/m.csv", "/data/a.wav"), ok("/data/a.wav"));
        assert_eq!(resolved("lists/m.csv", "s3://speech/a b.wav"), ok("s3://speech/a b.wav"));
        assert_eq!(resolved("s3://speech/lists/m.csv", "a/b.wav"), ok("s3://speech/lists/a/b.wav"));
        assert_eq!(resolved("s3://speech/m.csv", "a.wav"), ok("s3://speech/a.wav"));
        assert_eq!(resolved("s3://speech/m.csv", "s3://other/a.wav"), ok("s3://other/a.wav"));
        for wrong in ["", "-", "https://example.com/a.wav", "s3://", "s3:///a", "s3://speech/a//b", "s3://speech/../a"]
        {
            assert!(resolved("m.csv", wrong).is_err(), "{wrong}");
        }
        for wrong in ["/a.wav", "../a.wav", "./a.wav"] {
            assert!(resolved("s3://speech/lists/m.csv", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn folders_in_a_bucket() {
        let in_folder = |text: &str| match Location::parse(text).unwrap() {
            Location::Object(url) => url.into_folder().join("a.hin.txt").to_string(),
            file => panic!("{file}"),
        };
        assert_eq!(in_folder("s3://speech/texts/"), "s3://speech/texts/a.hin.txt");
        assert_eq!(in_folder("s3://speech/texts"), "s3://speech/texts/a.hin.txt");
        assert_eq!(in_folder("s3://speech"), "s3://speech/a.hin.txt");
    }
}

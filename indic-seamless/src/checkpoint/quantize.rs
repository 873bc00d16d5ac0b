//! Writes a checkpoint with quantised weights.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hasher},
    io::{self, BufWriter, Write},
    path::Path,
};

use bytes::Bytes;
use safetensors::Dtype;
use serde_json::{Map, Value, json};

use super::{
    Checkpoint, OnProgress,
    layout::{CONFIG, OTHERS, SENTENCEPIECE, TOKENIZER_JSON, WEIGHTS},
    load,
    packing::{Packing, SCHEME_KEY, scale_name},
    partial::PartialFolder,
    weights::FloatType,
};
use crate::{
    backend::Precision,
    error::{Error, Result},
};

/// The data is used in place, so it begins at a multiple of a cache line.
const ALIGNMENT: usize = 64;

impl Checkpoint {
    /// Writes the checkpoint with weights of `precision`, [`Int8`](Precision::Int8) or [`Int4`](Precision::Int4), to the new folder
    /// `dir`, which loads like any other.
    ///
    /// Weights of matrix products become bytes with a scale per output, or half bytes in the feed-forward blocks of the decoder;
    /// all other tensors `f32`. Tensors are read and written one by one. The folder gets its name after everything in it has been
    /// written to the disk and read back. Until then it is called `.NAME.partial-Ab12Cd`; what a killed run leaves of it, the next
    /// run for the same `dir` removes.
    ///
    /// ```
    /// use indic_seamless::{Precision, Transcriber, checkpoint::Checkpoint};
    ///
    /// # fn main() -> indic_seamless::Result<()> {
    /// # let parent = tempfile::tempdir().unwrap();
    /// # let dir = parent.path().join("demo-int8");
    /// Checkpoint::demo()?.quantize(&dir, Precision::Int8, &mut |_, _| {})?;
    /// assert_eq!(Transcriber::from_dir(&dir)?.precision(), Precision::Int8);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] for other precisions, [`Error::AlreadyExists`] if `dir` exists, [`Error::NoSpace`] if the disk is
    /// too full, the first tensor that is missing or wrong, [`Error::FileChanged`] if a file of this checkpoint is written to
    /// meanwhile, [`Error::Io`]. After an error `dir` does not exist.
    pub fn quantize(&self, dir: impl AsRef<Path>, precision: Precision, progress: OnProgress<'_>) -> Result<()> {
        let scheme = match precision {
            Precision::Int8 => Packing::Int8.scheme(),
            Precision::Int4 => Packing::Int4.scheme(),
            Precision::Auto | Precision::F32 | Precision::Bf16 => {
                return Err(Error::InvalidOption {
                    option: "precision",
                    found: format!("{precision} to quantize to"),
                    wanted: "int8 or int4".to_owned(),
                });
            }
        };
        let dir = std::path::absolute(dir.as_ref()).map_err(Error::io("use", dir.as_ref()))?;
        let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
            return Err(Error::AlreadyExists { path: dir });
        };
        if fs::symlink_metadata(&dir).is_ok() {
            return Err(Error::AlreadyExists { path: dir });
        }
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        // Before the space is counted: it removes what killed runs left.
        let partial = PartialFolder::new(parent, &name.to_string_lossy())?;
        let plan = Plan::new(self, precision, scheme);
        let small = self.small_files()?;
        let wanted = plan.bytes() + small.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        let found = fs4::available_space(parent).map_err(Error::io("look for space in", parent))?;
        if found < wanted {
            return Err(Error::NoSpace { path: parent.into(), found, wanted });
        }
        for (name, bytes) in &small {
            partial.write(name, bytes)?;
        }
        let path = partial.path().join(WEIGHTS);
        let written = plan.write(self, &path, progress)?;
        if hash(&path).map_err(Error::io("read", &path))? != written {
            return Err(Error::InvalidFile { path, reason: "what was read back is not what was written".to_owned() });
        }
        plan.check(&Self::open(partial.path())?)?;
        // Some tensors were not read but used in place.
        self.check_unchanged()?;
        partial.finish(&dir)
    }

    /// The small files that the checkpoint has.
    fn small_files(&self) -> Result<Vec<(&'static str, Bytes)>> {
        let mut files = Vec::new();
        for name in [CONFIG, SENTENCEPIECE, TOKENIZER_JSON].into_iter().chain(OTHERS) {
            files.extend(self.source.read_if_there(name)?.map(|bytes| (name, bytes)));
        }
        Ok(files)
    }
}

/// The content of the file: quantised weights, whose sizes keep them aligned, then scales and other numbers.
struct Plan {
    /// How the weights lie, for the metadata.
    scheme: &'static str,
    /// Weights of matrix products, `[output, input]`.
    weights: Vec<(String, ([usize; 2], Packing))>,
    floats: Vec<(String, Vec<usize>)>,
}

impl Plan {
    fn new(checkpoint: &Checkpoint, precision: Precision, scheme: &'static str) -> Self {
        let mut plan = Self { scheme, weights: Vec::new(), floats: Vec::new() };
        for (name, tensor) in load::tensors(&checkpoint.config) {
            match tensor.packed(precision) {
                Some(weight) => plan.weights.push((name, weight)),
                None => plan.floats.push((name, tensor.shape().to_vec())),
            }
        }
        // Blocks of half bytes are no multiple of a cache line.
        plan.weights.sort_by_key(|(_, (_, packing))| *packing == Packing::Int4);
        plan
    }

    /// Name, type and shape of the tensors, in the order of the file.
    fn tensors(&self) -> impl Iterator<Item = (String, Dtype, Vec<usize>)> {
        let bytes = |(name, (shape, packing)): &(String, ([usize; 2], Packing))| {
            (name.clone(), packing.dtype(), packing.shape(*shape).to_vec())
        };
        let scales =
            |(name, ([output, _], _)): &(String, ([usize; 2], Packing))| (scale_name(name), Dtype::F32, vec![*output]);
        let floats = self.floats.iter().map(|(name, shape)| (name.clone(), Dtype::F32, shape.clone()));
        self.weights.iter().map(bytes).chain(self.weights.iter().map(scales)).chain(floats)
    }

    /// The size of all tensors.
    fn bytes(&self) -> u64 {
        self.tensors().map(|(_, dtype, shape)| size(dtype, &shape)).sum()
    }

    /// The header of a safetensors file, with its length before it.
    fn header(&self) -> Vec<u8> {
        let mut header = Map::new();
        header.insert("__metadata__".to_owned(), json!({ "format": "pt", SCHEME_KEY: self.scheme }));
        let mut start = 0;
        for (name, dtype, shape) in self.tensors() {
            let end = start + size(dtype, &shape);
            let dtype = format!("{dtype:?}");
            header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
            start = end;
        }
        let mut json = Value::Object(header).to_string().into_bytes();
        // Spaces after the JSON are part of the format.
        json.resize((json.len() + 8).next_multiple_of(ALIGNMENT) - 8, b' ');
        [(json.len() as u64).to_le_bytes().as_slice(), &json].concat()
    }

    /// Writes the file; returns the hash of its bytes.
    fn write(&self, checkpoint: &Checkpoint, path: &Path, progress: OnProgress<'_>) -> Result<u64> {
        let failed = |error| Error::io("write", path)(error);
        let mut file = Hashing::new(BufWriter::new(File::create(path).map_err(failed)?));
        file.write_all(&self.header()).map_err(failed)?;
        let (all, mut done) = (self.bytes(), 0);
        let mut put = |file: &mut Hashing<_>, bytes: &[u8]| {
            file.write_all(bytes).map_err(failed)?;
            done += bytes.len() as u64;
            progress(done, all);
            Ok(())
        };
        let mut all_scales = Vec::new();
        for (name, (shape, packing)) in &self.weights {
            let (bytes, scales, _) = checkpoint.weights.packed(&load::aliases(name), *shape, *packing)?;
            put(&mut file, bytes.as_bytes())?;
            all_scales.extend(scales.iter().flat_map(|scale| scale.to_le_bytes()));
        }
        put(&mut file, &all_scales)?;
        for (name, shape) in &self.floats {
            let (values, _) = checkpoint.weights.floats(&[name], shape, FloatType::F32)?;
            put(&mut file, values.as_bytes())?;
        }
        file.to.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
        Ok(file.hasher.finish())
    }

    /// Checks that the written checkpoint has every tensor.
    fn check(&self, written: &Checkpoint) -> Result<()> {
        for (name, (shape, packing)) in &self.weights {
            written.weights.packed(&[name], *shape, *packing)?;
        }
        for (name, shape) in &self.floats {
            written.weights.floats(&[name], shape, FloatType::F32)?;
        }
        Ok(())
    }
}

fn size(dtype: Dtype, shape: &[usize]) -> u64 {
    (shape.iter().product::<usize>() * if dtype == Dtype::F32 { size_of::<f32>() } else { 1 }) as u64
}

/// Hashes the written bytes, to compare them with those that are read back.
struct Hashing<W> {
    to: W,
    hasher: DefaultHasher,
}

impl<W> Hashing<W> {
    fn new(to: W) -> Self {
        Self { to, hasher: DefaultHasher::new() }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.write(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn hash(path: &Path) -> io::Result<u64> {
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut File::open(path)?, &mut hashing)?;
    Ok(hashing.hasher.finish())
}

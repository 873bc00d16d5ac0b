//! What Python gives as a recording.

use std::path::PathBuf;

use indic_seamless::{AudioOptions, AudioReader, Error, Result, Waveform, audio::DamagePolicy};
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyString},
};

/// A recording that was not decoded yet.
pub(crate) enum Audio {
    File(PathBuf),
    Bytes(Vec<u8>),
    /// Interleaved, in -1 to 1.
    Samples {
        samples: Vec<f32>,
        channels: usize,
        rate: u32,
    },
}

/// A recording that can be read.
pub(crate) enum Opened {
    Reader(Box<AudioReader>),
    Waveform(Waveform),
}

impl Audio {
    /// From a path, bytes, or an array of samples with its rate.
    ///
    /// An array is copied, since Python may change it while it is transcribed.
    pub(crate) fn of(audio: &Bound<'_, PyAny>, rate: Option<u32>) -> PyResult<Self> {
        if let Ok(array) = audio.cast::<PyUntypedArray>() {
            let rate = rate.ok_or_else(|| PyTypeError::new_err("an array of samples needs its rate: rate=16000"))?;
            return Self::of_array(array, rate);
        }
        let recording = if let Ok(bytes) = audio.cast::<PyBytes>() {
            Self::Bytes(bytes.as_bytes().to_vec())
        } else if audio.is_instance_of::<PyString>() || audio.hasattr("__fspath__")? {
            Self::File(audio.extract()?)
        } else {
            return Err(wrong_type(audio, "a path, bytes, or a numpy array of samples with rate="));
        };
        if rate.is_some() {
            return Err(PyTypeError::new_err("rate is for arrays of samples; files and bytes have their own"));
        }
        Ok(recording)
    }

    /// `[samples]` or `[samples, channels]` of `float32`, `float64` or `int16`.
    fn of_array(array: &Bound<'_, PyUntypedArray>, rate: u32) -> PyResult<Self> {
        let shape = array.shape();
        let channels = match *shape {
            [_] => 1,
            [_, channels @ 1..=64] => channels,
            _ => {
                let wanted = "wanted [samples] or [samples, channels] with at most 64 channels";
                return Err(PyValueError::new_err(format!("the array has shape {shape:?}, {wanted}")));
            }
        };
        // A field of records may have numbers that are no multiple of their size apart, which a view in Rust cannot tell.
        let copied;
        let array = if array.is_aligned() {
            array
        } else {
            copied = array.as_any().call_method1("copy", ("C",))?.cast_into::<PyUntypedArray>()?;
            &copied
        };
        let floats = numbers::<f32>(array, |x| x).or_else(|| numbers::<f64>(array, |x| x as f32));
        let samples = floats.or_else(|| numbers::<i16>(array, |x| f32::from(x) / 32_768.0)).ok_or_else(|| {
            let wanted = "wanted float32 or float64 from -1 to 1, or int16";
            PyTypeError::new_err(format!("the array is of {}, {wanted}", array.dtype()))
        })?;
        Ok(Self::Samples { samples, channels, rate })
    }

    /// What happens with damage unless the user says: a file that is damaged is read as far as it goes, and an array with NaN is a
    /// mistake of the program.
    pub(crate) fn damage(&self) -> DamagePolicy {
        match self {
            Self::Samples { .. } => DamagePolicy::Refuse,
            Self::File(_) | Self::Bytes(_) => DamagePolicy::Keep,
        }
    }

    /// Opens the recording, without Python's lock.
    pub(crate) fn open(self, options: &AudioOptions) -> Result<Opened> {
        Ok(match self {
            Self::File(path) => Opened::Reader(Box::new(options.reader(path)?)),
            Self::Bytes(bytes) => Opened::Reader(Box::new(options.reader_from_bytes(bytes, None)?)),
            Self::Samples { samples, channels, rate } => {
                Opened::Waveform(options.from_samples(&samples, channels, rate)?)
            }
        })
    }
}

/// The numbers of an array, row after row, if they are of type `T`.
fn numbers<T: numpy::Element + Copy>(array: &Bound<'_, PyUntypedArray>, number: impl Fn(T) -> f32) -> Option<Vec<f32>> {
    if let Ok(array) = array.extract::<PyReadonlyArray1<'_, T>>() {
        return Some(array.as_array().iter().map(|&x| number(x)).collect());
    }
    let array = array.extract::<PyReadonlyArray2<'_, T>>().ok()?;
    Some(array.as_array().iter().map(|&x| number(x)).collect())
}

/// One channel of 16 kHz samples for a stream.
pub(crate) fn mono(audio: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    let Ok(array) = audio.cast::<PyUntypedArray>() else {
        return Err(wrong_type(audio, "a numpy array of samples at 16 kHz"));
    };
    match Audio::of_array(array, Waveform::SAMPLE_RATE)? {
        Audio::Samples { samples, channels: 1, .. } => Ok(samples),
        _ => Err(PyValueError::new_err("a stream takes one channel of samples at 16 kHz")),
    }
}

/// The error for something that is no recording.
fn wrong_type(audio: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    match audio.get_type().name() {
        Ok(found) => PyTypeError::new_err(format!("audio is of type {found}, wanted {wanted}")),
        Err(error) => error,
    }
}

/// The error for a recording of which a part cannot be chosen.
pub(crate) fn invalid(option: &'static str, found: f64) -> Error {
    Error::InvalidOption { option, found: found.to_string(), wanted: "seconds, 0 or more".to_owned() }
}

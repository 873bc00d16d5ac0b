//! The native part of the Python package `indic_seamless`.
//!
//! It starts work on threads of its own, without Python's lock, and hands the results over as JSON, which the Python part turns
//! into dataclasses.

mod audio;
mod error;
mod options;
mod stream;
mod transcriber;
mod work;

/// The module `indic_seamless._native`.
#[pyo3::pymodule]
mod _native {
    use indic_seamless::{Language, Script};
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        stream::Stream,
        transcriber::{Transcriber, folder},
        work::Work,
    };

    /// The languages of the model: code, English name, BCP 47 tag and script.
    #[pyfunction]
    fn languages() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
        Language::all()
            .map(|language| (language.code(), language.name(), language.bcp47(), Script::of(language).name()))
            .collect()
    }

    /// The code of a language by any of its names.
    #[pyfunction]
    fn language_code(py: Python<'_>, name: &str) -> PyResult<&'static str> {
        name.parse::<Language>().map(Language::code).map_err(|error| super::error::raise(py, &error))
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        indic_seamless::hide_caught_panics();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

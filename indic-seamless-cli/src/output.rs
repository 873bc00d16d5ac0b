//! Writing to standard output.

use std::{
    fmt::Display,
    io::{self, Write},
};

use indic_seamless::{Error, Result};

/// Writes bytes to standard output at once.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|source| Error::Io { action: "write", path: "standard output".into(), source })
}

/// Writes a line, or several, to standard output. Unlike `println!` it does not panic when the output is closed.
pub(crate) fn line(text: impl Display) -> Result<()> {
    write(format!("{text}\n").as_bytes())
}

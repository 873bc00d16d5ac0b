//! [`Heard`]: what comes out of a recording, and what it cost.

use std::{
    io::Cursor,
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use indic_seamless::{
    DamageKind, Error,
    audio::{AudioOptions, AudioReader, DamagePolicy, PipeFormat},
};

use crate::MEMORY;

/// How a recording is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    File,
    Pipe,
}

/// What was heard of a recording.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The first samples, as many as were wanted, and how many there were in all.
    pub(crate) samples: Vec<f32>,
    pub(crate) length: usize,
    pub(crate) damage: Vec<DamageKind>,
    pub(crate) error: Option<Error>,
    /// What must not be, whatever the bytes are.
    pub(crate) wrong: Option<String>,
    pub(crate) took: Duration,
    /// The most bytes that were allocated at once, the recording included.
    pub(crate) memory: usize,
}

/// Decodes `bytes`, and keeps up to `most` samples. `extension` is that of the file.
pub(crate) fn hear(bytes: &[u8], way: Way, extension: &str, policy: DamagePolicy, most: usize) -> Heard {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let begin = Instant::now();
    let mut heard = Heard::default();
    let listened = panic::catch_unwind(AssertUnwindSafe(|| {
        let options = AudioOptions::new().damage(policy);
        let reader = match way {
            Way::File => options.reader_from_bytes(bytes, Some(extension)),
            Way::Pipe => options.reader_from_pipe(Cursor::new(bytes.to_vec()), PipeFormat::Detect),
        };
        match reader {
            Ok(reader) => heard.listen(reader, most),
            Err(error) => heard.error = Some(error),
        }
    }));
    if listened.is_err() {
        heard.wrong = Some("a panic escaped".to_owned());
    }
    heard.took = begin.elapsed();
    heard.memory = MEMORY.peak_usage().saturating_sub(before);
    heard
}

impl Heard {
    fn listen(&mut self, reader: AudioReader, most: usize) {
        let mut end_s = 0.0;
        for piece in reader {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            };
            if piece.start.is_nan() || piece.start < end_s - 1e-6 {
                self.wrong = Some(format!("time goes back from {end_s} s to {} s", piece.start));
            }
            if let Some(sample) = piece.samples.iter().find(|sample| !sample.is_finite()) {
                self.wrong = Some(format!("a sample is {sample}"));
            }
            end_s = piece.start + piece.len() as f64 / 16_000.0;
            let room = most - self.samples.len();
            self.samples.extend(piece.samples.iter().take(room));
            self.length += piece.len();
            self.damage.extend(piece.damage.iter().map(|damage| damage.kind));
        }
    }

    /// Whether it decoded without a complaint.
    pub(crate) fn is_whole(&self) -> bool {
        self.error.is_none() && self.damage.is_empty()
    }
}

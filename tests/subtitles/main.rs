//! Subtitles: limits of cues, where they are broken, and the files.

mod breaks;
mod files;
mod properties;
mod samples;
mod speech;

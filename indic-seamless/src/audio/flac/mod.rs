//! FLAC frames, whatever container they are in.

mod bits;
mod header;
mod info;
mod subframe;
mod track;

pub(super) use self::{
    header::{FrameHeader, LONGEST},
    info::{SIZE, StreamInfo},
    track::FlacTrack,
};

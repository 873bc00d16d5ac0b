//! FLAC: where its frames start and end.

use crate::audio::{fault::Fault, source::Source};

/// Leaves a tag at the end out of the source, and returns the number of bytes that its frames must take up.
///
/// Most files count their samples, but one written to a pipe does not, and then the demuxer drops a last frame of which
/// only a part is there.
pub(super) fn inspect(source: &mut Source) -> Result<u64, Fault> {
    let length = source.length();
    if length > 128 && source.peek(length - 128, 3)? == b"TAG" {
        source.narrow(0, length - 128);
    }
    let mut scan = source.scan();
    scan.goto(4)?;
    loop {
        let Some([kind, a, b, c]) = scan.try_bytes()? else {
            return Err(Fault::cut("bytes of a metadata header", scan.left(), 4));
        };
        let size = u64::from(u32::from_be_bytes([0, a, b, c]));
        if size > scan.left() {
            return Err(Fault::cut("bytes of metadata", scan.left(), size));
        }
        scan.goto(scan.pos() + size)?;
        // The flag of the last block.
        if kind & 0x80 != 0 {
            return Ok(scan.left());
        }
    }
}

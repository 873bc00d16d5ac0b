//! [`Window`]: the bytes of a recording, looked at from front to back.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at once, in bytes.
const READ: usize = 1 << 16;

/// A buffer that moves over the bytes of a recording.
#[derive(Debug)]
pub(super) struct Window<R> {
    reader: R,
    buffer: Vec<u8>,
    /// How many bytes of the buffer lie behind.
    used: usize,
    pos: u64,
    /// Whether the buffer holds the last byte.
    ended: bool,
}

impl<R: Read + Seek> Window<R> {
    /// Begins at the first byte.
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        reader.rewind()?;
        Ok(Self { reader, buffer: Vec::new(), used: 0, pos: 0, ended: false })
    }

    /// How many bytes lie behind.
    pub(super) fn pos(&self) -> u64 {
        self.pos
    }

    /// The next `most` bytes; fewer only at the end.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.used < most && !self.ended {
            self.buffer.drain(..self.used);
            self.used = 0;
            let wanted = READ.max(most - self.buffer.len());
            let read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
            self.ended = read < wanted;
        }
        let end = self.buffer.len().min(self.used.saturating_add(most));
        Ok(self.buffer.get(self.used..end).unwrap_or_default())
    }

    /// Moves on by `count` bytes, at most to the end.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<()> {
        let ahead = self.buffer.len() - self.used;
        if let Some(count) = usize::try_from(count).ok().filter(|count| *count <= ahead) {
            self.used += count;
            self.pos += count as u64;
        } else if self.ended {
            self.used = self.buffer.len();
            self.pos += ahead as u64;
        } else {
            let end = self.reader.seek(SeekFrom::End(0))?;
            self.pos = self.pos.saturating_add(count).min(end);
            self.reader.seek(SeekFrom::Start(self.pos))?;
            self.buffer.clear();
            self.used = 0;
        }
        Ok(())
    }

    /// Goes back to byte `pos`.
    pub(super) fn back_to(&mut self, pos: u64) -> io::Result<()> {
        self.pos = self.reader.seek(SeekFrom::Start(pos))?;
        self.buffer.clear();
        self.used = 0;
        self.ended = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn moves_over_all_bytes() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|x| (x % 251) as u8).collect();
        let mut window = Window::new(Cursor::new(bytes.clone())).expect("bytes");
        assert_eq!(window.peek(10).expect("bytes"), &bytes[..10]);
        window.skip(5).expect("bytes");
        assert_eq!(window.peek(150_000).expect("bytes"), &bytes[5..150_005]);
        window.skip(180_000).expect("bytes");
        assert_eq!(window.peek(4).expect("bytes"), &bytes[180_005..180_009]);
        assert_eq!(window.pos(), 180_005);
        assert_eq!(window.peek(100_000).expect("bytes"), &bytes[180_005..]);
        window.back_to(7).expect("bytes");
        assert_eq!(window.peek(3).expect("bytes"), &bytes[7..10]);
        assert_eq!(window.pos(), 7);
        window.skip(1 << 40).expect("bytes");
        assert_eq!(window.peek(4).expect("bytes"), &[0; 0]);
        assert_eq!(window.pos(), 200_000);
    }
}

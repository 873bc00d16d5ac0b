//! [`PageReader`]: finds the pages of an Ogg file.

use std::io::{self, Read, Seek};

use symphonia::core::{checksum::Crc32, io::Monitor};

use super::super::{tags, window::Window};
use crate::{audio::fault::Fault, damage::DamageKind};

const MAGIC: &[u8] = b"OggS";
/// Bytes of a header in front of its table of segments.
const HEADER: usize = 27;
/// Bytes of the largest page.
const LARGEST: usize = HEADER + 255 + 255 * 255;
/// How far to look ahead for a page at once.
const SEARCH: usize = 4096;
/// How many bytes behind the end of a stream are taken for what programs leave there, whatever they are.
const MAX_REST: u64 = 1 << 16;
/// How many bytes go through the checksum for each byte of the file, at most.
const MAX_WORK: u64 = 8;

/// A page whose checksum is right ([RFC 3533, section 6](https://www.rfc-editor.org/rfc/rfc3533#section-6)).
#[derive(Debug)]
pub(super) struct Page {
    /// Whether its first packet began on an earlier page.
    pub(super) continued: bool,
    /// Whether it is the first or last page of its stream.
    pub(super) first: bool,
    pub(super) last: bool,
    /// The time at the end of the last packet that ends here; `None` where none does.
    pub(super) granule: Option<u64>,
    pub(super) serial: u32,
    pub(super) sequence: u32,
    /// The checksum.
    pub(super) sum: u32,
    /// The sizes of segments. A packet ends with one of less than 255 bytes.
    pub(super) lacing: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// What comes next in a file.
pub(super) enum Step {
    Page(Page),
    Fault(Fault),
    End,
}

/// Finds pages; after other bytes, it goes on with the next page.
pub(super) struct PageReader<R> {
    window: Window<R>,
    pages: u64,
    /// Whether the last page ended its stream.
    ended: bool,
    /// Bytes that went through the checksum.
    work: u64,
}

/// What the bytes ahead are.
enum Found {
    Page(Page, usize),
    /// A page of this many bytes with a wrong checksum.
    Wrong(usize),
    /// Some of this many bytes of a page.
    Part(usize),
    Nothing,
}

impl<R: Read + Seek> PageReader<R> {
    pub(super) fn new(reader: R) -> io::Result<Self> {
        Ok(Self { window: Window::new(reader)?, pages: 0, ended: false, work: 0 })
    }

    pub(super) fn next(&mut self) -> io::Result<Step> {
        loop {
            let start = self.window.pos();
            let fault = match self.look()? {
                Found::Page(page, size) => {
                    self.window.skip(size as u64)?;
                    self.pages += 1;
                    self.ended = page.last;
                    return Ok(Step::Page(page));
                }
                Found::Wrong(size) => {
                    // Another page may begin inside of it, if its size is wrong.
                    let all = self.work > MAX_WORK * self.window.pos().saturating_add(1 << 20);
                    self.search(if all { size } else { 1 })?;
                    Fault::new(DamageKind::Corrupt, format!("wrong checksum of the page at byte {start}"))
                }
                Found::Part(size) => {
                    let left = self.window.peek(size)?.len();
                    self.search(1)?;
                    if self.window.peek(1)?.is_empty() {
                        Fault::cut("bytes of the last page", left as u64, size as u64)
                    } else {
                        Fault::new(DamageKind::Corrupt, format!("a page that does not fit at byte {start}"))
                    }
                }
                Found::Nothing if self.window.peek(1)?.is_empty() => return Ok(Step::End),
                Found::Nothing => {
                    let tag = tags::size(self.window.peek(32)?).is_some();
                    let plain = self.search(1)?;
                    let size = self.window.pos() - start;
                    let at_end = self.window.peek(1)?.is_empty();
                    let quiet = match at_end {
                        true => plain || size < MAX_REST && (tag || self.ended),
                        // A stream may be joined in the middle of a page.
                        false => self.pages == 0,
                    };
                    if quiet {
                        continue;
                    }
                    Fault::new(DamageKind::Corrupt, format!("{size} bytes from byte {start} on are no page"))
                }
            };
            return Ok(Step::Fault(fault));
        }
    }

    /// Looks at the bytes ahead.
    fn look(&mut self) -> io::Result<Found> {
        let bytes = self.window.peek(LARGEST)?;
        if bytes.is_empty() || !bytes.starts_with(MAGIC.get(..bytes.len().min(4)).unwrap_or_default()) {
            return Ok(Found::Nothing);
        }
        let Some(&[_, _, _, _, version, flags, ref fields @ .., count]) = bytes.first_chunk::<HEADER>() else {
            return Ok(Found::Part(HEADER));
        };
        let &[g0, g1, g2, g3, g4, g5, g6, g7, s0, s1, s2, s3, n0, n1, n2, n3, c0, c1, c2, c3] = fields;
        if version != 0 {
            return Ok(Found::Nothing);
        }
        let start = HEADER + usize::from(count);
        let Some(lacing) = bytes.get(HEADER..start) else { return Ok(Found::Part(start)) };
        let size = start + lacing.iter().map(|&size| usize::from(size)).sum::<usize>();
        let Some(body) = bytes.get(start..size) else { return Ok(Found::Part(size)) };

        let mut crc = Crc32::new(0);
        for part in [bytes.get(..22).unwrap_or_default(), &[0; 4], bytes.get(26..size).unwrap_or_default()] {
            crc.process_buf_bytes(part);
        }
        let sum = u32::from_le_bytes([c0, c1, c2, c3]);
        self.work += size as u64;
        if crc.crc() != sum {
            return Ok(Found::Wrong(size));
        }
        let granule = u64::from_le_bytes([g0, g1, g2, g3, g4, g5, g6, g7]);
        let page = Page {
            continued: flags & 1 != 0,
            first: flags & 2 != 0,
            last: flags & 4 != 0,
            granule: Some(granule).filter(|&granule| granule < 1 << 63),
            serial: u32::from_le_bytes([s0, s1, s2, s3]),
            sequence: u32::from_le_bytes([n0, n1, n2, n3]),
            sum,
            lacing: lacing.to_vec(),
            body: body.to_vec(),
        };
        Ok(Found::Page(page, size))
    }

    /// Skips `least` bytes or more, up to what may be a page or to the end. Says whether they are zeros or text.
    fn search(&mut self, least: usize) -> io::Result<bool> {
        let mut least = least.max(1);
        let mut all_plain = true;
        loop {
            let bytes = self.window.peek(SEARCH.max(least + MAGIC.len()))?;
            if bytes.is_empty() {
                return Ok(all_plain);
            }
            let ahead = bytes.get(least..).unwrap_or_default();
            let found = ahead.windows(MAGIC.len()).position(|window| window == MAGIC);
            // The magic may begin in the last bytes.
            let next = match found {
                Some(at) => least + at,
                None if bytes.len() < SEARCH.max(least + MAGIC.len()) => bytes.len(),
                None => bytes.len() - MAGIC.len() + 1,
            };
            let plain = |byte: &u8| matches!(byte, 0 | b' '..=b'~' | b'\t' | b'\r' | b'\n');
            all_plain &= bytes.iter().take(next).all(plain);
            self.window.skip(next as u64)?;
            if found.is_some() {
                return Ok(all_plain);
            }
            least = 0;
        }
    }
}

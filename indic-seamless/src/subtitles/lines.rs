//! Lines of a cue.

use super::Piece;

/// Lines that are being filled, each as full as possible.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fill {
    pub(super) lines: usize,
    /// The length of the last line.
    width: usize,
}

impl Fill {
    /// Adds a piece; returns whether it begins a line of at most `max`.
    pub(super) fn add(&mut self, piece: &Piece<'_>, max: usize) -> bool {
        let width = self.width + usize::from(piece.spaced) + piece.width;
        let begins = self.lines == 0 || width > max;
        self.lines += usize::from(begins);
        self.width = if begins { piece.width } else { width };
        begins
    }
}

/// How many lines of at most `max` pieces fill.
fn count(pieces: &[Piece<'_>], max: usize) -> usize {
    let mut fill = Fill::default();
    pieces.iter().for_each(|piece| {
        fill.add(piece, max);
    });
    fill.lines
}

/// Lines of at most `max`: as few as possible, and as even as possible. A longer piece has a line of its own.
pub(super) fn lines(pieces: &[Piece<'_>], max: usize) -> Vec<String> {
    let all: usize = pieces.iter().map(|piece| usize::from(piece.spaced) + piece.width).sum();
    let fewest = count(pieces, max);
    // The narrowest width that needs no more lines. Narrower lines never need fewer, so binary search works.
    let (mut narrow, mut wide) = (1, max.min(all).max(1));
    while narrow < wide {
        let middle = narrow.midpoint(wide);
        if count(pieces, middle) <= fewest {
            wide = middle;
        } else {
            narrow = middle + 1;
        }
    }
    let mut fill = Fill::default();
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        let begins = fill.add(piece, wide);
        match lines.last_mut() {
            Some(line) if !begins => {
                line.push_str(if piece.spaced { " " } else { "" });
                line.push_str(piece.text);
            }
            _ => lines.push(piece.text.to_owned()),
        }
    }
    lines
}

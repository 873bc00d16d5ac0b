//! Lacing: several frames in one block of Matroska.

use super::ebml::split_number;

/// The frames in the data of a block with these flags; `None` where they do not fit into it.
pub(super) fn split(flags: u8, data: &[u8]) -> Option<Vec<&[u8]>> {
    let kind = flags >> 1 & 3;
    if kind == 0 {
        return Some(vec![data]);
    }
    let (&count, rest) = data.split_first()?;
    let count = usize::from(count) + 1;
    let (sizes, mut rest) = match kind {
        1 => xiph(count - 1, rest)?,
        2 if rest.len().is_multiple_of(count) => (vec![rest.len() / count; count - 1], rest),
        2 => return None,
        _ => differences(count - 1, rest)?,
    };
    let mut frames = Vec::with_capacity(count);
    for size in sizes {
        let (frame, behind) = rest.split_at_checked(size)?;
        frames.push(frame);
        rest = behind;
    }
    // The last one takes the rest.
    frames.push(rest);
    Some(frames)
}

/// Sizes as sums of bytes, of which the last is below 255.
fn xiph(count: usize, mut data: &[u8]) -> Option<(Vec<usize>, &[u8])> {
    let mut sizes = Vec::with_capacity(count);
    for _ in 0..count {
        let full = data.iter().take_while(|&&byte| byte == 255).count();
        let last = *data.get(full)?;
        sizes.push(255 * full + usize::from(last));
        data = data.get(full + 1..)?;
    }
    Some((sizes, data))
}

/// The first size, and the differences of the others to the one before.
fn differences(count: usize, mut data: &[u8]) -> Option<(Vec<usize>, &[u8])> {
    let mut sizes: Vec<usize> = Vec::with_capacity(count);
    for _ in 0..count {
        let (number, length, rest) = split_number(data)?;
        data = rest;
        sizes.push(match sizes.last() {
            None => usize::try_from(number).ok()?,
            Some(&before) => {
                // Half of the numbers are negative.
                let middle = (1_i64 << (7 * length - 1)) - 1;
                let difference = i64::try_from(number).ok()? - middle;
                before.checked_add_signed(isize::try_from(difference).ok()?)?
            }
        });
    }
    Some((sizes, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_blocks() {
        assert_eq!(split(0, &[1, 2]), Some(vec![&[1, 2][..]]));
        assert_eq!(split(2, &[1, 1, 1, 2, 3]), Some(vec![&[1][..], &[2, 3]]));
        assert_eq!(split(4, &[1, 1, 2, 3, 4]), Some(vec![&[1, 2][..], &[3, 4]]));
        // Sizes 2, 2 - 1, and the rest.
        assert_eq!(split(6, &[2, 0x82, 0xbe, 1, 2, 3, 4, 5]), Some(vec![&[1, 2][..], &[3], &[4, 5]]));
        for damaged in [&[][..], &[1], &[1, 255], &[1, 9, 1]] {
            assert_eq!(split(2, damaged), None);
        }
        assert_eq!(split(4, &[1, 1, 2, 3]), None);
        assert_eq!(split(6, &[2, 0x81, 0x80, 1]), None);
    }
}

//! [`Timeline`]: when the packets of an Ogg stream are heard.

/// Gives packets their times by the granule positions of pages. Granule positions are ends; they state the end of the last
/// packet that ends on a page.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// The end of the page before.
    end: Option<u64>,
}

/// The time of a packet, in samples.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PacketTime {
    pub(super) start: u64,
    pub(super) samples: u64,
    /// How many of the last samples are padding.
    pub(super) padding: u64,
}

impl Timeline {
    /// The times of packets of these lengths, which end on a page with this granule position. `last` says that it is the
    /// last page of the stream and that none was lost in front of it.
    pub(super) fn page(&mut self, granule: Option<u64>, lengths: &[u64], last: bool) -> Vec<PacketTime> {
        let total: u64 = lengths.iter().sum();
        // Behind samples, 0 is no position: some writers put it on every page.
        let granule = granule.filter(|&granule| granule > 0 || total == 0);
        let mut start = match (self.end, granule) {
            (Some(end), Some(granule)) => end.max(granule.saturating_sub(total)),
            (Some(end), None) => end,
            (None, granule) => granule.unwrap_or(0).saturating_sub(total),
        };
        // Some writers state an end that is a little late.
        if let Some(end) = self.end.filter(|&end| last && start - end <= total) {
            start = end;
        }
        let end = granule.unwrap_or(start + total);
        // Samples behind the end are padding. Elsewhere, a granule position that is early or stands still is an error of the
        // writer, or the start of a stream that is to be cut off.
        let stop = if self.end.is_some() && end > start || last { end } else { u64::MAX };
        self.end = Some(end);
        lengths
            .iter()
            .map(|&samples| {
                let time = PacketTime { start, samples, padding: (start + samples).saturating_sub(stop).min(samples) };
                start += samples;
                time
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts and paddings on pages of granule position, number of packets of 10 samples, and whether it is the last.
    fn times(pages: &[(Option<u64>, usize, bool)]) -> Vec<(u64, u64)> {
        let mut timeline = Timeline::default();
        let page =
            |&(granule, count, last): &(Option<u64>, usize, bool)| timeline.page(granule, &vec![10; count], last);
        pages.iter().flat_map(page).map(|time| (time.start, time.padding)).collect()
    }

    #[test]
    fn follows_granule_positions() {
        assert_eq!(times(&[(Some(20), 2, false), (Some(25), 1, true)]), [(0, 0), (10, 0), (20, 5)]);
        // One page, and pages without a position.
        assert_eq!(times(&[(Some(13), 2, true)]), [(0, 0), (10, 7)]);
        assert_eq!(times(&[(None, 1, false), (Some(20), 1, false)]), [(0, 0), (10, 0)]);
        // Joined late, a pause, and an end that is late.
        assert_eq!(times(&[(Some(110), 1, false), (Some(200), 1, false)]), [(100, 0), (190, 0)]);
        assert_eq!(times(&[(Some(10), 1, false), (Some(30), 1, true)]), [(0, 0), (10, 0)]);
        // Positions that stand still, and padding alone on the last page.
        let zeros = [(Some(0), 1, false), (Some(0), 2, false), (Some(0), 1, true)];
        assert_eq!(times(&zeros), [(0, 0), (10, 0), (20, 0), (30, 0)]);
        assert_eq!(times(&[(Some(50), 1, false), (Some(50), 1, false)]), [(40, 0), (50, 0)]);
        assert_eq!(times(&[(Some(10), 1, false), (Some(10), 1, true)]), [(0, 0), (10, 10)]);
        // Positions that begin again.
        assert_eq!(
            times(&[(Some(500), 1, false), (Some(10), 1, false), (Some(20), 1, false)])[1..],
            [(500, 0), (10, 0)]
        );
    }
}

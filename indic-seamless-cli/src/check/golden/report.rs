//! [`Report`]: differences, and which of them are too large.

use std::fmt;

/// The largest difference per stage, and all that failed.
#[derive(Default)]
pub(crate) struct Report {
    /// Stage, difference and place, in the order of the first comparison.
    worst: Vec<(String, f64, String)>,
    pub(crate) failures: Vec<String>,
    pub(crate) checks: usize,
    /// Sequences that were not compared, because a rounding error changes the reference's own tokens.
    pub(crate) ambiguous: usize,
    /// Whether numbers may differ by any amount.
    informative: bool,
}

impl Report {
    /// A report in which numbers may differ by any amount, for other precisions than the reference's.
    pub(crate) fn informative() -> Self {
        Self { informative: true, ..Self::default() }
    }

    /// Notes the difference of a stage, which must not exceed `tolerance`.
    pub(crate) fn check(&mut self, stage: &str, place: &str, difference: f64, tolerance: f64) {
        self.checks += 1;
        self.note(stage, place, difference);
        // NaN fails, whatever the tolerance.
        if !self.informative && (difference.is_nan() || difference > tolerance) {
            let failure = format!("{place}: {stage} differs by ");
            // One failure stands for all numbers of a sequence.
            if self.failures.last().is_none_or(|last| !last.starts_with(&failure)) {
                self.failures.push(format!("{failure}{difference:.3e}, allowed {tolerance:.1e}"));
            }
        }
    }

    fn note(&mut self, stage: &str, place: &str, difference: f64) {
        match self.worst.iter_mut().find(|(known, ..)| known == stage) {
            Some(worst) if difference > worst.1 => (worst.1, worst.2) = (difference, place.to_owned()),
            Some(_) => {}
            None => self.worst.push((stage.to_owned(), difference, place.to_owned())),
        }
    }

    /// Notes whether two values are equal; `why` is added to the failure if they are not.
    pub(crate) fn equal<T: PartialEq + fmt::Debug>(
        &mut self,
        stage: &str,
        place: &str,
        found: &T,
        wanted: &T,
        why: &str,
    ) -> bool {
        self.checks += 1;
        let same = found == wanted;
        if !same {
            self.fail(place, format_args!("{stage}{why}\n   found {found:?}\n  wanted {wanted:?}"));
        }
        same
    }

    /// Notes a failure.
    pub(crate) fn fail(&mut self, place: &str, what: impl fmt::Display) {
        self.failures.push(format!("{place}: {what}"));
    }

    /// Adds what another report has.
    pub(crate) fn merge(&mut self, other: Self) {
        for (stage, difference, place) in other.worst {
            self.note(&stage, &place, difference);
        }
        self.failures.extend(other.failures);
        self.checks += other.checks;
        self.ambiguous += other.ambiguous;
    }
}

/// The largest difference per stage, and where it is.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (stage, difference, place) in &self.worst {
            writeln!(f, "  {stage:28} {difference:.2e}  {place}")?;
        }
        Ok(())
    }
}

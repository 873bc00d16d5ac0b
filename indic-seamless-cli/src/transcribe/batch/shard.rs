//! `--shard`: which part of a manifest a run does.

use std::str::FromStr;

use indic_seamless::{Error, Result};

/// The `index`-th of `count` parts, from 0: of the rows that are counted from 0, each `count`-th from `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    pub(super) index: usize,
    pub(super) count: usize,
}

impl Shard {
    /// The whole manifest.
    pub(super) const ALL: Self = Self { index: 0, count: 1 };

    fn new(index: usize, count: usize) -> Result<Self, String> {
        if index < count {
            Ok(Self { index, count })
        } else {
            Err(format!("I from 0 to N - 1, and N at least 1; {SYNTAX}"))
        }
    }

    /// Whether it has a row, given by its place among all.
    pub(super) fn has(self, place: usize) -> bool {
        place % self.count == self.index
    }
}

const SYNTAX: &str = "I/N, auto or auto/N";

/// `--shard`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardArg {
    Given(Shard),
    /// That of the array job, which has so many tasks unless it says itself how many.
    Auto(Option<usize>),
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text:?} is no number; wanted {SYNTAX}"));
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Auto(None)),
            None => Err(format!("wanted {SYNTAX}")),
            Some(("auto", count)) => match number(count)? {
                0 => Err(format!("N at least 1; {SYNTAX}")),
                count => Ok(Self::Auto(Some(count))),
            },
            Some((index, count)) => Shard::new(number(index)?, number(count)?).map(Self::Given),
        }
    }
}

/// The variables by which an array job tells its tasks which of them they are.
struct Array {
    index: &'static str,
    count: Option<&'static str>,
    /// The index of the first task, and the distance of two, where these are not 0 and 1.
    first: Option<&'static str>,
    step: Option<&'static str>,
}

/// AWS Batch, indexed jobs of Kubernetes, Slurm.
const ARRAYS: [Array; 3] = [
    Array { index: "AWS_BATCH_JOB_ARRAY_INDEX", count: Some("AWS_BATCH_JOB_ARRAY_SIZE"), first: None, step: None },
    Array { index: "JOB_COMPLETION_INDEX", count: None, first: None, step: None },
    Array {
        index: "SLURM_ARRAY_TASK_ID",
        count: Some("SLURM_ARRAY_TASK_COUNT"),
        first: Some("SLURM_ARRAY_TASK_MIN"),
        step: Some("SLURM_ARRAY_TASK_STEP"),
    },
];

impl ShardArg {
    /// The shard, by the environment `variable`s if it is that of an array job. With `auto/N` the job's index is taken as it is;
    /// with `auto` it is counted from the job's first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] if the variables are missing, or name no shard.
    pub(super) fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard> {
        let count = match self {
            Self::Given(shard) => return Ok(shard),
            Self::Auto(count) => count,
        };
        let wrong = |found: String, wanted: String| Error::InvalidOption { option: "shard", found, wanted };
        let number = |name: &str| match variable(name).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) => match value.parse::<usize>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(wrong(format!("{name}={value}"), "a number from 0".to_owned())),
            },
        };
        for Array { index: name, count: size, first, step } in ARRAYS {
            let Some(index) = number(name)? else { continue };
            if let Some(count) = count {
                let beyond = |wanted| wrong(format!("{name}={index}, for auto/{count},"), wanted);
                return Shard::new(index, count).map_err(|_| beyond(format!("0 to {}", count - 1)));
            }
            let Some(count) = size.map_or(Ok(None), number)? else {
                return Err(wrong(format!("auto, with {name} alone,"), "auto/N with the number of tasks".to_owned()));
            };
            let first = first.map_or(Ok(None), number)?.unwrap_or(0);
            let step = step.map_or(Ok(None), number)?.unwrap_or(1).max(1);
            let place = index.checked_sub(first).filter(|offset| offset % step == 0).map(|offset| offset / step);
            let shard = place.and_then(|place| Shard::new(place, count).ok());
            let tasks = || format!("one of {count} tasks from {first} on, {step} apart");
            return shard.ok_or_else(|| wrong(format!("{name}={index}"), tasks()));
        }
        let names = ARRAYS.map(|array| array.index).join(", ");
        Err(wrong("auto, outside an array job,".to_owned(), format!("I/N, or one of the variables {names}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, variables: &[(&str, &str)]) -> Result<(usize, usize), String> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let shard = text.parse::<ShardArg>()?.resolve(lookup).map_err(|error| error.to_string())?;
        Ok((shard.index, shard.count))
    }

    #[test]
    fn the_parts_are_the_whole() {
        for count in 1..6 {
            let shards: Vec<Shard> = (0..count).map(|index| Shard { index, count }).collect();
            for place in 0..20 {
                assert_eq!(shards.iter().filter(|shard| shard.has(place)).count(), 1, "{place} of {count}");
            }
        }
    }

    #[test]
    fn given_and_told_by_array_jobs() {
        assert_eq!(of("2/3", &[]), Ok((2, 3)));
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "4"), ("AWS_BATCH_JOB_ARRAY_SIZE", "5")];
        assert_eq!((of("auto", &batch), of("auto/9", &batch[..1])), (Ok((4, 5)), Ok((4, 9))));
        assert_eq!(of("1/2", &batch), Ok((1, 2)), "what is given counts");
        assert_eq!(of("auto/3", &[("JOB_COMPLETION_INDEX", "0")]), Ok((0, 3)));
        // sbatch --array=1-10
        let slurm = |id, step, first, count| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_COUNT", count),
                ("SLURM_ARRAY_TASK_MIN", first),
                ("SLURM_ARRAY_TASK_STEP", step),
            ]
        };
        assert_eq!(of("auto", &slurm("10", "1", "1", "10")), Ok((9, 10)));
        assert_eq!(of("auto", &slurm("8", "4", "0", "3")), Ok((2, 3)));
        // Two tasks of ten that are run once more: sbatch --array=3,7
        assert_eq!(of("auto/10", &slurm("7", "1", "3", "2")), Ok((7, 10)));
    }

    #[test]
    fn what_names_no_shard_is_refused() {
        for text in ["3/3", "0/0", "1/0", "auto/0", "", "1", "-1/3", "1/3/5", "all", "a/b", "auto/x"] {
            assert!(of(text, &[("JOB_COMPLETION_INDEX", "0")]).is_err(), "{text}");
        }
        let says = |text, variables: &[(&str, &str)], wanted: &str| {
            let error = of(text, variables).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        };
        says("auto", &[], "wanted I/N, or one of the variables AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX");
        says("auto/4", &[], "outside an array job");
        says("auto", &[("JOB_COMPLETION_INDEX", "1")], "wanted auto/N");
        says("auto/4", &[("JOB_COMPLETION_INDEX", "4")], "JOB_COMPLETION_INDEX=4, for auto/4, found, wanted 0 to 3");
        says("auto", &[("AWS_BATCH_JOB_ARRAY_INDEX", "x")], "AWS_BATCH_JOB_ARRAY_INDEX=x found, wanted a number");
        // sbatch --array=1,3,7 has no even distance.
        let odd = [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_COUNT", "3"), ("SLURM_ARRAY_TASK_MIN", "1")];
        says("auto", &odd, "SLURM_ARRAY_TASK_ID=7 found, wanted one of 3 tasks from 1 on");
    }
}

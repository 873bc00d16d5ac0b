//! What the machine has left.

use std::fs;

/// Bytes that the process can still take: what the system has free, or what its control group may have if that is less.
/// `None` where it cannot be known, as on other systems than Linux.
pub(crate) fn available() -> Option<u64> {
    let group = "/sys/fs/cgroup";
    available_in(
        &fs::read_to_string("/proc/meminfo").ok()?,
        &[
            (read(&format!("{group}/memory.max")), read(&format!("{group}/memory.current"))),
            (
                read(&format!("{group}/memory/memory.limit_in_bytes")),
                read(&format!("{group}/memory/memory.usage_in_bytes")),
            ),
        ],
    )
}

/// A file of one number; `None` if it is not there or says `max`.
fn read(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// `groups` are the limits of control groups and what is taken of them.
fn available_in(meminfo: &str, groups: &[(Option<u64>, Option<u64>)]) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let left = groups.iter().filter_map(|&(limit, used)| Some(limit?.saturating_sub(used?)));
    Some(left.fold(kilobytes * 1024, u64::min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_system_and_control_group_counts() {
        let meminfo = "MemTotal:       24000000 kB\nMemAvailable:    2000000 kB\n";
        assert_eq!(available_in(meminfo, &[(None, Some(5)), (None, None)]), Some(2_048_000_000));
        assert_eq!(available_in(meminfo, &[(Some(1000), Some(400))]), Some(600));
        assert_eq!(available_in(meminfo, &[(Some(400), Some(1000))]), Some(0));
        assert_eq!(available_in("", &[]), None);
    }
}

//! What the machine has left.

use std::fs;

/// Bytes that the process can still take: what the system has free, or what its control group may have if that is less.
/// `None` where it cannot be known, as on other systems than Linux.
pub(crate) fn available() -> Option<u64> {
    let groups = [
        ("memory.max", "memory.current", "memory.stat", ""),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_"),
    ];
    let groups = groups.iter().filter_map(|(limit, used, statistics, prefix)| {
        let read = |name: &str| fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
        left(&read(limit)?, &read(used)?, &read(statistics)?, prefix)
    });
    let free = free(&fs::read_to_string("/proc/meminfo").ok()?)?;
    Some(groups.fold(free, u64::min))
}

/// What the system has free, by the content of `/proc/meminfo`.
fn free(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// What a control group may still take, by the contents of its files; `None` without a limit. Pages of files, such as mapped
/// weights, count as used there, but are given up when memory is needed.
fn left(limit: &str, used: &str, statistics: &str, prefix: &str) -> Option<u64> {
    let (limit, used): (u64, u64) = (limit.trim().parse().ok()?, used.trim().parse().ok()?);
    let files = statistics.lines().filter_map(|line| {
        let (name, bytes) = line.strip_prefix(prefix)?.split_once(' ')?;
        if ["active_file", "inactive_file"].contains(&name) { bytes.trim().parse::<u64>().ok() } else { None }
    });
    Some(limit.saturating_sub(used.saturating_sub(files.sum())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read_in_kilobytes() {
        let meminfo = "MemTotal:       24000000 kB\nMemAvailable:    2000000 kB\n";
        assert_eq!(free(meminfo), Some(2_048_000_000));
        assert_eq!(free("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn pages_of_files_do_not_count_against_a_control_group() {
        let statistics = "anon 300\nfile 650\ninactive_file 100\nactive_file 500\nslab 5\n";
        assert_eq!(left("1000\n", "950\n", statistics, ""), Some(650));
        assert_eq!(left("1000\n", "950\n", "total_inactive_file 100\ninactive_file 7\n", "total_"), Some(150));
        assert_eq!(left("100\n", "1950\n", "", ""), Some(0));
        assert_eq!(left("max\n", "950\n", statistics, ""), None);
    }
}

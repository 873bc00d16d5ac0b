//! What the machine has left.

use std::{
    fs,
    path::{Component, Path},
};

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes that the process can still take: what the system has free, or what its control groups may have if that is less.
/// `None` where it cannot be known, as on other systems than Linux.
pub(crate) fn available() -> Option<u64> {
    let free = free(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(left_in_groups(Path::new(GROUPS), &groups).map_or(free, |left| left.min(free)))
}

/// What the control groups of the process may still take, by the content of `/proc/self/cgroup`; `None` without a limit. That of a
/// group also holds for the groups in it. In a container the root may be the process's own group, whose name is then one that only
/// the host knows.
fn left_in_groups(root: &Path, groups: &str) -> Option<u64> {
    // Version 2 names no controllers, and version 1 has a tree for each.
    let versions = [
        ("", root.to_owned(), ["memory.max", "memory.current"], ""),
        ("memory", root.join("memory"), ["memory.limit_in_bytes", "memory.usage_in_bytes"], "total_"),
    ];
    let left = versions.iter().filter_map(|(controller, root, [limit, used], prefix)| {
        let own = Path::new(own_group(groups, controller).unwrap_or_default());
        let with_ancestors = own.ancestors().filter_map(|group| {
            let read = |name: &str| fs::read_to_string(root.join(group).join(name)).ok();
            left(&read(limit)?, &read(used)?, &read("memory.stat")?, prefix)
        });
        with_ancestors.min()
    });
    left.min()
}

/// The path of the process's group below the root; `None` if it is not below it.
fn own_group<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    let path = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|one| one == controller).then_some(path)
    })?;
    let path = path.trim_start_matches('/');
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_))).then_some(path)
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

    #[test]
    fn the_groups_of_the_process_and_those_above_are_asked() {
        let root = tempfile::tempdir().expect("folder");
        let group = |path: &str, limit: (&str, &str), used: (&str, u64)| {
            let dir = root.path().join(path);
            fs::create_dir_all(&dir).expect("group");
            fs::write(dir.join(limit.0), limit.1).expect("limit");
            fs::write(dir.join(used.0), used.1.to_string()).expect("use");
            fs::write(dir.join("memory.stat"), "inactive_file 10\ntotal_inactive_file 20\n").expect("statistics");
        };
        let left = |groups: &str| left_in_groups(root.path(), groups);
        assert_eq!(left("0::/slurm/job/step\n"), None);

        // The root of version 2 has no such files.
        let version_2 = |path, limit, used| group(path, ("memory.max", limit), ("memory.current", used));
        version_2("slurm/job", "1000\n", 410);
        version_2("slurm/job/step", "max\n", 410);
        assert_eq!(left("0::/slurm/job/step\n"), Some(600));
        assert_eq!(left("1:name=systemd:/\n0::/slurm/job\n"), Some(600));
        version_2("slurm", "5000", 4910);
        assert_eq!(left("0::/slurm/job/step\n"), Some(100));
        assert_eq!(left("0::/other\n"), None);
        // In a container the root is the own group.
        version_2("", "3000", 2010);
        for groups in ["0::/\n", "0::/../../docker/1\n", "0::/docker/1\n", ""] {
            assert_eq!(left(groups), Some(1000), "{groups}");
        }

        let version_1 =
            |path, limit, used| group(path, ("memory.limit_in_bytes", limit), ("memory.usage_in_bytes", used));
        version_1("memory", "9223372036854771712\n", 5000);
        version_1("memory/slurm/job", "70\n", 40);
        assert_eq!(left("9:cpu,memory:/slurm/job\n2:cpu:/other\n"), Some(50));
        assert_eq!(left("9:cpu:/slurm/job\n"), Some(1000));
    }
}

//! What a figure was measured on.

use std::fs;

/// Describes this machine in a few words.
pub fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|info| {
            let line = info.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpu}, {cores} cores, {} {}", std::env::consts::OS, kernel.trim())
}

/// Returns the CPU time that this process has used, user and system, in seconds.
pub fn cpu_seconds() -> f64 {
    cpu_seconds_of("self")
}

/// Returns the CPU time that a process has used, user and system, in seconds.
pub fn cpu_seconds_of(pid: impl std::fmt::Display) -> f64 {
    let read = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold spaces; the fields after it count from the state.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(user + system)
    };
    // USER_HZ, the unit of these fields, is 100 on every Linux.
    read().unwrap_or(0) as f64 / 100.0
}

/// Returns the memory of a process that is resident, in KiB.
pub fn resident_kib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}

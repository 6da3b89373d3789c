//! What the kernel says: process clocks, memory, cores, limits.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// CPU time that a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CpuTime {
    /// Run time of all its threads, from their schedstat.
    pub(crate) ns: u64,
    /// Clock ticks in user space and in the kernel, from its stat: coarse, for their ratio only.
    user_ticks: u64,
    kernel_ticks: u64,
}

impl CpuTime {
    /// # Errors
    /// The process is gone.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let mut ns = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread that ends meanwhile takes its time along; the servers' threads live as long as they do.
            if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
                ns += run_time(&text).unwrap_or(0);
            }
        }
        let (user_ticks, kernel_ticks) = ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?).unwrap_or_default();
        Ok(Self { ns, user_ticks, kernel_ticks })
    }

    pub(crate) fn since(self, earlier: Self) -> CpuSpan {
        let user = self.user_ticks.saturating_sub(earlier.user_ticks);
        let kernel = self.kernel_ticks.saturating_sub(earlier.kernel_ticks);
        let user_share = if user + kernel == 0 { 0.0 } else { user as f64 / (user + kernel) as f64 };
        CpuSpan { ns: self.ns.saturating_sub(earlier.ns), user_share }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
pub(crate) struct CpuSpan {
    pub(crate) ns: u64,
    /// How much of it was spent outside the kernel, 0 to 1.
    pub(crate) user_share: f64,
}

/// The first field of a schedstat: nanoseconds on a CPU.
fn run_time(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// `utime` and `stime` of a stat. The name may hold anything, so counting begins behind its closing parenthesis.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Proportional set size in bytes: what is in memory of this process alone, plus its share of what it shares.
///
/// # Errors
/// The process is gone.
pub(crate) fn pss_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    kilobytes(&text, "Pss:").map(|kb| kb * 1024).ok_or_else(|| io::Error::other("smaps_rollup has no Pss"))
}

/// Bytes of physical memory, those that it shares included.
///
/// # Errors
/// The process is gone.
pub(crate) fn rss_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kilobytes(&text, "VmRSS:").map(|kb| kb * 1024).ok_or_else(|| io::Error::other("status has no VmRSS"))
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
}

/// The cores that this process may use, first to last.
pub(crate) fn cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return vec![0] };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// Keeps the calling thread, and every process that it starts from here on, to these cores.
///
/// # Errors
/// A core that this process may not use.
pub(crate) fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    Ok(sched_setaffinity(None, &set)?)
}

/// Raises the file limit to what is allowed and answers it.
///
/// # Errors
/// The kernel refuses what it said it allows.
pub(crate) fn raise_file_limit() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// The machine in one line.
pub(crate) fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?.split_once(": ")?.1.trim().to_owned();
        Some(line)
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemTotal:")).unwrap_or(0);
    format!(
        "{} vCPU {}, {} GB, Linux {}, loopback",
        cores().len(),
        cpu.as_deref().unwrap_or("of unknown model"),
        memory.div_ceil(1024 * 1024),
        kernel.trim()
    )
}

/// Processes that wanted a core in the last minute.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        assert_eq!(run_time("51246844 189648454 214\n"), Some(51_246_844));
        assert_eq!(run_time(""), None);
        let stat = "7850 (a b) c) S 7849 7833 1483 0 -1 4194304 53260 2027374 2 94 31 42 4119 608 35 15 4 0 342325 411107328 30558";
        assert_eq!(ticks(stat), Some((31, 42)));
        assert_eq!(ticks("nothing"), None);
        assert_eq!(kilobytes("Rss:   12 kB\nPss:    3456 kB\nPss_Dirty: 1 kB\n", "Pss:"), Some(3456));
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        assert!(pss_bytes(pid).unwrap() > 100_000);
        assert!(CpuTime::of(pid).unwrap().ns >= before.ns);
        assert!(!cores().is_empty());
    }
}

//! Metrics of the process, under Prometheus' standard names. They are read from `/proc`, so on Linux only; on other systems they
//! are absent.

use std::{fmt::Write as _, fs};

/// The kernel's clock ticks per second in `/proc`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics of the process, in Prometheus' text form; those that cannot be read are left out.
pub(crate) fn render() -> String {
    let stat = Stat::read();
    let figures = [
        (
            "process_cpu_seconds_total",
            "counter",
            "CPU time used, user and system, in seconds",
            stat.as_ref().map(|stat| stat.cpu),
        ),
        (
            "process_start_time_seconds",
            "gauge",
            "When the process started, in seconds since 1970",
            stat.as_ref().and_then(Stat::started),
        ),
        ("process_resident_memory_bytes", "gauge", "Resident memory, in bytes", resident()),
        ("process_open_fds", "gauge", "Open file descriptors", open_files()),
        ("process_max_fds", "gauge", "File descriptors that may be open", max_files().and_then(number)),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in figures {
        if let Some(value) = value {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        }
    }
    text
}

/// The most files that the process may have open, connections included.
pub(crate) fn max_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    number(fs::read_dir("/proc/self/fd").ok()?.count())
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1_024.0)
}

fn number<T: TryInto<u32>>(value: T) -> Option<f64> {
    value.try_into().ok().map(f64::from)
}

/// Times of `/proc/self/stat`, in seconds.
struct Stat {
    cpu: f64,
    /// Since the machine's start.
    start: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        // The second field, the program's name, may contain blanks and brackets.
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
        let seconds = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
        Some(Self { cpu: seconds(11)? + seconds(12)?, start: seconds(19)? })
    }

    fn started(&self) -> Option<f64> {
        let text = fs::read_to_string("/proc/stat").ok()?;
        let machine: f64 = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(machine + self.start)
    }
}

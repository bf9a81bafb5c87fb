//! The kernel's view of the server's connections. Linux only.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

/// The server's side of an open connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    /// Written bytes that the peer has not acknowledged.
    pub(crate) unsent: u64,
}

/// The open connections of a server at this address, `127.0.0.1:PORT`.
pub(crate) fn of(address: &str) -> Vec<Side> {
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let local = format!(":{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let established = |line: &str| -> Option<Side> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // 01: established.
        (fields.get(1)?.ends_with(&local) && *fields.get(3)? == "01").then(|| {
            let (unsent, _) = fields[4].split_once(':').unwrap();
            Side { unsent: u64::from_str_radix(unsent, 16).unwrap() }
        })
    };
    table.lines().filter_map(established).collect()
}

/// CPU time of a process, user and system, in hundredths of a second.
pub(crate) fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

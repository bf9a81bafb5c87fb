//! What a process of this machine costs: processor time, memory, open files, threads, as Linux tells it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A process, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// The one of a number.
    #[must_use]
    pub fn of(id: u32) -> Self {
        Self(id)
    }

    /// This one.
    #[must_use]
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// The one that listens on a port; `None` if there is none, or it cannot be seen.
    #[must_use]
    pub fn listening_on(port: u16) -> Option<Self> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
        let listeners = tables.iter().flat_map(|table| table.lines()).filter_map(|line| listener(line, port));
        let sockets: Vec<String> = listeners.map(|inode| format!("socket:[{inode}]")).collect();
        let holds = |folder: &Path| {
            let files = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
            files
                .filter_map(|file| fs::read_link(file.path()).ok())
                .any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
        };
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut numbered =
            processes.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
        numbered.find(|(_, folder)| holds(folder)).map(|(id, _)| Self(id))
    }

    /// Its number.
    #[must_use]
    pub fn id(self) -> u32 {
        self.0
    }

    fn folder(self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.0))
    }

    /// Nanoseconds on a processor so far, of all its threads that live. 0 of a process that is gone.
    #[must_use]
    pub fn cpu_nanos(self) -> u64 {
        let threads = fs::read_dir(self.folder().join("task")).into_iter().flatten().flatten();
        let spent = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
        spent.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }

    /// Bytes of memory that it has resident. `None` of a process that is gone.
    #[must_use]
    pub fn resident(self) -> Option<u64> {
        self.status("VmRSS:").map(|kilobytes| kilobytes * 1024)
    }

    /// How many threads it has. `None` of a process that is gone.
    #[must_use]
    pub fn threads(self) -> Option<u64> {
        self.status("Threads:")
    }

    /// How many files and sockets it has open. `None` if that cannot be seen.
    #[must_use]
    pub fn open_files(self) -> Option<usize> {
        Some(fs::read_dir(self.folder().join("fd")).ok()?.count())
    }

    fn status(self, name: &str) -> Option<u64> {
        let status = fs::read_to_string(self.folder().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// The socket of a line of the kernel's table, if it listens on the port.
fn listener(line: &str, port: u16) -> Option<&str> {
    const LISTENS: &str = "0A";
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    let at = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
    (state == LISTENS && at == port).then_some(inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_by_its_number_and_by_its_port() {
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = Process::own();
        assert_eq!(Process::listening_on(open.local_addr().unwrap().port()), Some(own));
        assert!(own.cpu_nanos() > 0 && own.resident() > Some(1 << 20));
        assert!(own.threads() >= Some(1) && own.open_files() >= Some(1));
        assert_eq!(Process::of(u32::MAX).resident(), None);
    }
}

//! The processor time, memory, open files and threads of a process of this machine, from Linux's `/proc`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A process, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(u32);

impl Process {
    /// The process of this id.
    #[must_use]
    pub fn of(id: u32) -> Self {
        Self(id)
    }

    /// The calling process.
    #[must_use]
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// The process that listens on a port; `None` if there is none, or if another user owns it.
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

    /// The id of the process.
    #[must_use]
    pub fn id(self) -> u32 {
        self.0
    }

    fn folder(self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.0))
    }

    /// Nanoseconds of processor time so far, of all its running threads. 0 after the process has ended.
    #[must_use]
    pub fn cpu_nanos(self) -> u64 {
        let threads = fs::read_dir(self.folder().join("task")).into_iter().flatten().flatten();
        let spent = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
        spent.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok()).sum()
    }

    /// Its resident memory in bytes. `None` after the process has ended.
    #[must_use]
    pub fn resident(self) -> Option<u64> {
        self.status("VmRSS:").map(|kilobytes| kilobytes * 1024)
    }

    /// The number of its threads. `None` after the process has ended.
    #[must_use]
    pub fn threads(self) -> Option<u64> {
        self.status("Threads:")
    }

    /// The number of its open files and sockets. `None` without the right to list them.
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

/// The inode of the socket in a line of the kernel's table, if it listens on the port.
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
    fn a_process_is_found_by_its_id_and_by_its_port() {
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = Process::own();
        assert_eq!(Process::listening_on(open.local_addr().unwrap().port()), Some(own));
        assert!(own.cpu_nanos() > 0 && own.resident() > Some(1 << 20));
        assert!(own.threads() >= Some(1) && own.open_files() >= Some(1));
        assert_eq!(Process::of(u32::MAX).resident(), None);
    }
}

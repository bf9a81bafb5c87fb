//! The processor time of the process that listens on a port of this machine.

use std::{fs, path::Path};

/// A process, by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(u32);

impl Process {
    /// This one.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    /// The one that listens on a port; `None` if there is none, or it cannot be seen.
    pub(crate) fn listening_on(port: u16) -> Option<Self> {
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

    /// Nanoseconds on a processor so far, of all its threads that live.
    pub(crate) fn cpu_nanos(self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0)).into_iter().flatten().flatten();
        let spent = threads.filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
        spent.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok()).sum()
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

//! Bounds on what is read from files and kept of events.

/// The longest line that is read, in bytes. Longer ones are skipped and counted.
pub const MAX_LINE: usize = 1 << 20;

/// The longest text of an event that is kept, in bytes: a trigger type, a user, a session.
pub const MAX_TEXT: usize = 256;

/// The largest catalog or realtime file that is read, in bytes, unpacked: each is held as a whole.
pub const MAX_DOCUMENT: usize = 256 << 20;

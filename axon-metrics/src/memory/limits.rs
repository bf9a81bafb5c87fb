//! Limits on the sizes of inputs and stored texts.

/// The longest accepted line, in bytes. Longer lines are skipped, and counted as rejected.
pub const MAX_LINE: usize = 1 << 20;

/// The longest accepted text of an event, in bytes: a trigger type, a user, a session.
pub const MAX_TEXT: usize = 256;

/// The largest accepted catalog or realtime file, in bytes after decompression: each is held in memory as a whole.
pub const MAX_DOCUMENT: usize = 256 << 20;

//! The instants of everything: UTC.

/// An instant, in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

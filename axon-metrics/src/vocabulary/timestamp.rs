//! The one type of instants.

/// An instant, in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

//! Where a campaign or activity stands by its dates.

use serde::{Deserialize, Serialize};

use super::timestamp::Timestamp;

/// Where a campaign or activity stands by its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before its start.
    NotStarted,
    /// From its start until its end. Without dates it is running.
    Running,
    /// From its end on.
    Ended,
}

impl Phase {
    /// The phase of what runs in `[start, end)` at the instant `as_of`.
    pub fn at(as_of: Timestamp, start: Option<Timestamp>, end: Option<Timestamp>) -> Self {
        if end.is_some_and(|end| end <= as_of) {
            Self::Ended
        } else if start.is_some_and(|start| as_of < start) {
            Self::NotStarted
        } else {
            Self::Running
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_phase_is_half_open_and_running_without_dates() {
        let (start, end) = (Some(at("2024-11-06T00:00:00Z")), Some(at("2024-11-13T00:00:00Z")));
        assert_eq!(Phase::at(at("2024-11-05T23:59:59Z"), start, end), Phase::NotStarted);
        assert_eq!(Phase::at(at("2024-11-06T00:00:00Z"), start, end), Phase::Running);
        assert_eq!(Phase::at(at("2024-11-13T00:00:00Z"), start, end), Phase::Ended);
        assert_eq!(Phase::at(at("2024-11-13T00:00:00Z"), None, None), Phase::Running);
    }
}

//! How records are counted: the modes of a funnel, and the counting asked of a source.

use serde::{Deserialize, Serialize};

/// How a funnel counts its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Number of events.
    #[default]
    Count,
    /// Distinct subjects per step.
    Unique,
    /// Distinct subjects present in all steps so far, in any order. Not supported yet.
    UniqueIntersect,
    /// Distinct subjects that went through the steps in order. Not supported yet.
    UniqueOrdered,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Count, Self::Unique, Self::UniqueIntersect, Self::UniqueOrdered];

    /// The mode's name in requests and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Unique => "unique",
            Self::UniqueIntersect => "unique_intersect",
            Self::UniqueOrdered => "unique_ordered",
        }
    }

    /// How sources count in this mode; `None` for the modes that follow a subject over several steps.
    pub fn counting(self) -> Option<Counting> {
        match self {
            Self::Count => Some(Counting::Events),
            Self::Unique => Some(Counting::Subjects),
            Self::UniqueIntersect | Self::UniqueOrdered => None,
        }
    }
}

/// How a source counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counting {
    /// Records.
    Events,
    /// Distinct subjects: the user where the record names one, else the session; a record with neither has no subject.
    Subjects,
}

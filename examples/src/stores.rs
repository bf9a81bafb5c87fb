//! Generated records in real stores: Elasticsearch, MySQL or MariaDB, and Redis, as the platform fills them.
//! Lives here: the layouts of a platform's data. Lives elsewhere: each store in a layout (a module per store), one run of the
//! generator into all of them (`load`), the existing contents of the stores (`contents`).

pub mod contents;
pub mod elasticsearch;
pub mod load;
pub mod redis;
pub mod sql;

use std::{fmt, str::FromStr};

use crate::generator::TimeFormat;

/// The layout of a platform's data. Three generations are in use, and one is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `dec-2025`. Elasticsearch made the mapping of `axon.event.behavior` and `axon.event.commerce` from the first
    /// documents: texts with a `.keyword`, `occurredAt` in seconds as a float, which steps by 128 s. Purchases have no
    /// status. Redis: `campaign:{activityId}:counter` and `:users`.
    Dec2025,
    /// `aug-2026`. A template gives `axon.event.behavior` keywords and a date, and its documents have ISO times, as a
    /// pipeline writes them that fits the template; `axon.event.commerce` is as before. Purchases have a status. Redis as
    /// before.
    Aug2026,
    /// `plan`. One index, `behavior-events`, mapped by its first documents. Approvals are read from entries; purchases have
    /// no status. Redis: `campaign:{activityId}:remaining`, which counts free slots instead of taken ones, and
    /// `campaignActivity:{activityId}:participants`.
    Plan,
    /// `rejected`. As `aug-2026`, but the pipeline still writes seconds, which the template refuses: the behaviour index
    /// exists and stays empty.
    Rejected,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 4] = [Self::Dec2025, Self::Aug2026, Self::Plan, Self::Rejected];

    /// Its name on a command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dec2025 => "dec-2025",
            Self::Aug2026 => "aug-2026",
            Self::Plan => "plan",
            Self::Rejected => "rejected",
        }
    }

    /// The format of `occurredAt` of behaviour; that of purchases is always [`TimeFormat::Scientific`].
    #[must_use]
    pub fn behavior_time(self) -> TimeFormat {
        match self {
            Self::Aug2026 => TimeFormat::Iso,
            Self::Dec2025 | Self::Plan | Self::Rejected => TimeFormat::Scientific,
        }
    }

    /// Whether purchases have an index of their own. A purchase in another index is then forged.
    #[must_use]
    pub fn has_commerce_index(self) -> bool {
        self != Self::Plan
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == text).ok_or(UnknownLayout)
    }
}

/// No layout has that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be dec-2025, aug-2026, plan or rejected")]
pub struct UnknownLayout;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_found_by_its_name() {
        for layout in Layout::ALL {
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        assert_eq!("2025".parse::<Layout>(), Err(UnknownLayout));
    }
}

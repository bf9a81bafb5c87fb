//! Generated records in real stores: Elasticsearch, MySQL or MariaDB, and Redis, as the platform fills them.
//! Lives here: how a platform has laid out its data. Lives elsewhere: what that means to one store (a module per store), one
//! run of the generator into all of them (`load`), what is there before it (`contents`).

pub mod contents;
pub mod elasticsearch;
pub mod load;
pub mod redis;
pub mod sql;

use std::{fmt, str::FromStr};

use crate::generator::TimeFormat;

/// How a platform has laid out its data. Three generations of it are in use, and one that goes wrong.
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
    /// no status. Redis: `campaign:{activityId}:remaining`, which holds what is left instead of what is taken, and
    /// `campaignActivity:{activityId}:participants`.
    Plan,
    /// `rejected`. As `aug-2026`, but the pipeline still writes seconds, which the template refuses: the behaviour index
    /// is there and stays empty.
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

    /// How the pipeline spells `occurredAt` of behaviour; that of purchases is [`TimeFormat::Scientific`] always.
    #[must_use]
    pub fn behavior_time(self) -> TimeFormat {
        match self {
            Self::Aug2026 => TimeFormat::Iso,
            Self::Dec2025 | Self::Plan | Self::Rejected => TimeFormat::Scientific,
        }
    }

    /// Whether purchases have an index of their own, so that one in another index is not believed.
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

/// There is no layout of that name.
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

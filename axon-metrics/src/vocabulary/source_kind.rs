//! The kinds of sources and of questions, and one value for each of them.
//! A further source is one variant here, one trait in `source`, and one row in `dashboard/sources`.

use std::{
    fmt,
    ops::{Index, IndexMut},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Which kind of fact a source owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Seam))]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// What exists.
    Catalog,
    /// What visitors did.
    Behavior,
    /// What the business recorded.
    Ledger,
    /// What is true this second.
    Realtime,
}

impl SourceKind {
    /// All kinds, in the order of answers.
    pub const ALL: [Self; 4] = [Self::Catalog, Self::Behavior, Self::Ledger, Self::Realtime];

    /// Its word in answers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Behavior => "behavior",
            Self::Ledger => "ledger",
            Self::Realtime => "realtime",
        }
    }
}

/// What a source is asked, where one source is asked more than one kind of question. Each kind has a budget, a circuit
/// breaker and a bulkhead of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum QuestionKind {
    /// What exists.
    Catalog,
    /// What visitors did.
    Behavior,
    /// What the business recorded.
    Ledger,
    /// What is true this second.
    Realtime,
    /// What the business recorded in the weeks before a promotion. No answer waits for the end of it.
    History,
}

impl QuestionKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Catalog, Self::Behavior, Self::Ledger, Self::Realtime, Self::History];

    /// Its word in logs, metrics and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            other => other.source().name(),
        }
    }

    /// How long it may take, and how many are asked at once, where nothing else is set.
    pub(crate) fn defaults(self) -> (Duration, usize) {
        let (milliseconds, permits) = match self {
            Self::Catalog => (300, 2),
            Self::Behavior => (800, 8),
            Self::Ledger => (800, 5),
            Self::Realtime => (150, 32),
            Self::History => (10_000, 2),
        };
        (Duration::from_millis(milliseconds), permits)
    }

    /// Which source is asked.
    pub fn source(self) -> SourceKind {
        match self {
            Self::Catalog => SourceKind::Catalog,
            Self::Behavior => SourceKind::Behavior,
            Self::Ledger | Self::History => SourceKind::Ledger,
            Self::Realtime => SourceKind::Realtime,
        }
    }
}

impl From<SourceKind> for QuestionKind {
    /// The question of every answer.
    fn from(kind: SourceKind) -> Self {
        match kind {
            SourceKind::Catalog => Self::Catalog,
            SourceKind::Behavior => Self::Behavior,
            SourceKind::Ledger => Self::Ledger,
            SourceKind::Realtime => Self::Realtime,
        }
    }
}

macro_rules! one_per {
    ($(#[$doc:meta])* $name:ident[$kind:ty]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name<T>([T; <$kind>::ALL.len()]);

        impl<T> $name<T> {
            /// The value that `value` gives for each kind.
            pub fn from_fn(mut value: impl FnMut($kind) -> T) -> Self {
                Self(std::array::from_fn(|index| value(<$kind>::ALL[index])))
            }

            /// Each kind with its value.
            pub fn iter(&self) -> impl Iterator<Item = ($kind, &T)> {
                <$kind>::ALL.into_iter().zip(&self.0)
            }

            /// The values that `change` makes of these.
            pub fn map<U>(self, change: impl FnMut(T) -> U) -> $name<U> {
                $name(self.0.map(change))
            }
        }

        impl<T> Index<$kind> for $name<T> {
            type Output = T;
            fn index(&self, kind: $kind) -> &T {
                &self.0[kind as usize]
            }
        }
        impl<T> IndexMut<$kind> for $name<T> {
            fn index_mut(&mut self, kind: $kind) -> &mut T {
                &mut self.0[kind as usize]
            }
        }
        /// As a list, in the order of the kinds.
        impl<T: fmt::Debug> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

one_per! {
    /// One value for each kind of source.
    PerSource[SourceKind]
}
one_per! {
    /// One value for each kind of question.
    PerQuestion[QuestionKind]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_value_of_its_own_under_its_own_index() {
        let names = PerSource::from_fn(SourceKind::name);
        assert!(SourceKind::ALL.into_iter().all(|kind| names[kind] == kind.name()));
        let mut questions = PerQuestion::from_fn(QuestionKind::name);
        assert!(QuestionKind::ALL.into_iter().all(|kind| questions[kind] == kind.name()));
        questions[QuestionKind::History] = "weeks";
        assert_eq!(format!("{questions:?}"), r#"["catalog", "behavior", "ledger", "realtime", "weeks"]"#);
    }
}

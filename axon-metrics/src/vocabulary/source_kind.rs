//! The kinds of sources and of questions, and arrays with one value per kind.
//! What a new source kind touches is a table in docs/ARCHITECTURE.md ("What a change touches").

use std::{
    fmt,
    ops::{Index, IndexMut},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Defines an enum of kinds with `ALL` and `name`, from one row per variant. No list can miss a variant.
macro_rules! kinds {
    (
        $(#[$doc:meta])*
        $kind:ident, $(#[$name_doc:meta])* fn name { $($(#[$variant_doc:meta])* $variant:ident: $name:literal,)* }
    ) => {
        $(#[$doc])*
        pub enum $kind { $($(#[$variant_doc])* $variant,)* }

        impl $kind {
            /// All kinds, in their order.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            $(#[$name_doc])*
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

kinds! {
    /// Which kind of fact a source owns.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
    #[cfg_attr(feature = "openapi", schema(as = Seam))]
    #[serde(rename_all = "snake_case")]
    #[non_exhaustive]
    SourceKind,
    /// Its name in answers and logs.
    fn name {
        /// Campaigns and activities.
        Catalog: "catalog",
        /// Events of visitors.
        Behavior: "behavior",
        /// Entries and purchases.
        Ledger: "ledger",
        /// Current slot counters and their members.
        Realtime: "realtime",
    }
}

kinds! {
    /// Which kind of question a source is asked; the ledger is asked two. Each kind has its own budget, circuit breaker
    /// and bulkhead.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[non_exhaustive]
    QuestionKind,
    /// Its name in logs, metrics and settings.
    fn name {
        /// Campaigns and activities.
        Catalog: "catalog",
        /// Events of visitors.
        Behavior: "behavior",
        /// Entries and purchases.
        Ledger: "ledger",
        /// Current slot counters and their members.
        Realtime: "realtime",
        /// Purchases in the weeks before a promotion. It may take longer than an answer: no answer waits for it.
        History: "history",
    }
}

impl QuestionKind {
    /// The default budget, and the default limit of concurrent questions.
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

    /// The kind of source that answers it.
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
    /// The question that answers ask this source; never [`History`](QuestionKind::History).
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

            /// Applies `change` to each value.
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
    fn each_kind_indexes_a_value_of_its_own() {
        let names = PerSource::from_fn(SourceKind::name);
        assert!(SourceKind::ALL.into_iter().all(|kind| names[kind] == kind.name()));
        let mut questions = PerQuestion::from_fn(QuestionKind::name);
        assert!(QuestionKind::ALL.into_iter().all(|kind| questions[kind] == kind.name()));
        questions[QuestionKind::History] = "weeks";
        assert_eq!(format!("{questions:?}"), r#"["catalog", "behavior", "ledger", "realtime", "weeks"]"#);
    }
}

//! The questions to the sources. Each is complete, so that an adapter can answer it in one round trip.
//! Only the dashboard asks them. Tests of adapters make them with the constructors of `testing/questions`.

use std::{sync::Arc, time::Duration};

use crate::vocabulary::{ActivityId, Cells, Counting, EventRule, LedgerStep, ProductId, Timestamp, Window};

/// What all questions of one request share. Built once per request, from the catalog.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QueryScope {
    /// The instant of the answer. Records at or after it are not used.
    pub as_of: Timestamp,
    /// All activities of the scope.
    pub activities: Vec<ActivityId>,
    /// The activities of the scope whose kind has a funnel: steps are counted over their union.
    pub funnel_activities: Vec<ActivityId>,
    /// The requested window, clamped to `as_of`; may be empty.
    pub current: Window,
    /// The window to compare with; `None` if not requested.
    pub previous: Option<Window>,
    /// Whether steps count records or distinct subjects.
    pub counting: Counting,
    /// Whether to count the steps in the current window per funnel activity, too; always in records.
    pub by_activity: bool,
}

/// A question about what visitors did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BehaviorQuestion {
    /// Scope, windows and counting.
    pub scope: Arc<QueryScope>,
    /// The time that the answer may take.
    pub budget: Duration,
    /// The steps to count over the scope's funnel activities; may be empty.
    pub steps: Vec<EventRule>,
    /// The series of events over time; may be empty.
    pub series: Vec<Series>,
    /// The window in which to count distinct subjects with any event, of all activities; `None` to skip it.
    pub active: Option<Window>,
}

/// Events over time, one count per cell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Series {
    /// The events that are counted.
    pub rule: EventRule,
    /// The activities whose events are counted.
    pub activities: SeriesActivities,
    /// The cells, one count each. A cell may be empty. It may also end after the scope's `as_of`: only events before
    /// that are counted.
    pub cells: Cells,
}

/// Which activities of a question's scope a series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeriesActivities {
    /// All activities.
    All,
    /// The activities whose kind has a funnel.
    WithFunnel,
}

impl Series {
    /// The activities of the scope that the series counts; may be empty.
    pub fn activities_of<'a>(&self, scope: &'a QueryScope) -> &'a [ActivityId] {
        match self.activities {
            SeriesActivities::All => &scope.activities,
            SeriesActivities::WithFunnel => &scope.funnel_activities,
        }
    }
}

/// A question about what the business recorded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LedgerQuestion {
    /// Scope, windows and counting.
    pub scope: Arc<QueryScope>,
    /// The time that the answer may take.
    pub budget: Duration,
    /// The steps to count over the scope's funnel activities; may be empty.
    pub steps: Vec<LedgerStep>,
    /// The sales to sum; `None` to skip them.
    pub sales: Option<SalesQuestion>,
    /// The regular purchases to sum over time; `None` to skip them. They are weeks of rows, so the dashboard asks for
    /// them in a separate question, and rarely.
    pub history: Option<HistoryQuestion>,
}

/// Sales of the scope's activities and of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalesQuestion {
    /// The products of the scope; may be empty.
    pub products: Vec<ProductId>,
    /// The requested range inside the promotion, clamped to `as_of`; may be empty.
    pub window: Window,
}

/// Regular purchases, summed in buckets of time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HistoryQuestion {
    /// The products, each once; may be empty.
    pub products: Vec<ProductId>,
    /// The window of the history. It starts with a clock hour of the business zone.
    pub window: Window,
    /// The length of a bucket: an hour, or less if the window has a clock change of less than an hour. The n-th bucket
    /// is `[window.from + n · bucket, window.from + (n + 1) · bucket)`.
    pub bucket: Duration,
}

/// A question about current slots.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RealtimeQuestion {
    /// The instant of the answer.
    pub as_of: Timestamp,
    /// The time that the answer may take.
    pub budget: Duration,
    /// The activities whose slots are requested; may be empty.
    pub activities: Vec<ActivityId>,
}

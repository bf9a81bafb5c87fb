//! The questions that sources are asked. Each is whole, so that an adapter can answer it in one round trip.

use std::{sync::Arc, time::Duration};

use crate::vocabulary::{ActivityId, Cells, Counting, EventRule, LedgerStep, ProductId, Timestamp, Window};

/// What all questions of one request share; made once, after the catalog has spoken.
#[derive(Debug, Clone)]
pub struct QueryScope {
    /// The one instant the answer is made for. Records at or after it are not used.
    pub as_of: Timestamp,
    /// All activities of the scope.
    pub activities: Vec<ActivityId>,
    /// Those whose type has a funnel: steps are counted over their union.
    pub funnel_activities: Vec<ActivityId>,
    /// The window asked for, cut at `as_of`; may be empty.
    pub current: Window,
    /// The window to compare with.
    pub previous: Option<Window>,
    /// What a step's count is made of.
    pub counting: Counting,
    /// Ask for records of the current window for each funnel activity apart, too (records, whatever `counting` says).
    pub by_activity: bool,
}

/// What visitors did.
#[derive(Debug, Clone)]
pub struct BehaviorQuestion {
    /// Scope, windows and counting.
    pub scope: Arc<QueryScope>,
    /// The time the answer may take.
    pub budget: Duration,
    /// The steps to count over the scope's funnel activities; may be empty.
    pub steps: Vec<EventRule>,
    /// Count events over time; may be empty.
    pub series: Vec<Series>,
    /// Count distinct subjects of all the scope's activities with any event in this window.
    pub active: Option<Window>,
}

/// Events over time, one count per cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What is counted.
    pub rule: EventRule,
    /// Of which activities.
    pub activities: SeriesActivities,
    /// The cells. A cell ends at the scope's `as_of` at the latest, and may be empty.
    pub cells: Cells,
}

/// Which activities of a question's scope a series is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SeriesActivities {
    /// All of them.
    All,
    /// Those whose type has a funnel.
    WithFunnel,
}

impl Series {
    /// The activities of the scope that it is about.
    pub fn activities_of<'a>(&self, scope: &'a QueryScope) -> &'a [ActivityId] {
        match self.activities {
            SeriesActivities::All => &scope.activities,
            SeriesActivities::WithFunnel => &scope.funnel_activities,
        }
    }
}

/// What the business recorded.
#[derive(Debug, Clone)]
pub struct LedgerQuestion {
    /// Scope, windows and counting.
    pub scope: Arc<QueryScope>,
    /// The time the answer may take.
    pub budget: Duration,
    /// The steps to count over the scope's funnel activities; may be empty.
    pub steps: Vec<LedgerStep>,
    /// Sum sales, too.
    pub sales: Option<SalesQuestion>,
    /// Sum regular purchases over time, too. It reads weeks of rows, so it is asked in a question of its own, now and then.
    pub history: Option<HistoryQuestion>,
}

/// Sales of the scope's activities and of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesQuestion {
    /// The products of the scope; may be empty.
    pub products: Vec<ProductId>,
    /// The asked range inside the promotion, up to `as_of`; may be empty.
    pub window: Window,
}

/// Regular purchases, summed in buckets of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuestion {
    /// The products, each once; may be empty.
    pub products: Vec<ProductId>,
    /// When; starts with a clock hour of the business zone.
    pub window: Window,
    /// How long a bucket is: an hour, or less where the zone's clocks were moved by less in the window. The n-th bucket is
    /// `[window.from + n · bucket, window.from + (n + 1) · bucket)`.
    pub bucket: Duration,
}

/// What is true this second.
#[derive(Debug, Clone)]
pub struct RealtimeQuestion {
    /// The instant the answer is made for.
    pub as_of: Timestamp,
    /// The time the answer may take.
    pub budget: Duration,
    /// The activities whose slots are asked for.
    pub activities: Vec<ActivityId>,
}

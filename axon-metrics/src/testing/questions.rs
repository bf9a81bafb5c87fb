//! Constructors of questions and cache entries, for tests of adapters: outside of tests only the dashboard makes them.

use std::{sync::Arc, time::Duration};

use crate::{
    ActivityId, EventRule, LedgerStep, ProductId, Timestamp, Window,
    keep::CacheEntry,
    source::{
        BehaviorQuestion, Cells, Counting, HistoryQuestion, LedgerQuestion, QueryScope, RealtimeQuestion,
        SalesQuestion, Series, SeriesActivities,
    },
};

impl QueryScope {
    /// Events of these activities in a window. All activities have a funnel, and nothing is compared.
    pub fn new(as_of: Timestamp, activities: impl IntoIterator<Item = ActivityId>, current: Window) -> Self {
        let activities: Vec<_> = activities.into_iter().collect();
        let funnel_activities = activities.clone();
        let counting = Counting::Events;
        Self { as_of, activities, funnel_activities, current, previous: None, counting, by_activity: false }
    }

    /// Sets the activities that have a funnel. Defaults to all.
    #[must_use]
    pub fn with_funnel_activities(self, activities: impl IntoIterator<Item = ActivityId>) -> Self {
        Self { funnel_activities: activities.into_iter().collect(), ..self }
    }

    /// Sets the window to compare with. Defaults to `None`.
    #[must_use]
    pub fn with_previous(self, previous: impl Into<Option<Window>>) -> Self {
        Self { previous: previous.into(), ..self }
    }

    /// Sets how steps are counted. Defaults to events.
    #[must_use]
    pub fn with_counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// Sets whether steps are counted per funnel activity, too. Defaults to false.
    #[must_use]
    pub fn with_by_activity(self, by_activity: bool) -> Self {
        Self { by_activity, ..self }
    }
}

impl BehaviorQuestion {
    /// A question for nothing.
    pub fn new(scope: impl Into<Arc<QueryScope>>, budget: Duration) -> Self {
        Self { scope: scope.into(), budget, steps: Vec::new(), series: Vec::new(), active: None }
    }

    /// Sets the steps to count. Defaults to none.
    #[must_use]
    pub fn with_steps(self, steps: impl IntoIterator<Item = EventRule>) -> Self {
        Self { steps: steps.into_iter().collect(), ..self }
    }

    /// Sets the series. Defaults to none.
    #[must_use]
    pub fn with_series(self, series: impl IntoIterator<Item = Series>) -> Self {
        Self { series: series.into_iter().collect(), ..self }
    }

    /// Sets the window of active subjects. Defaults to `None`.
    #[must_use]
    pub fn with_active(self, active: impl Into<Option<Window>>) -> Self {
        Self { active: active.into(), ..self }
    }
}

impl Series {
    /// Events by a rule, of all activities or of those with a funnel, per cell.
    pub fn new(rule: EventRule, activities: SeriesActivities, cells: Cells) -> Self {
        Self { rule, activities, cells }
    }
}

impl LedgerQuestion {
    /// A question for nothing.
    pub fn new(scope: impl Into<Arc<QueryScope>>, budget: Duration) -> Self {
        Self { scope: scope.into(), budget, steps: Vec::new(), sales: None, history: None }
    }

    /// Sets the steps to count. Defaults to none.
    #[must_use]
    pub fn with_steps(self, steps: impl IntoIterator<Item = LedgerStep>) -> Self {
        Self { steps: steps.into_iter().collect(), ..self }
    }

    /// Sets the sales to sum. Defaults to `None`.
    #[must_use]
    pub fn with_sales(self, sales: impl Into<Option<SalesQuestion>>) -> Self {
        Self { sales: sales.into(), ..self }
    }

    /// Sets the regular purchases to sum over time. Defaults to `None`.
    #[must_use]
    pub fn with_history(self, history: impl Into<Option<HistoryQuestion>>) -> Self {
        Self { history: history.into(), ..self }
    }
}

impl SalesQuestion {
    /// The sales of these products in a window.
    pub fn new(products: impl IntoIterator<Item = ProductId>, window: Window) -> Self {
        Self { products: products.into_iter().collect(), window }
    }
}

impl HistoryQuestion {
    /// The regular purchases of these products in a window, per bucket.
    pub fn new(products: impl IntoIterator<Item = ProductId>, window: Window, bucket: Duration) -> Self {
        Self { products: products.into_iter().collect(), window, bucket }
    }
}

impl RealtimeQuestion {
    /// The slots of these activities.
    pub fn new(as_of: Timestamp, budget: Duration, activities: impl IntoIterator<Item = ActivityId>) -> Self {
        Self { as_of, budget, activities: activities.into_iter().collect() }
    }
}

impl CacheEntry {
    /// An entry.
    pub fn new(key: impl Into<String>, value: impl Into<Vec<u8>>, ttl: Duration) -> Self {
        Self { key: key.into(), value: value.into(), ttl }
    }
}

//! Which records a step of a funnel counts.

/// Which records a step counts, and so which source counts them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Record {
    /// An event.
    Event(EventRule),
    /// A row of the ledger.
    Ledger(LedgerStep),
}

/// Events with one of these triggers.
/// ```
/// use axon_metrics::EventRule;
/// let rule = EventRule::any_of(["SCROLL", "STAY"]).of_definitions([41]);
/// assert_eq!(rule.triggers, ["SCROLL", "STAY"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct EventRule {
    /// Trigger types, as stored (`PAGE_VIEW`). An event matches if it has one of them.
    pub triggers: Vec<String>,
    /// Only these tracker definitions (`eventId`); empty for all. The tracker stores one page view per matching
    /// definition, so `count` overstates visits unless one definition is chosen.
    pub definitions: Vec<i64>,
}

impl EventRule {
    /// Every event with this trigger.
    pub fn trigger(name: impl Into<String>) -> Self {
        Self::any_of([name])
    }

    /// Every event with one of these triggers.
    pub fn any_of<T: Into<String>>(triggers: impl IntoIterator<Item = T>) -> Self {
        Self { triggers: triggers.into_iter().map(Into::into).collect(), definitions: Vec::new() }
    }

    /// The same rule, for these tracker definitions only.
    #[must_use]
    pub fn of_definitions(mut self, definitions: impl IntoIterator<Item = i64>) -> Self {
        self.definitions = definitions.into_iter().collect();
        self
    }
}

/// A row of the ledger that can be a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LedgerStep {
    /// An approved entry of an activity, by the time it was created.
    ApprovedEntry,
    /// A confirmed purchase attributed to an activity, by the time of purchase.
    Purchase,
}

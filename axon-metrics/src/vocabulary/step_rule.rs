//! Which records a step of a funnel counts.

/// Which records a step counts, and so which source counts them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Record {
    /// An event.
    Event(EventRule),
    /// A row of the ledger.
    Ledger(LedgerStep),
}

/// Events with one of these triggers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
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
        Self { triggers: vec![name.into()], definitions: Vec::new() }
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

//! The steps of a funnel: their keys, names and rules.

/// The kind of record a step counts, and so which source answers it.
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
    /// Narrows to these tracker definitions (`eventId`); empty for all. The tracker stores one page view once per matching
    /// definition, so that `count` overstates visits unless narrowed to one.
    pub definitions: Vec<i64>,
}

impl EventRule {
    /// Every event with this trigger.
    pub fn trigger(name: impl Into<String>) -> Self {
        Self { triggers: vec![name.into()], definitions: Vec::new() }
    }

    /// The same, of these tracker definitions only.
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

/// A step of a funnel: its names and the kind of record it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// Its stable key.
    pub key: &'static str,
    /// Its Korean name.
    pub ko: &'static str,
    /// Its English name.
    pub en: &'static str,
    /// What it counts.
    pub record: Record,
}

/// Number of steps of the funnel.
pub const STEPS: usize = 4;

/// What each of the plan's four steps counts.
/// ```
/// use axon_metrics::{LedgerStep, Record, StepRules};
/// let mut rules = StepRules::default();
/// rules.approve = Record::Ledger(LedgerStep::ApprovedEntry); // approvals from MySQL, not from events
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepRules {
    /// 방문. Defaults to `PAGE_VIEW` events.
    pub visit: Record,
    /// 참여. Defaults to `CLICK` events.
    pub engage: Record,
    /// 승인. Defaults to `APPROVED` events.
    pub approve: Record,
    /// 구매. Defaults to `PURCHASE` events.
    pub purchase: Record,
}

impl Default for StepRules {
    fn default() -> Self {
        let event = |trigger: &str| Record::Event(EventRule::trigger(trigger));
        Self {
            visit: event("PAGE_VIEW"),
            engage: event("CLICK"),
            approve: event("APPROVED"),
            purchase: event("PURCHASE"),
        }
    }
}

impl StepRules {
    /// The name of the funnel these rules belong to.
    pub const FUNNEL: &'static str = "fcfs";

    /// The four steps, in their order.
    pub fn steps(&self) -> [Step; STEPS] {
        let step = |key, ko, en, record: &Record| Step { key, ko, en, record: record.clone() };
        [
            step("visit", "방문", "Visit", &self.visit),
            step("engage", "참여", "Engage", &self.engage),
            step("approve", "승인", "Approve", &self.approve),
            step("purchase", "구매", "Purchase", &self.purchase),
        ]
    }
}

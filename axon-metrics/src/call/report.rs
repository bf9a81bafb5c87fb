//! How one question to a source went: freshness, precision, gaps.

use std::time::Duration;

use crate::{
    observe,
    source::{
        BehaviorFacts, Fact, HistoryFact, LedgerFacts, Missing, Precision, Probe, RealtimeFacts, SourceKind,
        SourceOutcome, SourceStatus,
    },
    vocabulary::{Catalog, Timestamp},
};

/// How one question to a source went; becomes a [`SourceState`].
#[derive(Debug, Clone)]
pub(crate) struct SourceReport {
    pub(crate) name: &'static str,
    pub(crate) kind: SourceKind,
    pub(crate) took: Duration,
    pub(crate) status: SourceStatus,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) precision: Option<Precision>,
    pub(crate) shed: bool,
}

impl SourceReport {
    pub(crate) fn new(name: &'static str, kind: SourceKind, took: Duration) -> Self {
        Self { name, kind, took, status: SourceStatus::Ok, as_of: None, precision: None, shed: false }
    }

    pub(crate) fn failed(mut self) -> Self {
        self.status = SourceStatus::Unavailable;
        self
    }

    /// Not asked, since too many were asking already.
    pub(crate) fn shed(mut self, shed: bool) -> Self {
        self.shed = shed;
        self
    }

    /// A catalog read at this instant.
    pub(crate) fn read_at(mut self, instant: Timestamp) -> Self {
        self.as_of = Some(instant);
        self.precision = Some(Precision::Exact);
        self
    }

    /// How it went, once the source has answered.
    pub(crate) fn outcome(&self) -> SourceOutcome {
        match self.status {
            SourceStatus::Ok => SourceOutcome::Ok,
            SourceStatus::Partial => SourceOutcome::Partial,
            SourceStatus::Unavailable => SourceOutcome::Unavailable,
        }
    }

    /// Tells how old what the source said is at this instant.
    pub(crate) fn observe_age(&self, as_of: Timestamp) {
        if let Some(complete_to) = self.as_of {
            observe::data_age(self.name, self.kind, as_of - complete_to);
        }
    }

    /// A ledger that did not tell what came before the promotion has told a part only.
    pub(crate) fn look_at_history(&mut self, history: &HistoryFact) {
        if self.kind == SourceKind::Ledger
            && self.status == SourceStatus::Ok
            && matches!(history, Err(Missing::Unavailable(_)))
        {
            self.status = SourceStatus::Partial;
        }
    }

    fn look_at<T>(&mut self, fact: &Fact<T>) {
        match fact {
            Ok(measured) => {
                self.as_of = Some(self.as_of.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
                self.precision = self.precision.max(Some(measured.precision));
                if measured.partial {
                    self.status = SourceStatus::Partial;
                }
            }
            Err(Missing::Unavailable(_)) => self.status = SourceStatus::Partial,
            Err(_) => {}
        }
    }
}

/// What a source said, as far as its report tells of it: freshness, precision and gaps.
pub(crate) trait Describe {
    fn describe(&self, report: &mut SourceReport);
}

impl Describe for BehaviorFacts {
    fn describe(&self, report: &mut SourceReport) {
        self.steps.all().for_each(|fact| report.look_at(fact));
        self.series.iter().for_each(|fact| report.look_at(fact));
        self.active.iter().for_each(|fact| report.look_at(fact));
    }
}

impl Describe for LedgerFacts {
    fn describe(&self, report: &mut SourceReport) {
        self.steps.all().for_each(|fact| report.look_at(fact));
        if let Some(sales) = &self.sales {
            report.look_at(&sales.promotion);
            report.look_at(&sales.regular);
            report.look_at(&sales.others);
        }
        self.history.iter().for_each(|fact| report.look_at(fact));
    }
}

impl Describe for RealtimeFacts {
    fn describe(&self, report: &mut SourceReport) {
        for (_, slots) in &self.slots {
            report.look_at(&slots.stock);
            report.look_at(&slots.members);
        }
    }
}

/// Whole or not at all.
impl Describe for Catalog {
    fn describe(&self, _: &mut SourceReport) {}
}

impl Describe for Probe {
    fn describe(&self, _: &mut SourceReport) {}
}

//! The report of one question to a source: status, time, completeness and precision.

use std::time::Duration;

use crate::{
    observe,
    source::{
        BehaviorFacts, Coverage, Fact, HistoryFact, LedgerFacts, Measured, Missing, Precision, Probe, RealtimeFacts,
        Reason, SourceKind, SourceOutcome, SourceStatus, StepCounts,
    },
    vocabulary::{Catalog, Timestamp},
};

/// The report of one question to a source, from which the answer's `SourceState` is made.
#[derive(Debug, Clone)]
pub(crate) struct SourceReport {
    pub(crate) name: &'static str,
    pub(crate) kind: SourceKind,
    pub(crate) took: Duration,
    pub(crate) status: SourceStatus,
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) precision: Option<Precision>,
    pub(crate) shed: bool,
    /// What its counts and sums of the range were made from; `None` if it gave none.
    pub(crate) coverage: Option<Coverage>,
    /// Whether a value is missing for what the store holds.
    pub(crate) has_gap: bool,
}

impl SourceReport {
    pub(crate) fn new(name: &'static str, kind: SourceKind, took: Duration) -> Self {
        Self {
            name,
            kind,
            took,
            status: SourceStatus::Ok,
            as_of: None,
            precision: None,
            shed: false,
            coverage: None,
            has_gap: false,
        }
    }

    pub(crate) fn failed(mut self) -> Self {
        self.status = SourceStatus::Unavailable;
        self
    }

    /// Sets whether the source was not asked, since its bulkhead was full.
    pub(crate) fn shed(mut self, shed: bool) -> Self {
        self.shed = shed;
        self
    }

    /// Adds when the catalog was read.
    pub(crate) fn read_at(mut self, instant: Timestamp) -> Self {
        self.as_of = Some(instant);
        self.precision = Some(Precision::Exact);
        self
    }

    /// The outcome of a source that answered.
    pub(crate) fn outcome(&self) -> SourceOutcome {
        match self.status {
            SourceStatus::Ok => SourceOutcome::Ok,
            SourceStatus::Partial => SourceOutcome::Partial,
            SourceStatus::Unavailable => SourceOutcome::Unavailable,
        }
    }

    /// Observes the age of the facts at this instant.
    pub(crate) fn observe_age(&self, as_of: Timestamp) {
        if let Some(complete_to) = self.as_of {
            observe::data_age(self.name, self.kind, as_of - complete_to);
        }
    }

    /// Adds the history, which is asked for separately: a ledger that answers without it is partial.
    pub(crate) fn include_history(&mut self, history: &HistoryFact) {
        if self.kind == SourceKind::Ledger
            && self.status == SourceStatus::Ok
            && matches!(history, Err(Missing::Unavailable(_)))
        {
            self.status = SourceStatus::Partial;
        }
    }

    fn include<T>(&mut self, fact: &Fact<T>) {
        match fact {
            Ok(measured) => {
                self.as_of = Some(self.as_of.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
                self.precision = self.precision.max(Some(measured.precision));
                if measured.partial {
                    self.status = SourceStatus::Partial;
                }
            }
            Err(Missing::Unavailable(_)) => self.status = SourceStatus::Partial,
            // Whether a missing key is a gap depends on the dates of the activity, which the source does not know.
            Err(Missing::NotMeasured(Reason::KeyMissing)) => {}
            Err(why) => self.has_gap |= why.is_gap(),
        }
    }

    /// Adds what a figure of the range was made from.
    fn cover<T>(&mut self, fact: &Fact<T>) {
        let Ok(Measured { coverage, .. }) = fact else { return };
        match &mut self.coverage {
            Some(sum) => sum.add(coverage),
            None => self.coverage = Some(coverage.clone()),
        }
    }

    /// The same for the counts of the steps: of the range, or per activity where only these were asked for.
    fn cover_steps(&mut self, steps: &StepCounts) {
        let per_activity = steps.by_activity.iter().filter(|_| steps.current.is_empty());
        steps.current.iter().chain(per_activity.flat_map(|(_, counts)| counts)).for_each(|fact| self.cover(fact));
    }
}

/// Facts that fill in the report: how far they are complete, their precision, and what is missing.
pub(crate) trait Describe {
    fn describe(&self, report: &mut SourceReport);
}

impl Describe for BehaviorFacts {
    fn describe(&self, report: &mut SourceReport) {
        self.steps.all().for_each(|fact| report.include(fact));
        self.series.iter().for_each(|fact| report.include(fact));
        self.active.iter().for_each(|fact| report.include(fact));
        report.cover_steps(&self.steps);
        if report.coverage.is_none() {
            self.series.iter().for_each(|fact| report.cover(fact));
        }
        if report.coverage.is_none() {
            self.active.iter().for_each(|fact| report.cover(fact));
        }
    }
}

impl Describe for LedgerFacts {
    fn describe(&self, report: &mut SourceReport) {
        self.steps.all().for_each(|fact| report.include(fact));
        if let Some(sales) = &self.sales {
            report.include(&sales.promotion);
            report.include(&sales.regular);
            report.include(&sales.others);
            report.cover(&sales.promotion);
            report.cover(&sales.regular);
        }
        report.cover_steps(&self.steps);
        self.history.iter().for_each(|fact| report.include(fact));
    }
}

impl Describe for RealtimeFacts {
    fn describe(&self, report: &mut SourceReport) {
        for (_, slots) in &self.slots {
            report.include(&slots.stock);
            report.include(&slots.members);
            report.cover(&slots.members);
        }
    }
}

/// A catalog is never partial.
impl Describe for Catalog {
    fn describe(&self, _: &mut SourceReport) {}
}

impl Describe for Probe {
    fn describe(&self, _: &mut SourceReport) {}
}

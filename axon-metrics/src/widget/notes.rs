//! Notes on a widget's data: missing figures with their reasons, warnings, and the quality of the facts used.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    source::{Coverage, Fact, LeftOut, LeftOutPlace, LeftOutReason, Measured, Missing, Reason, Tolerance},
    vocabulary::Timestamp,
    wire::{MissingFigure, Warning, WarningCode},
};

/// The notes on one widget, collected while it is computed.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    tolerance: Tolerance,
    pub(crate) missing: Vec<MissingFigure>,
    pub(crate) warnings: Vec<Warning>,
    /// The instant up to which all facts used are complete; `None` if none was used.
    pub(crate) complete_to: Option<Timestamp>,
    /// The number of figures with a value.
    pub(crate) available: usize,
    /// The number of figures without a value because a source failed, or because the history is still loading.
    pub(crate) lost: usize,
    /// How many of the lost figures are still being loaded.
    loading: usize,
    /// Whether a fact came from an incomplete reply.
    pub(crate) partial: bool,
    /// Whether figures are missing, or made of too few records, because of what the stores hold. Asking again changes nothing.
    pub(crate) incomplete: bool,
    /// Whether the lag behind a fact was assumed.
    lag_assumed: bool,
    /// The coarsest time resolution of the facts used.
    time_step: Option<Duration>,
    /// What was left out somewhere in a store, by store.
    in_stores: BTreeMap<(Arc<str>, LeftOutReason), LeftOut>,
}

impl Notes {
    /// Without a note. `tolerance` is the share of left-out records up to which a figure counts as whole.
    pub(crate) fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, ..Self::default() }
    }

    /// The fact's value; `None` with a note on the reason.
    pub(crate) fn figure<T: Clone>(&mut self, field: impl Into<String>, fact: &Fact<T>) -> Option<T> {
        let field = field.into();
        self.record(&field, fact);
        self.derived(field, value(fact))
    }

    /// Whether no figure was lost to a source that failed or answered only in part.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost == 0 && !self.partial
    }

    /// Whether figures are missing only because the history is still being loaded.
    pub(crate) fn waits_for_history(&self) -> bool {
        self.lost > 0 && self.lost == self.loading && !self.partial
    }

    /// A value computed from facts; `None` with a note on the reason.
    pub(crate) fn derived<T>(&mut self, field: impl Into<String>, value: Result<T, Missing>) -> Option<T> {
        if let Err(why) = &value {
            self.incomplete |= why.is_gap();
        }
        self.expected(field, value)
    }

    /// The same where a missing key is no gap: before the start there is none.
    pub(crate) fn derived_before_start<T>(&mut self, field: impl Into<String>, value: Result<T, Missing>) -> Option<T> {
        match value {
            Err(Missing::NotMeasured(Reason::KeyMissing)) => self.expected(field, value),
            value => self.derived(field, value),
        }
    }

    fn expected<T>(&mut self, field: impl Into<String>, value: Result<T, Missing>) -> Option<T> {
        match &value {
            Ok(_) => self.available += 1,
            Err(why) => {
                self.lost += usize::from(matches!(why, Missing::Unavailable(_) | Missing::Loading(_)));
                self.loading += usize::from(matches!(why, Missing::Loading(_)));
                self.missing.push(MissingFigure::new(field.into(), why));
            }
        }
        value.ok()
    }

    /// Records the quality of a cached fact. It is older by design, so its age does not count for the widget.
    pub(crate) fn record_cached<T>(&mut self, field: &str, measured: &Measured<T>) {
        self.partial |= measured.partial;
        self.lag_assumed |= measured.lag_assumed;
        self.time_step = self.time_step.max(measured.time_step);
        if measured.ambiguous > 0 {
            let message = "records lie in an hour that comes twice; all of it counts for the first time";
            let records = i64::try_from(measured.ambiguous).ok();
            self.warn(Warning::new(WarningCode::AmbiguousHour, message).about(field).with("records", records));
        }
        self.cover(field, &measured.source, &measured.coverage);
    }

    /// Records the quality, the coverage and the age of a fact. `field` is the figure that it is used for.
    pub(crate) fn record<T>(&mut self, field: &str, fact: &Fact<T>) {
        match fact {
            Ok(measured) => {
                self.record_cached(field, measured);
                self.complete_to =
                    Some(self.complete_to.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
            }
            Err(Missing::NothingUsed(nothing)) => self.cover(field, &nothing.source, &nothing.coverage),
            Err(_) => {}
        }
    }

    /// Notes what was left out of a figure: of its own window in a warning each, of the whole store in one warning for the
    /// widget.
    pub(crate) fn cover(&mut self, field: &str, source: &Arc<str>, coverage: &Coverage) {
        self.incomplete |= coverage.exceeds(self.tolerance, LeftOutPlace::Window);
        let counts_in_store = coverage.exceeds(self.tolerance, LeftOutPlace::Store);
        self.incomplete |= counts_in_store;
        for one in coverage.left_out() {
            match one.place {
                LeftOutPlace::Window => self.warn(Warning::left_out(one).about(field)),
                LeftOutPlace::Store if counts_in_store => {
                    let key = (Arc::clone(source), one.reason);
                    self.in_stores.entry(key).and_modify(|known| known.widen(one)).or_insert(*one);
                }
                LeftOutPlace::Store => {}
            }
        }
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// The missing figures, and all warnings: those of the widget, and those on the quality of its facts.
    pub(crate) fn into_warnings(mut self) -> (Vec<MissingFigure>, Vec<Warning>) {
        for ((source, _), one) in std::mem::take(&mut self.in_stores) {
            self.warn(Warning::left_out(&one).with_text("source", &source));
        }
        if let Some(step) = self.time_step {
            let message = "times are stored too coarsely to be exact at the bounds of a window";
            let seconds = i64::try_from(step.as_secs()).ok();
            self.warn(Warning::new(WarningCode::TimeResolution, message).with("seconds", seconds));
        }
        if self.lag_assumed {
            let message = "the lag of the store is assumed, not measured";
            self.warn(Warning::new(WarningCode::AssumedLag, message));
        }
        (self.missing, self.warnings)
    }
}

/// A fact's value, without its quality.
pub(crate) fn value<T: Clone>(fact: &Fact<T>) -> Result<T, Missing> {
    fact.as_ref().map(|measured| measured.value.clone()).map_err(Clone::clone)
}

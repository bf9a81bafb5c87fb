//! Notes on a widget's data: missing figures with their reasons, warnings, and the quality of the facts used.

use std::time::Duration;

use crate::{
    source::{Fact, Measured, Missing},
    vocabulary::Timestamp,
    wire::{MissingFigure, Warning, WarningCode},
};

/// The notes on one widget, collected while it is computed.
#[derive(Debug, Default)]
pub(crate) struct Notes {
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
    /// Whether the lag behind a fact was assumed.
    lag_assumed: bool,
    /// The coarsest time resolution of the facts used.
    time_step: Option<Duration>,
}

impl Notes {
    /// The fact's value; `None` with a note on the reason.
    pub(crate) fn figure<T: Clone>(&mut self, field: impl Into<String>, fact: &Fact<T>) -> Option<T> {
        self.record(fact);
        self.derived(field, value(fact))
    }

    /// Whether figures are missing only because the history is still being loaded.
    pub(crate) fn waits_for_history(&self) -> bool {
        self.lost > 0 && self.lost == self.loading && !self.partial
    }

    /// A value computed from facts; `None` with a note on the reason.
    pub(crate) fn derived<T>(&mut self, field: impl Into<String>, value: Result<T, Missing>) -> Option<T> {
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
    pub(crate) fn record_cached<T>(&mut self, measured: &Measured<T>) {
        self.partial |= measured.partial;
        self.lag_assumed |= measured.lag_assumed;
        self.time_step = self.time_step.max(measured.time_step);
    }

    /// Records the quality and the age of a fact.
    pub(crate) fn record<T>(&mut self, fact: &Fact<T>) {
        if let Ok(measured) = fact {
            self.record_cached(measured);
            self.complete_to =
                Some(self.complete_to.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
        }
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// The missing figures, and all warnings: those of the widget, and those on the quality of its facts.
    pub(crate) fn into_warnings(mut self) -> (Vec<MissingFigure>, Vec<Warning>) {
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

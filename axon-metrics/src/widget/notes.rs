//! What goes beside a widget's data: which figures are missing and why, warnings, and how fresh and whole the facts were.

use std::time::Duration;

use crate::{
    source::{Fact, Measured, Missing},
    vocabulary::Timestamp,
    wire::{MissingFigure, Warning, WarningCode},
};

/// Gathered while a widget is computed.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) missing: Vec<MissingFigure>,
    pub(crate) warnings: Vec<Warning>,
    /// How far the facts used are complete: the oldest of them.
    pub(crate) complete_to: Option<Timestamp>,
    /// Figures that stand, and figures lost because a source failed.
    pub(crate) had: usize,
    pub(crate) lost: usize,
    /// Those of them that are still being read.
    loading: usize,
    /// Whether a fact came from an incomplete reply.
    pub(crate) partial: bool,
    /// Whether how far a fact is complete was assumed.
    lag_assumed: bool,
    /// The coarsest time of the facts used.
    time_step: Option<Duration>,
}

impl Notes {
    /// The fact's value, or null and why.
    pub(crate) fn figure<T: Clone>(&mut self, field: impl Into<String>, fact: &Fact<T>) -> Option<T> {
        self.look_at(fact);
        self.derived(field, value(fact))
    }

    /// Whether all that is lost is still being read, and nothing failed.
    pub(crate) fn waits_for_history(&self) -> bool {
        self.lost > 0 && self.lost == self.loading && !self.partial
    }

    /// A value computed from facts, or null and why.
    pub(crate) fn derived<T>(&mut self, field: impl Into<String>, value: Result<T, Missing>) -> Option<T> {
        match &value {
            Ok(_) => self.had += 1,
            Err(why) => {
                self.lost += usize::from(matches!(why, Missing::Unavailable(_) | Missing::Loading(_)));
                self.loading += usize::from(matches!(why, Missing::Loading(_)));
                self.missing.push(MissingFigure::new(field.into(), why));
            }
        }
        value.ok()
    }

    /// Notes how whole a fact is that is kept, and so older than the others: its age is no age of theirs.
    pub(crate) fn look_at_kept<T>(&mut self, measured: &Measured<T>) {
        self.partial |= measured.partial;
        self.lag_assumed |= measured.lag_assumed;
        self.time_step = self.time_step.max(measured.time_step);
    }

    /// Notes how fresh and whole a fact is.
    pub(crate) fn look_at<T>(&mut self, fact: &Fact<T>) {
        if let Ok(measured) = fact {
            self.look_at_kept(measured);
            self.complete_to =
                Some(self.complete_to.map_or(measured.complete_to, |oldest| oldest.min(measured.complete_to)));
        }
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// All warnings: those of the widget, and what the facts it used have in common.
    pub(crate) fn into_warnings(mut self) -> (Vec<MissingFigure>, Vec<Warning>) {
        if let Some(step) = self.time_step {
            let message = "times are stored too coarsely to be exact at the bounds of a window";
            let seconds = i64::try_from(step.as_secs()).ok();
            self.warn(Warning::new(WarningCode::TimeResolution, message).with("seconds", seconds));
        }
        if self.lag_assumed {
            let message = "how far the store lags behind is assumed, not measured";
            self.warn(Warning::new(WarningCode::AssumedLag, message));
        }
        (self.missing, self.warnings)
    }
}

/// A fact's value, without what judges it.
pub(crate) fn value<T: Clone>(fact: &Fact<T>) -> Result<T, Missing> {
    fact.as_ref().map(|measured| measured.value.clone()).map_err(Clone::clone)
}

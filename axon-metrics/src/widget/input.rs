//! What widgets are computed from, and what they need to be asked for it.

use std::{sync::Arc, time::Duration};

use super::notes::Notes;
use crate::{
    source::{Fact, HistoryFact, HistoryQuestion, QueryScope, SalesFacts, SalesQuestion, Slots, StepCounts},
    vocabulary::{ActivityId, ResolvedScope, STEPS, Step, Timestamp, Window},
};

/// What must be asked of the sources: or-ed over the widgets, so that what two need is asked once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    pub(crate) steps: bool,
    pub(crate) by_activity: bool,
    pub(crate) inflow: bool,
    pub(crate) active: bool,
    pub(crate) sales: bool,
    pub(crate) slots: bool,
}

/// What one request is about, settled before anything is asked.
#[derive(Debug)]
pub(crate) struct WidgetInput<'a> {
    pub(crate) scope: ResolvedScope<'a>,
    pub(crate) currency: &'a str,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) as_of: Timestamp,
    pub(crate) steps: [Step; STEPS],
    pub(crate) query: Arc<QueryScope>,
    /// The clock hours of the inflow; the last is in progress, and cut at `as_of` only where it is asked for.
    pub(crate) inflow: Vec<Window>,
    pub(crate) active: Window,
    pub(crate) sales: SalesQuestion,
    /// `None` if no whole day before the promotion is over.
    pub(crate) history: Option<HistoryQuestion>,
    pub(crate) baseline_weeks: u32,
    /// From this age on the weeks before should have been read again.
    pub(crate) history_old: Duration,
}

/// What the sources said, woven back into the order of the funnel. What was not asked for is not looked at.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) steps: StepCounts,
    pub(crate) inflow: Fact<Vec<u64>>,
    pub(crate) active: Fact<u64>,
    pub(crate) sales: SalesFacts,
    /// What is kept of the weeks before the promotion.
    pub(crate) history: HistoryFact,
    pub(crate) slots: Vec<(ActivityId, Slots)>,
}

/// A widget's logic.
pub(super) trait Compute: Sized {
    fn needs(needs: &mut Needs);
    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self;
}

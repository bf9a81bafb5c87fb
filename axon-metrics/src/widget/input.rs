//! The input of widgets: which facts they need, and what they are computed from.

use std::{any::TypeId, sync::Arc, time::Duration};

use super::notes::Notes;
use crate::{
    source::{
        Fact, HistoryFact, HistoryQuestion, QueryScope, SalesFacts, SalesQuestion, SeriesActivities, Slots, StepCounts,
        Tolerance,
    },
    vocabulary::{ActivityId, FunnelDefinition, ResolvedScope, StepRules, Timestamp, Window},
};

/// What to ask of the sources. The needs of all widgets of a load are or-ed, so that each fact is asked for once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    /// The steps of the plan's funnel.
    pub(crate) steps: bool,
    /// The steps of the chosen funnel.
    pub(crate) funnel: bool,
    /// The steps of the plan's funnel for each activity.
    pub(crate) by_activity: bool,
    pub(crate) active: bool,
    pub(crate) sales: bool,
    pub(crate) slots: bool,
}

impl Needs {
    pub(crate) const NOTHING: Self =
        Self { steps: false, funnel: false, by_activity: false, active: false, sales: false, slots: false };

    /// The needs of both.
    pub(crate) fn or(self, other: Self) -> Self {
        let Self { steps, funnel, by_activity, active, sales, slots } = self;
        Self {
            steps: steps || other.steps,
            funnel: funnel || other.funnel,
            by_activity: by_activity || other.by_activity,
            active: active || other.active,
            sales: sales || other.sales,
            slots: slots || other.slots,
        }
    }

    /// Whether steps are counted over the whole scope.
    pub(crate) fn counts_steps(self) -> bool {
        self.steps || self.funnel
    }
}

/// The resolved request of one load, built before any source is asked.
#[derive(Debug)]
pub(crate) struct WidgetInput<'a> {
    pub(crate) scope: ResolvedScope<'a>,
    pub(crate) currency: &'a str,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) as_of: Timestamp,
    /// The steps of the plan's funnel.
    pub(crate) rules: &'a StepRules,
    /// The chosen funnel; the plan's by default.
    pub(crate) funnel: &'a FunnelDefinition,
    pub(crate) query: Arc<QueryScope>,
    /// The requested range, including the part in the future.
    pub(crate) range: Window,
    /// The bucket series that the widgets need.
    pub(crate) series: Vec<BucketSeries>,
    /// The window in which active subjects are counted.
    pub(crate) active: Window,
    pub(crate) sales: SalesQuestion,
    /// `None` if no whole day before the promotion is over.
    pub(crate) history: Option<HistoryQuestion>,
    pub(crate) baseline_weeks: u32,
    /// The share of left-out records up to which a figure counts as whole.
    pub(crate) tolerance: Tolerance,
    /// A history older than this gets a warning: it should have been refreshed.
    pub(crate) history_old: Duration,
}

/// Visits over time: events of the first step of the plan's funnel in each bucket.
#[derive(Debug, Clone)]
pub(crate) struct BucketSeries {
    /// The data of the widget that shows it.
    widget: TypeId,
    /// Oldest first and without gaps; the last may be in progress.
    pub(crate) buckets: Vec<Window>,
    pub(crate) activities: SeriesActivities,
}

impl BucketSeries {
    /// The series of the widget with these data.
    pub(super) fn of<T: 'static>(buckets: Vec<Window>, activities: SeriesActivities) -> Self {
        Self { widget: TypeId::of::<T>(), buckets, activities }
    }

    /// Whether it is the series of the widget with data of this type.
    pub(crate) fn is_of(&self, data: TypeId) -> bool {
        self.widget == data
    }
}

impl WidgetInput<'_> {
    /// The buckets of a widget's series, each with its visits; empty if the series was not asked for.
    pub(super) fn visits<'a, T: 'static>(
        &'a self,
        facts: &'a Facts,
    ) -> impl Iterator<Item = (Window, &'a Fact<u64>)> + use<'a, T> {
        let series = self.series.iter().zip(&facts.series).find(|(series, _)| series.widget == TypeId::of::<T>());
        series.into_iter().flat_map(|(series, visits)| series.buckets.iter().copied().zip(visits))
    }
}

/// The facts from all sources, merged into the order of the funnels' steps. Widgets read only the facts that they need.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The steps of the plan's funnel.
    pub(crate) steps: StepCounts,
    /// The steps of the chosen funnel, over the whole scope.
    pub(crate) funnel: StepCounts,
    /// The visits of each bucket of each series, in the order of [`WidgetInput::series`].
    pub(crate) series: Vec<Vec<Fact<u64>>>,
    pub(crate) active: Fact<u64>,
    pub(crate) sales: SalesFacts,
    /// The cached history of the weeks before the promotion.
    pub(crate) history: HistoryFact,
    pub(crate) slots: Vec<(ActivityId, Slots)>,
}

/// How a widget is computed.
pub(super) trait Compute: Sized {
    /// Whether the widget shows the part of the range that is yet to come. Its cache key then holds the range's end.
    const SHOWS_WHOLE_RANGE: bool = false;

    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self;

    /// The bucket series that it needs. Most widgets need none.
    fn series(_: &WidgetInput<'_>) -> Option<BucketSeries> {
        None
    }

    /// Sets what depends on the instant of the answer, however old the widget is. Whether that changed something. Most widgets
    /// have nothing of the kind.
    fn move_to(&mut self, _: ResolvedScope<'_>, _: Timestamp) -> bool {
        false
    }
}

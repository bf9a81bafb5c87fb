//! The widgets: what each needs, and how it is computed from facts. Pure: no clock, no store, nothing async.
//! A new widget is one file here and one line in the list below.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    ActivityId, Timestamp,
    baseline::kept::Told,
    catalog::Resolved,
    definitions::{STEPS, Step},
    facts::{Fact, SalesFacts, Slots, StepCounts},
    period::Window,
    source::{HistoryQuestion, QueryScope, SalesQuestion},
};

mod activities;
mod comparison;
mod funnel;
mod notes;
mod overview;
mod realtime;
pub use activities::ActivityRow;
pub use comparison::{Amount, Baseline, BaselineMethod, Comparison, OtherPromotion, SalesFigures};
pub use funnel::{Funnel, FunnelStep, PreviousStep};
pub(crate) use notes::Notes;
pub use notes::{MissingFigure, MissingReason, Warning, WarningCode};
pub use overview::{Overview, OverviewChange, OverviewFigures};
pub use realtime::{ActivityStock, BucketState, InflowBucket, Realtime};

macro_rules! widgets {
    ($($(#[$doc:meta])* $name:ident: $variant:ident => $data:ty),* $(,)?) => {
        /// A part of the dashboard that can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Widget { $($(#[$doc])* $variant),* }

        impl Widget {
            /// All widgets.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$variant),*];

            /// The widget's word in requests and answers.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name)),* }
            }

            pub(crate) fn add_needs(self, needs: &mut Needs) {
                match self { $(Self::$variant => <$data as Compute>::needs(needs)),* }
            }

            /// Whether the widget's data are there.
            pub(crate) fn is_in(self, data: &Data) -> bool {
                match self { $(Self::$variant => data.$name.is_some()),* }
            }

            /// Copies the widget's data to its place.
            pub(crate) fn copy(self, from: &Data, to: &mut Data) {
                match self { $(Self::$variant => to.$name.clone_from(&from.$name)),* }
            }

            /// Computes the widget and puts it in its place.
            pub(crate) fn fill(self, data: &mut Data, context: &Context<'_>, facts: &Facts, notes: &mut Notes) {
                match self { $(Self::$variant => data.$name = Some(<$data as Compute>::compute(context, facts, notes))),* }
            }
        }

        /// The widgets' data. A widget that was not asked for is absent.
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub struct Data {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                #[cfg_attr(feature = "openapi", schema(nullable = false))]
                pub $name: Option<$data>
            ),*
        }
    };
}

widgets! {
    /// The four totals and the conversion rate.
    overview: Overview => Overview,
    /// The steps with their rates.
    funnel: Funnel => Funnel,
    /// Promotion against regular sales against the baseline.
    comparison: Comparison => Comparison,
    /// Stock, participants, active users, hourly inflow.
    realtime: Realtime => Realtime,
    /// The totals of each activity of a campaign.
    activities: Activities => Vec<ActivityRow>,
}

impl Widget {
    /// The plan's four: what is answered when nothing is named.
    pub const DEFAULT: [Self; 4] = [Self::Overview, Self::Funnel, Self::Comparison, Self::Realtime];
}

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
pub(crate) struct Context<'a> {
    pub(crate) scope: Resolved<'a>,
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
    pub(crate) history: Told,
    pub(crate) slots: Vec<(ActivityId, Slots)>,
}

/// A widget's logic.
trait Compute: Sized {
    fn needs(needs: &mut Needs);
    fn compute(context: &Context<'_>, facts: &Facts, notes: &mut Notes) -> Self;
}

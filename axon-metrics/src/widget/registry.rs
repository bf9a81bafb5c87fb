//! The widgets: what each needs, and how it is computed from facts. Pure: no clock, no store, nothing async.
//! A new widget is one file here and one line in the list below.

use serde::{Deserialize, Serialize};

use super::{
    activities::ActivityRow,
    comparison::Comparison,
    funnel::Funnel,
    input::{Compute, Facts, Needs, WidgetInput},
    notes::Notes,
    overview::Overview,
    realtime::Realtime,
};

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
            pub(crate) fn fill(self, data: &mut Data, input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) {
                match self { $(Self::$variant => data.$name = Some(<$data as Compute>::compute(input, facts, notes))),* }
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

//! The registry of widgets, one row each: its data, its needs, its scopes, its lifetime class, and its clock fields.
//! Everything that differs between widgets outside of their own files is decided here.

use std::any::TypeId;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    activities::ActivityRow,
    comparison::Comparison,
    funnel::Funnel,
    input::{BucketSeries, Compute, Facts, Needs, WidgetInput},
    notes::Notes,
    overview::Overview,
    realtime::Realtime,
    trend::Trend,
};
use crate::vocabulary::{ResolvedScope, Scope, Timestamp};

/// A row of the registry.
struct Row {
    name: &'static str,
    needs: Needs,
    scopes: Scopes,
    lifetime: LifetimeClass,
}

/// For which scopes a widget may be requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scopes {
    All,
    Campaigns,
}

/// How long a widget is fresh, and with which others it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LifetimeClass {
    /// As long as the range allows. Loaded together with all other widgets of the range, so that they never contradict
    /// each other.
    Range,
    /// One tick, whatever the range: the figures are current values. They also change with the clock hour and with the
    /// dates of the catalog.
    Now,
    /// As `Range` while the range is open. One tick once it is over, since stock is among the figures. They also change
    /// with the dates of the catalog.
    RangeAndStock,
}

impl LifetimeClass {
    /// Whether the widget is loaded separately from those of the range, and is fresh for one tick.
    pub(crate) fn loads_separately(self, range_is_open: bool) -> bool {
        match self {
            Self::Range => false,
            Self::Now => true,
            Self::RangeAndStock => !range_is_open,
        }
    }

    /// Whether the figures change when an activity starts or ends.
    pub(crate) fn changes_with_dates(self) -> bool {
        self != Self::Range
    }

    /// Whether the figures change with the clock hour.
    pub(crate) fn changes_with_hours(self) -> bool {
        self == Self::Now
    }
}

macro_rules! widgets {
    ($(
        $(#[$doc:meta])*
        $name:ident: $variant:ident => $data:ty {
            needs: [$($need:ident),*], scopes: $scopes:ident, lifetime: $lifetime:ident, clocks: [$($clock:ident),*]
        }
    )*) => {
        /// A part of the dashboard that can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Widget { $($(#[$doc])* $variant),* }

        impl Widget {
            /// All widgets.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$variant),*];

            fn row(self) -> Row {
                match self { $(Self::$variant => Row {
                    name: stringify!($name),
                    needs: Needs { $($need: true,)* ..Needs::NOTHING },
                    scopes: Scopes::$scopes,
                    lifetime: LifetimeClass::$lifetime,
                }),* }
            }

            /// The type of the widget's data.
            pub(crate) fn data_type(self) -> TypeId {
                match self { $(Self::$variant => TypeId::of::<$data>()),* }
            }

            /// Copies the widget's data to its place.
            pub(crate) fn copy(self, from: &Data, to: &mut Data) {
                match self { $(Self::$variant => to.$name.clone_from(&from.$name)),* }
            }

            /// The widget's data as JSON; `None` if they are not there.
            pub(crate) fn write(self, data: &Data) -> Option<Box<RawValue>> {
                match self { $(Self::$variant => to_raw_value(data.$name.as_ref()?).ok()),* }
            }

            /// The widget's data from JSON; `None` if it is of another form.
            pub(crate) fn read(self, json: &str) -> Option<Data> {
                let mut data = Data::default();
                match self { $(Self::$variant => data.$name = Some(serde_json::from_str(json).ok()?)),* }
                Some(data)
            }

            /// Whether it shows the part of the range that is yet to come.
            pub(crate) fn shows_whole_range(self) -> bool {
                match self { $(Self::$variant => <$data as Compute>::SHOWS_WHOLE_RANGE),* }
            }

            /// Whether some of its fields move with the clock alone.
            pub(crate) fn has_clocks(self) -> bool {
                match self { $(Self::$variant => !<[&str]>::is_empty(&[$(stringify!($clock)),*])),* }
            }

            /// The visits over time that it is made of.
            pub(crate) fn series(self, input: &WidgetInput<'_>) -> Option<BucketSeries> {
                match self { $(Self::$variant => <$data as Compute>::series(input)),* }
            }

            /// Computes the widget into its field of `data`.
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

        impl Data {
            /// Sets what depends on the instant of the answer. The widgets that are changed by it.
            pub(crate) fn move_to(&mut self, scope: ResolvedScope<'_>, as_of: Timestamp) -> Vec<Widget> {
                let mut changed = Vec::new();
                $(if self.$name.as_mut().is_some_and(|widget| Compute::move_to(widget, scope, as_of)) {
                    changed.push(Widget::$variant);
                })*
                changed
            }

            /// Clears the fields that change with every read (`lastUpdated`). Answers that are equal without them are
            /// the same to a reader.
            pub fn clear_clocks(&mut self) {
                $($(if let Some(widget) = &mut self.$name {
                    widget.$clock = None;
                })*)*
            }
        }
    };
}

widgets! {
    /// The four totals and the conversion rate.
    overview: Overview => Overview {
        needs: [steps], scopes: All, lifetime: Range, clocks: []
    }
    /// The steps with their rates.
    funnel: Funnel => Funnel {
        needs: [funnel], scopes: All, lifetime: Range, clocks: []
    }
    /// Promotion against regular sales against the baseline.
    comparison: Comparison => Comparison {
        needs: [sales], scopes: All, lifetime: Range, clocks: []
    }
    /// Stock, participants, active users, hourly inflow.
    realtime: Realtime => Realtime {
        needs: [slots, active], scopes: All, lifetime: Now, clocks: [last_updated]
    }
    /// The totals of each activity of a campaign.
    activities: Activities => Vec<ActivityRow> {
        needs: [by_activity, slots], scopes: Campaigns, lifetime: RangeAndStock, clocks: []
    }
    /// Visits of each day of the range.
    trend: Trend => Trend {
        needs: [], scopes: All, lifetime: Range, clocks: []
    }
}

impl Widget {
    /// The widgets of a request that names none: the plan's four.
    pub const DEFAULT: [Self; 4] = [Self::Overview, Self::Funnel, Self::Comparison, Self::Realtime];

    /// The widget's name in requests and answers.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What to ask of the sources for it.
    pub(crate) fn needs(self) -> Needs {
        self.row().needs
    }

    /// Whether it may be requested for a scope.
    pub(crate) fn is_of(self, scope: Scope) -> bool {
        match self.row().scopes {
            Scopes::All => true,
            Scopes::Campaigns => matches!(scope, Scope::Campaign(_)),
        }
    }

    /// How long it is fresh, and with which others it is loaded.
    pub(crate) fn lifetime(self) -> LifetimeClass {
        self.row().lifetime
    }
}

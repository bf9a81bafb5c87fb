//! The widgets: the facts each needs, and how it is computed from them. Pure: no clock, no store, nothing async.
//! What a new widget touches is a table in docs/ARCHITECTURE.md ("What a change touches").

mod activities;
mod comparison;
mod funnel;
mod input;
mod notes;
mod overview;
mod realtime;
mod registry;
mod trend;

pub use activities::ActivityRow;
pub use comparison::{Amount, Baseline, BaselineMethod, Comparison, OtherPromotion, RefundFigures, SalesFigures};
pub use funnel::{Funnel, FunnelStep, PreviousStep};
pub(crate) use input::{BucketSeries, Facts, Needs, WidgetInput};
pub(crate) use notes::Notes;
pub use overview::{Overview, OverviewChange, OverviewFigures};
pub use realtime::{ActivityStock, BucketState, InflowBucket, Realtime};
pub(crate) use registry::LifetimeClass;
pub use registry::{Data, Widget};
pub use trend::{Trend, TrendBucket, TrendInterval, TrendState};

pub use crate::wire::{MissingDetail, MissingFigure, MissingReason, Warning, WarningCode, WarningValue};

#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod answer;
mod baseline;
pub mod cache;
mod calendar;
pub mod catalog;
mod dashboard;
pub mod definitions;
pub mod facts;
mod flight;
mod gather;
mod guard;
mod id;
#[cfg(feature = "memory")]
#[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
pub mod memory;
pub mod observe;
pub mod period;
pub mod rate;
pub mod request;
pub mod source;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod widget;

pub use answer::{DashboardAnswer, Health};
pub use cache::{DashboardCache, Lifetimes, MemoryCache};
pub use catalog::{Catalog, Phase, Scope};
pub use dashboard::{AnswerError, Dashboard, DashboardBuilder, Freshness, MAX_ACTIVITIES, TimedAnswer};
pub use definitions::{EventRule, LedgerStep, Mode, Record, StepRules};
pub use facts::{Fact, Measured, Missing, Precision, Reason};
pub use gather::Budgets;
pub use guard::{BreakerState, Concurrency};
pub use id::{ActivityId, CampaignId, MAX_ID, NotAnId, ProductId};
#[cfg(feature = "memory")]
#[doc(inline)]
pub use memory::{Files, MemoryStore};
pub use period::{Bound, Period, Window};
pub use request::{DashboardRequest, RequestError};
pub use source::SourceError;
pub use widget::Widget;

/// An instant, in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
/// Money: an exact decimal in the catalog's currency.
pub type Money = rust_decimal::Decimal;

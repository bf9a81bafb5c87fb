#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod dashboard;
pub mod keep;
#[cfg(feature = "memory")]
#[cfg_attr(docsrs, doc(cfg(feature = "memory")))]
pub mod memory;
pub mod observe;
pub mod source;
mod stats;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod vocabulary;
pub mod widget;
mod wire;

/// The wire contract as types: answers, the list of campaigns, and health. All can be written and read.
pub mod answer {
    pub use crate::source::{SourceKind, SourceStatus};
    pub use crate::vocabulary::IdText;
    pub use crate::wire::{
        ActivityEntry, AnswerRange, At, CampaignEntry, CampaignList, CoverageState, DashboardAnswer, DefinitionState,
        Figure, FigureValue, Health, LeftOutState, Links, LossState, MissingDetail, MissingFigure, MissingReason,
        NoFigure, PreviousRange, ScopeState, SourceHealth, SourceState, WidgetState, WidgetStatus,
    };
}

/// Caching between requests: times to live, and the interface of a shared cache.
pub mod cache {
    pub use crate::keep::{CacheEntry, CacheError, DashboardCache, Lifetimes, MemoryCache};
}

/// The catalog: campaigns, their activities, and their phases.
pub mod catalog {
    pub use crate::vocabulary::{Activity, ActivityKind, Campaign, Catalog, CatalogError, Phase, ResolvedScope, Scope};
}

/// Definitions of everything that is counted: funnel steps with their rules, who is nobody, which statuses count, and every
/// figure of an answer with its names and formula in Korean and English.
pub mod definitions {
    pub use crate::vocabulary::{
        AnonymousUsers, Definition, Definitions, EventRule, FigureKey, FunnelDefinition, FunnelEntry, LedgerStep,
        LeftOutEntry, Mode, NotATemplate, Origin, PageTemplate, Record, STEP_COUNTS, StatusKind, StatusNames, Step,
        StepEntry, StepFault, StepRules, Unit,
    };
}

/// Periods, and the ranges that they mean at an instant.
pub mod period {
    pub use crate::vocabulary::{Bound, MAX_DAYS, Period, Range, RangeError, Window};
}

/// Requests, and their form as text.
pub mod request {
    pub use crate::dashboard::{
        request::{DashboardRequest, Fault, FaultCode, RequestError, RequestRules},
        request_text::{Level, RequestText},
    };
}

#[doc(inline)]
pub use source::facts;
#[doc(inline)]
pub use stats::rate;

pub use call::{Budgets, Concurrency};
pub use dashboard::{
    AnswerError, Dashboard, DashboardBuilder, Freshness, MAX_ACTIVITIES, TimedAnswer,
    request::{DashboardRequest, RequestError},
};
pub use keep::{DashboardCache, Lifetimes, MemoryCache};
#[cfg(feature = "memory")]
#[doc(inline)]
pub use memory::{Files, MemoryStore};
pub use source::{
    BreakerState, SourceError,
    facts::{Fact, Measured, Missing, Precision, Reason},
};
pub use vocabulary::{
    ActivityId, Bound, CampaignId, Catalog, EventRule, LedgerStep, MAX_ID, Mode, Money, NotAnId, Period, Phase,
    ProductId, QuestionKind, Record, Scope, StepRules, Timestamp, Window,
};
pub use widget::Widget;
pub use wire::{DashboardAnswer, Health};

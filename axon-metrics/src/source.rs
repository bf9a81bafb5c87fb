//! What a store must implement to be a source of the dashboard: the source traits, their questions, facts and errors.
//! Lives elsewhere: how one question is asked (`call`), and when (`dashboard`).
//!
//! There is one trait per kind of fact, not per store: one store may implement several. Each method answers a complete
//! question, so an adapter needs one round trip.

mod behavior;
mod believed;
mod catalog;
pub(crate) mod check;
mod coverage;
mod error;
pub mod facts;
mod ledger;
mod outcome;
mod probe;
mod question;
mod realtime;
mod tls_fault;

pub use behavior::*;
pub(crate) use believed::believed;
pub use catalog::*;
pub(crate) use coverage::Tolerance;
pub use error::{BoxError, ErrorChain, SourceError, connection_lost};
pub(crate) use facts::HistoryFact;
pub(crate) use facts::{
    BehaviorFacts, BucketSales, Coverage, Fact, History, LedgerFacts, LeftOut, LeftOutPlace, LeftOutReason, Measured,
    Missing, OtherSales, Precision, RealtimeFacts, Reason, Sales, SalesFacts, Slots, StepCounts, Stock,
};
pub use ledger::*;
pub(crate) use outcome::SourceOutcome;
pub use outcome::{BreakerState, SourceStatus};
pub use probe::{Probe, StoreLoss};
pub use question::{
    BehaviorQuestion, HistoryQuestion, LedgerQuestion, QueryScope, RealtimeQuestion, SalesQuestion, Series,
    SeriesActivities,
};
pub use realtime::*;
pub use tls_fault::TlsFault;

pub use crate::vocabulary::{Cells, Counting, Grid, PerQuestion, PerSource, QuestionKind, SourceKind};

//! For tests: mocks of the sources, constructors of questions, and the conformance suites that every source must pass.
//!
//! ```
//! use axon_metrics::testing::MockRealtimeSource;
//! let mut redis = MockRealtimeSource::new();
//! redis.expect_name().return_const("redis");
//! redis.expect_definition().return_const(String::new());
//! ```
//!
//! # Questions
//! Only the dashboard asks questions. With this feature their types have `new` and `with_…`, for the tests of an adapter:
//! ```
//! use std::time::Duration;
//! use axon_metrics::{ActivityId, EventRule, Timestamp, Window, source::{BehaviorQuestion, QueryScope}};
//! let as_of: Timestamp = "2024-11-12T10:30:00Z".parse()?;
//! let hour = Window { from: as_of - Duration::from_secs(3_600), to: as_of };
//! let scope = QueryScope::new(as_of, [ActivityId(789)], hour).with_by_activity(true);
//! let question = BehaviorQuestion::new(scope, Duration::from_millis(800)).with_steps([EventRule::trigger("CLICK")]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Conformance
//! A suite is a macro that generates one test per sentence of a trait's documentation. Its argument is a type that can
//! fill a store with records: a [`BehaviorStore`], [`LedgerStore`], [`RealtimeStore`], [`CatalogStore`] or
//! [`CacheStore`]. Each test gets its own store, so tests can run concurrently. A type that needs a server returns
//! `None` if there is none: the test is then skipped, with a line on standard error. For a [`FaultyStore`] the suite starts
//! a [`server`] itself.

pub use crate::source::{MockBehaviorSource, MockCatalogSource, MockLedgerSource, MockRealtimeSource};

pub mod behavior;
pub mod cache;
pub mod catalog;
pub mod coverage;
pub mod ledger;
mod questions;
pub mod realtime;
mod records;
pub mod server;
mod stores;
mod world;

pub use records::{EntryRecord, EventRecord, PurchaseRecord, SlotRecord};
pub use stores::{
    AbsentStore, BehaviorStore, CacheStore, CatalogStore, FaultyStore, LedgerStore, LimitedLedgerStore, RealtimeStore,
    server_url,
};

/// Generates one test per sentence of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! __each_sentence {
    ($suite:ident, $store:ty: $($sentence:ident)*) => {
        $(
            #[tokio::test]
            async fn $sentence() {
                $crate::testing::$suite::$sentence::<$store>().await;
            }
        )*
    };
}

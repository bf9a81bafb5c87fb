//! For tests: mocks of the sources, and the conformance suites that every source must pass.
//!
//! ```
//! use axon_metrics::testing::MockRealtimeSource;
//! let mut redis = MockRealtimeSource::new();
//! redis.expect_name().return_const("redis");
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
pub mod ledger;
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

//! For tests: mocks of the sources, and the conformance suites that every source passes.
//!
//! ```
//! use axon_metrics::testing::MockRealtimeSource;
//! let mut redis = MockRealtimeSource::new();
//! redis.expect_name().return_const("redis");
//! ```
//!
//! # Conformance
//! A suite is a macro that makes one test of each sentence of a trait's documentation. It is given a type that knows how to
//! put records into a store of its own kind: [`BehaviorStore`], [`LedgerStore`], [`RealtimeStore`], [`CatalogStore`] or [`CacheStore`].
//! Each test asks for a store of its own, so tests may run at the same time. A store that needs a server says `None` when
//! there is none: the test is skipped, loudly.

pub use crate::source::{MockBehaviorSource, MockCatalogSource, MockLedgerSource, MockRealtimeSource};

pub mod behavior;
pub mod cache;
pub mod catalog;
pub mod ledger;
pub mod realtime;
mod records;
mod stores;
mod world;

pub use records::{EntryRecord, EventRecord, PurchaseRecord, SlotRecord};
pub use stores::{
    AbsentStore, BehaviorStore, CacheStore, CatalogStore, FaultyStore, LedgerStore, LimitedLedgerStore, RealtimeStore,
    server_url,
};

/// One test per sentence of a suite.
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

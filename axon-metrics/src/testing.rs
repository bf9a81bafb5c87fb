//! Mocks of the sources, for tests of what stands on them.
//!
//! ```
//! use axon_metrics::testing::MockRealtimeSource;
//! let mut redis = MockRealtimeSource::new();
//! redis.expect_name().return_const("redis");
//! ```

pub use crate::source::{MockBehaviorSource, MockCatalogSource, MockLedgerSource, MockRealtimeSource};

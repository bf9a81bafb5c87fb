//! What a store must be able to do to be put to the tests.

use std::{fmt::Debug, io::Write as _, time::Duration};

use async_trait::async_trait;

use super::records::{EntryRecord, EventRecord, PurchaseRecord, SlotRecord};
use crate::{
    keep::DashboardCache,
    source::Stock,
    source::{BehaviorSource, CatalogSource, LedgerSource, RealtimeSource},
    vocabulary::{Campaign, Catalog},
};

/// The address of a server for tests from an environment variable; without it, says on standard error that a test is
/// skipped (`SKIPPED: ...`), which the gate counts.
pub fn server_url(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // Written past the capture of test output, on a line of its own, in one piece.
        let line = format!("\nSKIPPED: {test}: {variable} is not set\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    url
}

/// A store of visitors' events.
#[async_trait]
pub trait BehaviorStore: Send + Sync {
    /// The source over it.
    type Source: BehaviorSource + Debug;

    /// How coarsely it keeps times: bounds are tested with events this far on either side. Zero: to the second.
    const TIME_STEP: Duration;

    /// Whether it can tell what happened in the last five minutes; where it cannot, active subjects must be
    /// [`TimeResolution`](crate::Reason::TimeResolution).
    const TELLS_ACTIVE: bool;

    /// A source over a store that holds exactly these events; `None` without a server.
    async fn holding(events: &[EventRecord]) -> Option<Self::Source>;
}

/// A store of entries and purchases.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// The source over it.
    type Source: LedgerSource + Debug;

    /// Whether it keeps the status of purchases.
    const HAS_STATUS: bool;

    /// A source over a store that holds exactly these campaigns and rows; `None` without a server.
    async fn holding(
        campaigns: &[Campaign],
        entries: &[EntryRecord],
        purchases: &[PurchaseRecord],
    ) -> Option<Self::Source>;
}

/// A store of counters and members.
#[async_trait]
pub trait RealtimeStore: Send + Sync {
    /// The source over it.
    type Source: RealtimeSource + Debug;

    /// What a counter of this value means to the source.
    fn stock(counter: i64) -> Stock;

    /// A source over a store that holds exactly these; `None` without a server.
    async fn holding(slots: &[SlotRecord]) -> Option<Self::Source>;
}

/// A store of campaigns.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// The source over it.
    type Source: CatalogSource + Debug;

    /// A source over a store that holds exactly this catalog; `None` without a server.
    async fn holding(catalog: &Catalog) -> Option<Self::Source>;

    /// Puts a campaign into the store that this source is over.
    async fn add(source: &Self::Source, campaign: &Campaign);
}

/// A cache.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// The cache over it.
    type Cache: DashboardCache + Debug;

    /// An empty cache that nobody else uses; `None` without a server.
    async fn empty() -> Option<Self::Cache>;
}

/// A source, or a cache, over a store that misbehaves on the wire.
#[async_trait]
pub trait FaultyStore: Send + Sync {
    /// The source over it.
    type Source: Debug;

    /// Connections are accepted, and nothing is ever answered.
    async fn silent() -> Self::Source;

    /// Every question is answered with bytes that mean nothing.
    async fn garbled() -> Self::Source;

    /// Connections are accepted, and end before anything is answered.
    async fn cut() -> Self::Source;

    /// Connections are refused: nothing listens.
    async fn refused() -> Self::Source;
}

/// A source over a server that ends by itself what takes longer than answers may.
#[async_trait]
pub trait LimitedLedgerStore: Send + Sync {
    /// The source over it.
    type Source: LedgerSource + Debug;

    /// A source over a store that holds exactly these, whose own limit is `limit`, and which from now on gives out purchases
    /// only after three times as long; `None` without a server.
    async fn slower_than(limit: Duration, campaigns: &[Campaign], purchases: &[PurchaseRecord])
    -> Option<Self::Source>;
}

/// A source over a server that has no place for its records: no such index, no such table.
#[async_trait]
pub trait AbsentStore: Send + Sync {
    /// The source over it.
    type Source: Debug;

    /// The server answers, and has nothing to read from; `None` without a server.
    async fn absent() -> Option<Self::Source>;
}

//! The traits that a store implements to run a conformance suite.

use std::{fmt::Debug, io::Write as _, net::SocketAddr, time::Duration};

use async_trait::async_trait;

use super::records::{EntryRecord, EventRecord, PurchaseRecord, SlotRecord};
use crate::{
    keep::DashboardCache,
    source::Stock,
    source::{BehaviorSource, CatalogSource, LedgerSource, RealtimeSource},
    vocabulary::{Campaign, Catalog},
};

/// The address of a test server, from an environment variable. Without it returns `None`, and writes on standard error
/// that the test is skipped (`SKIPPED: ...`), which `scripts/test` counts.
pub fn server_url(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // Written directly, not by a macro that is captured with the test output, and in one call, so lines do not mix.
        let line = format!("\nSKIPPED: {test}: {variable} is not set\n");
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    url
}

/// A store of visitors' events.
#[async_trait]
pub trait BehaviorStore: Send + Sync {
    /// The source under test.
    type Source: BehaviorSource + Debug;

    /// The resolution of its times. Bounds are tested with events twice as far from them on either side. Zero: bounds
    /// are tested to the second.
    const TIME_STEP: Duration;

    /// Whether it can count active subjects of the last five minutes. If not, they must be
    /// [`TimeResolution`](crate::Reason::TimeResolution).
    const TELLS_ACTIVE: bool;

    /// A source over a store with exactly these events; `None` without a server.
    async fn holding(events: &[EventRecord]) -> Option<Self::Source>;
}

/// A store of entries and purchases.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// The source under test.
    type Source: LedgerSource + Debug;

    /// Whether it has a status of purchases.
    const HAS_STATUS: bool;

    /// A source over a store with exactly these campaigns and rows; `None` without a server.
    async fn holding(
        campaigns: &[Campaign],
        entries: &[EntryRecord],
        purchases: &[PurchaseRecord],
    ) -> Option<Self::Source>;
}

/// A store of counters and members.
#[async_trait]
pub trait RealtimeStore: Send + Sync {
    /// The source under test.
    type Source: RealtimeSource + Debug;

    /// The stock that the source reads from a counter of this value.
    fn stock(counter: i64) -> Stock;

    /// A source over a store with exactly these slots; `None` without a server.
    async fn holding(slots: &[SlotRecord]) -> Option<Self::Source>;
}

/// A store of campaigns.
#[async_trait]
pub trait CatalogStore: Send + Sync {
    /// The source under test.
    type Source: CatalogSource + Debug;

    /// A source over a store with exactly this catalog; `None` without a server.
    async fn holding(catalog: &Catalog) -> Option<Self::Source>;

    /// Adds a campaign to the store of this source.
    async fn add(source: &Self::Source, campaign: &Campaign);
}

/// A cache under test.
#[async_trait]
pub trait CacheStore: Send + Sync {
    /// The cache under test.
    type Cache: DashboardCache + Debug;

    /// An empty cache that nobody else uses; `None` without a server.
    async fn empty() -> Option<Self::Cache>;
}

/// A source or a cache over a server that misbehaves on the wire. The suite starts the [`server`](super::server).
pub trait FaultyStore: Send + Sync {
    /// The source under test.
    type Source: Debug;

    /// What a garbled server sends. Invalid in the store's protocol.
    const GARBAGE: &'static [u8] = b"\x7f\xffgarbage\r\n\r\n";

    /// A source over the server at this address. Called inside a tokio runtime.
    fn at(server: SocketAddr) -> Self::Source;
}

/// A source over a server with its own time limit for queries.
#[async_trait]
pub trait LimitedLedgerStore: Send + Sync {
    /// The source under test.
    type Source: LedgerSource + Debug;

    /// A source over a store with exactly these rows and the time limit `limit`. From now on a query of purchases takes
    /// three times as long as the limit. `None` without a server.
    async fn slower_than(limit: Duration, campaigns: &[Campaign], purchases: &[PurchaseRecord])
    -> Option<Self::Source>;
}

/// A source over a server without the index or table of its records.
#[async_trait]
pub trait AbsentStore: Send + Sync {
    /// The source under test.
    type Source: Debug;

    /// The server answers, but has no index or table to read from; `None` without a server.
    async fn absent() -> Option<Self::Source>;
}

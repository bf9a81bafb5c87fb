//! The source of campaigns and activities.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, probe::Probe};
use crate::vocabulary::{Catalog, Timestamp};

/// Lists campaigns with their activities, limits, dates and products.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CatalogSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"mysql"`).
    fn name(&self) -> &'static str;

    /// The settings that decide its numbers (the zone of stored times, the names of statuses), as text. They are a part of the
    /// definition's hash, and so of every cache key. Empty by default: nothing but the store decides.
    fn definition(&self) -> String {
        String::new()
    }

    /// Every campaign with its activities. The catalog is small; the caller caches it for some seconds.
    /// - No campaigns: an empty catalog.
    /// - Freshness: as of the call.
    /// # Errors
    /// - [`Unavailable`](SourceError::Unavailable): no answer came within the budget; or the connection was lost, and
    ///   the source's own retry failed.
    /// - [`Lost`](SourceError::Lost): no connection could be made, or it broke, and the source did not retry.
    /// - [`Malformed`](SourceError::Malformed): the data in the store is not a valid catalog.
    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError>;

    /// Checks the store for health: whether it answers, its newest record before `as_of`, and its findings.
    /// # Errors
    /// As [`catalog`](Self::catalog).
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

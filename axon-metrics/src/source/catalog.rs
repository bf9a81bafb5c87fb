//! The source of what exists.

use std::time::Duration;

use async_trait::async_trait;

use super::{error::SourceError, probe::Probe};
use crate::vocabulary::{Catalog, Timestamp};

/// What exists: campaigns with their activities, limits, dates and products.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait CatalogSource: Send + Sync + 'static {
    /// The store's name in answers, logs and metrics: lower case, without blanks (`"mysql"`).
    fn name(&self) -> &'static str;

    /// Every campaign with its activities. It is small, and kept by the caller for some seconds.
    /// - No campaigns: an empty catalog.
    /// - Freshness: as of the call.
    /// # Errors
    /// [`Unavailable`](SourceError::Unavailable) if no answer came within the budget,
    /// [`Lost`](SourceError::Lost) if there was no connection or it broke; if the source has tried again by itself,
    /// [`Unavailable`](SourceError::Unavailable),
    /// [`Malformed`](SourceError::Malformed) if what the store holds is no catalog.
    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError>;

    /// Whether the store answers, and what it can tell as of an instant: its newest record is one before `as_of`.
    /// # Errors
    /// As the question's.
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError>;
}

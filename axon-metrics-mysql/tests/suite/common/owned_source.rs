//! A source that owns its database, which is dropped with it.

use std::time::Duration;

use async_trait::async_trait;
use axon_metrics::{
    Catalog, SourceError, Timestamp,
    facts::LedgerFacts,
    source::{CatalogSource, LedgerQuestion, LedgerSource, Probe},
};

use super::Database;

/// A source and its database.
#[derive(Debug)]
pub(crate) struct OwnedSource<S> {
    pub(crate) source: S,
    pub(crate) database: Database,
}

#[async_trait]
impl<S: LedgerSource> LedgerSource for OwnedSource<S> {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    async fn ledger(&self, question: &LedgerQuestion) -> Result<LedgerFacts, SourceError> {
        self.source.ledger(question).await
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        self.source.probe(as_of, budget).await
    }
}

#[async_trait]
impl<S: CatalogSource> CatalogSource for OwnedSource<S> {
    fn name(&self) -> &'static str {
        self.source.name()
    }

    async fn catalog(&self, budget: Duration) -> Result<Catalog, SourceError> {
        self.source.catalog(budget).await
    }

    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        self.source.probe(as_of, budget).await
    }
}

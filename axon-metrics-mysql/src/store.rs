//! The server, shared by the queries of a source: its schema, and statements that end at a deadline.
//! Lives here: sending statements with the server's own limit. Lives in the modules below: connections, the schema
//! probe and its cache, the two kinds of server.

use std::{fmt, sync::Arc};

use sqlx::MySqlPool;
use tokio::time::Instant;

use crate::{error::Cause, text_row::TextRow};

pub(crate) mod columns;
mod connections;
pub(crate) mod flavor;
mod probe_deadlines;
pub(crate) mod replication;
pub(crate) mod schema;
mod schema_cache;
mod tables;

use connections::Connections;
use probe_deadlines::ProbeDeadlines;
use schema::Schema;
use schema_cache::SchemaCache;

/// A server with its connections and its cached schema. Clones share all state.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Connections,
    schema: SchemaCache,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(pool: MySqlPool) -> Self {
        let inner = Inner { connections: Connections::new(pool), schema: SchemaCache::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The rows of a `SELECT`. The statement carries the remaining time, at most the session's limit, so that the
    /// server stops it when nothing waits for it any more.
    pub(crate) async fn ask(&self, schema: &Schema, select: &str, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        let remaining = deadline.saturating_duration_since(Instant::now());
        let limit = schema.limit.map_or(remaining, |limit| limit.min(remaining));
        self.inner.connections.ask(schema.flavor.limited(select, limit), deadline).await
    }

    /// The same without the session's limit.
    pub(crate) async fn ask_beyond_session_limit(
        &self,
        schema: &Schema,
        select: &str,
        deadline: Instant,
    ) -> Result<Vec<TextRow>, Cause> {
        let remaining = deadline.saturating_duration_since(Instant::now());
        self.inner.connections.ask(schema.flavor.limited(select, remaining), deadline).await
    }

    /// The rows of another statement than a `SELECT`, with the names of their columns.
    pub(crate) async fn ask_named(&self, statement: &str, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        self.inner.connections.ask_named(statement.to_owned(), deadline).await
    }

    /// The schema from the cache, which refreshes it in the background. Waits for a probe if the cache is empty or
    /// expired.
    pub(crate) async fn schema(&self, deadline: Instant) -> Result<Arc<Schema>, Cause> {
        self.inner.schema.get(deadline, |deadlines| self.probe(deadlines)).await
    }

    /// The schema by a new probe, which then replaces the cached one.
    pub(crate) async fn refresh_schema(&self, deadline: Instant) -> Result<Arc<Schema>, Cause> {
        self.inner.schema.refresh(deadline, |deadlines| self.probe(deadlines)).await
    }

    /// The schema by a new probe, after a statement proved the schema `wrong`.
    pub(crate) async fn schema_after_mismatch(
        &self,
        wrong: &Arc<Schema>,
        deadline: Instant,
    ) -> Result<Arc<Schema>, Cause> {
        self.inner.schema.invalidate(wrong);
        self.schema(deadline).await
    }

    fn probe(&self, deadlines: ProbeDeadlines) -> impl Future<Output = Result<Schema, Cause>> + Send + use<> {
        let connections = self.inner.connections.clone();
        async move { schema::probe(&connections, deadlines).await }
    }

    /// Makes the cached schema older by this time.
    #[cfg(test)]
    pub(crate) fn age(&self, by: std::time::Duration) {
        self.inner.schema.age(by);
    }
}

//! The server as both sources see it: what it is and holds, and statements that end with their deadline.
//! Lives here: asking with the server's own limit. Lives in the modules below: connections, what is probed and when, the two
//! kinds of server.

use std::{fmt, sync::Arc};

use sqlx::MySqlPool;
use tokio::time::Instant;

use crate::{error::Cause, text_row::TextRow};

mod connections;
pub(crate) mod flavor;
mod probe_deadlines;
pub(crate) mod schema;
mod schema_cache;

use connections::Connections;
use probe_deadlines::ProbeDeadlines;
use schema::Schema;
use schema_cache::SchemaCache;

/// A server and what is known of it. Clones share everything.
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

    /// The rows of a `SELECT`. The server is told how much time there is, so that it stops when nobody waits any more.
    pub(crate) async fn ask(&self, schema: &Schema, select: &str, deadline: Instant) -> Result<Vec<TextRow>, Cause> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = schema.limit.map_or(left, |limit| limit.min(left));
        self.inner.connections.ask(schema.flavor.limited(select, limit), deadline).await
    }

    /// The same, also beyond the limit that the session has by itself.
    pub(crate) async fn ask_at_length(
        &self,
        schema: &Schema,
        select: &str,
        deadline: Instant,
    ) -> Result<Vec<TextRow>, Cause> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.inner.connections.ask(schema.flavor.limited(select, left), deadline).await
    }

    /// The schema, from the cache. Probed by the first question, and refreshed in the background.
    pub(crate) async fn schema(&self, deadline: Instant) -> Result<Arc<Schema>, Cause> {
        self.inner.schema.get(deadline, |deadlines| self.probe(deadlines)).await
    }

    /// The schema as the server has it now, which is then cached.
    pub(crate) async fn refresh_schema(&self, deadline: Instant) -> Result<Arc<Schema>, Cause> {
        self.inner.schema.refresh(deadline, |deadlines| self.probe(deadlines)).await
    }

    /// The schema after a statement has shown that `wrong` does not hold any more.
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

    /// Makes the cached schema older, as if nobody had asked for this long.
    #[cfg(test)]
    pub(crate) fn age(&self, by: std::time::Duration) {
        self.inner.schema.age(by);
    }
}

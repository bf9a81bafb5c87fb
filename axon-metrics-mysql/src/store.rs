//! The server as both sources see it: what it is and holds, and statements that end with their deadline.
//! Lives here: asking with the server's own limit. Lives in the modules below: connections, what is probed and when, the two
//! kinds of server.

use std::{fmt, sync::Arc};

use sqlx::MySqlPool;
use tokio::time::Instant;

use crate::{error::Cause, row::Row};

mod connections;
pub(crate) mod flavor;
mod kept;
mod probe_deadlines;
pub(crate) mod shape;

use connections::Connections;
use kept::Kept;
use probe_deadlines::ProbeDeadlines;
use shape::Shape;

/// A server and what is known of it. Clones share everything.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Connections,
    kept: Kept,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(pool: MySqlPool) -> Self {
        let inner = Inner { connections: Connections::new(pool), kept: Kept::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The rows of a `SELECT`. The server is told how much time there is, so that it stops when nobody waits any more.
    pub(crate) async fn ask(&self, shape: &Shape, select: &str, deadline: Instant) -> Result<Vec<Row>, Cause> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = shape.limit.map_or(left, |limit| limit.min(left));
        self.inner.connections.ask(shape.flavor.limited(select, limit), deadline).await
    }

    /// The same, also beyond the limit that the session has by itself.
    pub(crate) async fn ask_at_length(
        &self,
        shape: &Shape,
        select: &str,
        deadline: Instant,
    ) -> Result<Vec<Row>, Cause> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.inner.connections.ask(shape.flavor.limited(select, left), deadline).await
    }

    /// What the server is and holds, as it is kept; probed at the first question, and now and then.
    pub(crate) async fn shape(&self, deadline: Instant) -> Result<Arc<Shape>, Cause> {
        self.inner.kept.shape(deadline, |deadlines| self.probe(deadlines)).await
    }

    /// What the server is and holds now, which is kept.
    pub(crate) async fn look(&self, deadline: Instant) -> Result<Arc<Shape>, Cause> {
        self.inner.kept.look(deadline, |deadlines| self.probe(deadlines)).await
    }

    /// The same, after the tables turned out to be others.
    pub(crate) async fn look_after(&self, wrong: &Arc<Shape>, deadline: Instant) -> Result<Arc<Shape>, Cause> {
        self.inner.kept.forget(wrong);
        self.shape(deadline).await
    }

    fn probe(&self, deadlines: ProbeDeadlines) -> impl Future<Output = Result<Shape, Cause>> + Send + use<> {
        let connections = self.inner.connections.clone();
        async move { shape::probe(&connections, deadlines).await }
    }

    /// As if nobody had asked for this long.
    #[cfg(test)]
    pub(crate) fn age(&self, by: std::time::Duration) {
        self.inner.kept.age(by);
    }
}

//! The server as both sources see it: what it is and holds, and statements that end with their deadline.
//! Lives here: asking with the server's own limit, and looking again when the tables have changed. Lives in the modules
//! below: connections, what was probed, the two kinds of server.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::MySqlPool;
use tokio::time::{Instant, timeout_at};

use crate::{error::Cause, row::Row};

mod connections;
pub(crate) mod flavor;
pub(crate) mod shape;

use connections::Connections;
use shape::Shape;

/// How long a probed shape is believed before it is probed again, beside the questions.
const BELIEVED: Duration = Duration::from_secs(60);
/// The same where something was missing: an operator may be adding it.
const DOUBTED: Duration = Duration::from_secs(15);
/// How long a probe beside the questions may take.
const PROBE: Duration = Duration::from_secs(2);

/// A server and what is known of it. Clones share everything.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    connections: Connections,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    shape: Option<Arc<Shape>>,
    /// When to look again.
    next: Option<Instant>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(pool: MySqlPool) -> Self {
        let inner = Inner { connections: Connections::new(pool), known: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The rows of a `SELECT`. The server is told how much time there is, so that it stops when nobody waits any more.
    pub(crate) async fn ask(&self, shape: &Shape, select: &str, deadline: Instant) -> Result<Vec<Row>, Cause> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = shape.limit.map_or(left, |limit| limit.min(left));
        self.inner.connections.ask(shape.flavor.limited(select, limit), deadline).await
    }

    /// What the server is and holds: probed at the first question, then kept, and now and then looked at again.
    pub(crate) async fn shape(&self, deadline: Instant) -> Result<Arc<Shape>, Cause> {
        let (known, due) = {
            let mut known = self.known();
            let now = Instant::now();
            let due = known.shape.is_some() && known.next.is_none_or(|next| next <= now);
            if due {
                known.next = Some(now + DOUBTED);
            }
            (known.shape.clone(), due)
        };
        if due {
            let store = self.clone();
            tokio::spawn(async move {
                // One that fails is tried again soon; the questions themselves say what is wrong.
                let _ = store.look(Instant::now() + PROBE).await;
            });
        }
        match known {
            Some(shape) => Ok(shape),
            None => self.look(deadline).await,
        }
    }

    /// Probes now, and keeps what was found.
    pub(crate) async fn look(&self, deadline: Instant) -> Result<Arc<Shape>, Cause> {
        let shape = timeout_at(deadline, shape::probe(&self.inner.connections, deadline)).await;
        let shape = Arc::new(shape.unwrap_or(Err(Cause::TooSlow))?);
        let again = if shape.is_whole() { BELIEVED } else { DOUBTED };
        *self.known() = Known { shape: Some(Arc::clone(&shape)), next: Some(Instant::now() + again) };
        Ok(shape)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What is wrong with the store as a whole: clocks that do not fit, a replica that is behind. Checked about once a minute and
//! by each health check, beside the answers. A question waits for the first check alone, and no longer than its budget.
//! Lives here: the check and its cache. Lives elsewhere: the newest rows (`newest`), the verdict on a clock (`offsets`),
//! reading the state of a replica (`store::replication`).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axon_metrics::{
    Timestamp,
    keep::{Expiry, LoadError, LoadResult, Lookup, RefreshCache},
};
use tokio::time::{Instant, timeout_at};

use super::{
    newest::{self, ColumnTimes, NewestTimes},
    standing::Standing,
};
use crate::{
    clock::Clock,
    error::Cause,
    offsets::{Observation, Progress, Verdict, verdict},
    options::MySqlOptions,
    store::{
        Store,
        replication::Replication,
        schema::{Schema, TimeColumn},
    },
};

/// How long a check is used.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// The same where a clock is in doubt, which the next new rows may decide; and the back-off after a failed check.
const IN_DOUBT_FOR: Duration = Duration::from_secs(15);
/// A check is usable for this many times its time to live.
const MAX_STALE_TTLS: u32 = 2;
/// How long a check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long finding the newest rows of a table by their times may take. Beyond that, ids alone decide.
const BY_TIME_TIMEOUT: Duration = Duration::from_millis(250);

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreCheck {
    pub(crate) newest: NewestTimes,
    pub(crate) replication: Replication,
    /// The verdict on the clock of purchases.
    pub(crate) purchase: Verdict,
    /// The same of entries.
    pub(crate) created: Verdict,
}

impl StoreCheck {
    pub(super) fn standing(&self) -> Standing {
        Standing {
            lag: self.replication.lag(),
            is_behind: self.replication.is_stopped(),
            wrong_purchase: self.purchase.wrong.is_some(),
            wrong_created: self.created.wrong.is_some(),
            checked_at: self.newest.now.map(|now| now.and_utc()),
        }
    }

    fn is_in_doubt(&self) -> bool {
        self.purchase.is_in_doubt || self.created.is_in_doubt
    }
}

/// The checks of a store. Clones share all state.
#[derive(Clone)]
pub(super) struct Checks {
    store: Store,
    options: Arc<MySqlOptions>,
    cache: RefreshCache<(), Arc<StoreCheck>, Arc<Cause>>,
    /// What the checks so far have seen of purchases and of entries.
    progress: Arc<Mutex<[Progress; 2]>>,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

impl Checks {
    pub(super) fn new(store: Store, options: Arc<MySqlOptions>) -> Self {
        Self { store, options, cache: RefreshCache::single(), progress: Arc::default() }
    }

    /// How the store stands, by the last check. The first one is waited for; without one until the deadline nothing is known.
    pub(super) async fn standing(&self, schema: &Arc<Schema>, as_of: Timestamp, deadline: Instant) -> Standing {
        let check = match self.cache.get(&(), Instant::now(), || self.load(schema, as_of, CHECK_TIMEOUT)) {
            Lookup::Ready { value, .. } => Some(value),
            Lookup::Pending(pending) => pending.wait(deadline).await.and_then(Result::ok),
            Lookup::Failed(_) => None,
        };
        check.map_or_else(Standing::default, |check| check.standing())
    }

    /// A new check, which is then used by answers, too. Joins the one in flight, if there is one.
    pub(super) async fn check(
        &self,
        schema: &Arc<Schema>,
        as_of: Timestamp,
        deadline: Instant,
    ) -> Result<Arc<StoreCheck>, Cause> {
        let time = deadline.saturating_duration_since(Instant::now());
        let (pending, _) = self.cache.reload(&(), || self.load(schema, as_of, time));
        match pending.wait(deadline).await {
            Some(result) => result.map_err(Cause::Shared),
            None => Err(Cause::TooSlow),
        }
    }

    fn load(
        &self,
        schema: &Arc<Schema>,
        as_of: Timestamp,
        time: Duration,
    ) -> impl Future<Output = LoadResult<Arc<StoreCheck>, Arc<Cause>>> + Send + use<> {
        let (checks, schema, deadline) = (self.clone(), Arc::clone(schema), Instant::now() + time);
        async move {
            match timeout_at(deadline, checks.run(&schema, as_of, deadline)).await.unwrap_or(Err(Cause::TooSlow)) {
                Ok(check) => {
                    let (at, ttl) = (Instant::now(), if check.is_in_doubt() { IN_DOUBT_FOR } else { FRESH_FOR });
                    Ok((Arc::new(check), Expiry::new(at, at + ttl, at + MAX_STALE_TTLS * ttl)))
                }
                Err(cause) => Err(LoadError::new(Arc::new(cause)).retry_after(IN_DOUBT_FOR)),
            }
        }
    }

    async fn run(&self, schema: &Schema, as_of: Timestamp, deadline: Instant) -> Result<StoreCheck, Cause> {
        let mut newest = NewestTimes::default();
        let by_id = newest::by_id(schema, &self.options, as_of);
        newest.add(&self.store.ask(schema, &by_id, deadline).await?)?;
        if let Some(now) = newest.now {
            let by_time = [
                newest::purchases_by_time(schema, &self.options, now),
                newest::entries_by_time(schema, &self.options, now),
            ];
            for statement in by_time.into_iter().flatten() {
                let end = deadline.min(Instant::now() + BY_TIME_TIMEOUT);
                if let Ok(rows) = self.store.ask(schema, &statement, end).await {
                    newest.add(&rows)?;
                }
            }
        }
        let replication = Replication::read(&self.store, schema.flavor, deadline).await;
        let lag = replication.lag();
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let [of_purchases, of_entries] = &mut *progress;
        let judge = |clock: Clock, column: TimeColumn, times: &ColumnTimes, progress: &mut Progress| {
            // A `TIMESTAMP` holds instants, whatever is configured.
            let now = newest.now.filter(|_| !schema.holds_instants(column));
            let seen = now.map(|now| Observation { now, times: &times.times, lag });
            verdict(schema.clock(column, clock), seen, progress)
        };
        let purchase = judge(self.options.purchase, TimeColumn::Purchase, &newest.purchases, of_purchases);
        let created = judge(self.options.created, TimeColumn::EntryCreated, &newest.entries, of_entries);
        drop(progress);
        Ok(StoreCheck { newest, replication, purchase, created })
    }
}

//! The source: one pipeline per question.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, Timestamp,
    facts::{Missing, RealtimeFacts},
    observe::LogLimiter,
    source::{Probe, RealtimeQuestion, RealtimeSource, SourceError},
};
use tracing::warn;

use crate::{
    address::{AddressError, RedisAddress},
    command::Command,
    connection::{Backoff, Connection, Endpoint},
    error::NAME,
    keys::StockKey,
    options::RedisOptions,
    reply,
};

/// A [`RealtimeSource`] over Redis: slots taken or left, and the number of participants, per activity. Clones share one
/// connection, which opens with the first question and is replaced whenever it breaks. Needs a tokio runtime.
///
/// - A missing key, or an empty set, is not measured, never 0. A value that is not an integer, and a key of another
///   type, is [`BadValue`](axon_metrics::Reason::BadValue).
/// - Errors: a question fails as a whole only if no command got an answer. Otherwise a failed command costs its own
///   fact.
///
/// It passes `realtime_source_conformance!`, against a real server.
#[derive(Clone)]
pub struct RedisRealtime {
    connection: Connection,
    options: Arc<RedisOptions>,
    log_limiter: Arc<LogLimiter<()>>,
}

impl RedisRealtime {
    /// A source over a server with the platform's keys. Connects with the first question.
    ///
    /// Uses the client's address, credentials, protocol and TLS, and opens connections of its own.
    pub fn new(client: redis::Client) -> Self {
        Self::with_options(client, RedisOptions::default())
    }

    /// A source over a server. Connects with the first question.
    #[expect(clippy::needless_pass_by_value, reason = "as all constructors of sources")]
    pub fn with_options(client: redis::Client, options: RedisOptions) -> Self {
        Self::over(Endpoint::single(&client, options.connect_timeout), options)
    }

    /// A source over what an address leads to: a server, a cluster, or the master that sentinels name. Connects with the
    /// first question.
    ///
    /// Behind sentinels each new connection asks them for the master, and once a second it is compared with what most of
    /// them say: an old master goes on answering after a failover.
    /// # Errors
    /// The address cannot be used, or needs a feature of this crate that is missing.
    /// ```
    /// use axon_metrics_redis::{RedisAddress, RedisOptions, RedisRealtime};
    /// let address = RedisAddress::parse("redis+sentinel://a.internal,b.internal/stock")?;
    /// let source = RedisRealtime::at(&address, RedisOptions::default())?;
    /// # Ok::<(), axon_metrics_redis::AddressError>(())
    /// ```
    pub fn at(address: &RedisAddress, options: RedisOptions) -> Result<Self, AddressError> {
        Ok(Self::over(Endpoint::at(address, options.connect_timeout)?, options))
    }

    /// A source over a cluster with the platform's keys. Connects with the first question. Its keys are in many slots,
    /// so each key is read by a command of its own, all at the same time.
    #[cfg(feature = "cluster")]
    pub fn cluster(client: redis::cluster::ClusterClient) -> Self {
        Self::cluster_with_options(client, RedisOptions::default())
    }

    /// A source over a cluster. Connects with the first question.
    #[cfg(feature = "cluster")]
    pub fn cluster_with_options(client: redis::cluster::ClusterClient, options: RedisOptions) -> Self {
        Self::over(Endpoint::cluster(client, options.connect_timeout), options)
    }

    fn over(endpoint: Endpoint, options: RedisOptions) -> Self {
        let connection = Connection::new(endpoint, Backoff::default());
        Self { connection, options: Arc::new(options), log_limiter: Arc::default() }
    }

    /// Logs that facts are missing because of failed commands, at most every ten seconds. The facts themselves say which.
    fn log_failures(&self, facts: &RealtimeFacts) {
        let missing = facts.slots.iter().flat_map(|(_, slots)| {
            let stock = slots.stock.as_ref().err();
            stock.into_iter().chain(slots.members.as_ref().err())
        });
        let mut errors = missing.filter_map(|missing| match missing {
            Missing::Unavailable(error) => Some(error),
            _ => None,
        });
        let Some(first) = errors.next() else { return };
        if let Some(left_out) = self.log_limiter.failure(()) {
            let facts = 1 + errors.count();
            warn!(facts, left_out, "redis: {facts} slot facts are missing from an answer; first cause: {first}");
        }
    }
}

impl fmt::Debug for RedisRealtime {
    /// Leaves out the address and the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRealtime")
            .field("options", &self.options)
            .field("connected", &self.connection.is_open())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl RealtimeSource for RedisRealtime {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn realtime(&self, question: &RealtimeQuestion) -> Result<RealtimeFacts, SourceError> {
        if question.activities.is_empty() {
            return Ok(RealtimeFacts::new(Vec::new()));
        }
        let keys = &self.options.keys;
        let commands = reply::commands(keys, &question.activities);
        let replies = self.connection.ask(commands, question.budget).await;
        let replies = replies.map_err(|fault| reply::query_error("GET and SCARD of slots", fault))?;
        let facts = reply::facts(keys, &question.activities, replies, question.as_of)?;
        self.log_failures(&facts);
        Ok(facts)
    }

    async fn probe(&self, _as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let keys = &self.options.keys;
        // No activity has these ids, so this checks the rights without reading data. Of a single server several, since a
        // node of a cluster answers for the keys of its own slots, and would not be told from a single server by one.
        let further = if self.connection.endpoint().is_cluster() { 0 } else { 9 };
        let ids: Vec<_> = (0..=further).map(|number: u64| ActivityId(number.wrapping_neg())).collect();
        let mut commands = vec![Command::Ping];
        commands.extend(reply::commands(keys, &ids));
        let replies = self.connection.ask(commands, budget).await;
        let replies = replies.map_err(|fault| reply::query_error("PING", fault))?;
        reply::rights(keys, replies)?;
        let meaning = match keys.stock {
            StockKey::Held(_) => "slots taken",
            StockKey::Remaining(_) => "slots left",
        };
        Ok(Probe::default().with_findings([
            ("stock key", format!("{} ({meaning})", keys.stock.template())),
            ("members key", keys.members.to_string()),
            ("connection", self.connection.endpoint().describe().to_owned()),
        ]))
    }
}

//! The source itself: one pipeline per question.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::{
    ActivityId, Timestamp,
    facts::{Missing, RealtimeFacts},
    source::{Probe, RealtimeQuestion, RealtimeSource, SourceError},
};
use tracing::warn;

use crate::{
    command::Command,
    connection::{Backoff, Connection, Endpoint},
    error::NAME,
    keys::StockKey,
    options::RedisOptions,
    reply,
};

/// Stock and members from Redis. Clones share one connection, which is made with the first question and made anew whenever it
/// breaks. Needs tokio.
///
/// It passes `realtime_source_conformance!`, against a real server.
#[derive(Clone)]
pub struct RedisRealtime {
    connection: Connection,
    options: Arc<RedisOptions>,
}

impl RedisRealtime {
    /// A source over a server with the platform's keys. Connects when first asked.
    ///
    /// Of the client its address, credentials, protocol and TLS are used; connections are the source's own.
    pub fn new(client: redis::Client) -> Self {
        Self::with_options(client, RedisOptions::default())
    }

    /// A source over a server.
    #[expect(clippy::needless_pass_by_value, reason = "as all constructors of sources")]
    pub fn with_options(client: redis::Client, options: RedisOptions) -> Self {
        Self::over(Endpoint::single(&client, options.connect_timeout), options)
    }

    /// A source over a cluster with the platform's keys. Its keys lie in many slots, so each is asked for by a command of its
    /// own, all at the same time.
    #[cfg(feature = "cluster")]
    pub fn cluster(client: redis::cluster::ClusterClient) -> Self {
        Self::cluster_with_options(client, RedisOptions::default())
    }

    /// A source over a cluster.
    #[cfg(feature = "cluster")]
    pub fn cluster_with_options(client: redis::cluster::ClusterClient, options: RedisOptions) -> Self {
        Self::over(Endpoint::cluster(client, options.connect_timeout), options)
    }

    fn over(endpoint: Endpoint, options: RedisOptions) -> Self {
        Self { connection: Connection::new(endpoint, Backoff::default()), options: Arc::new(options) }
    }
}

impl fmt::Debug for RedisRealtime {
    /// Without address and credentials.
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
            return Ok(RealtimeFacts { slots: Vec::new() });
        }
        let keys = &self.options.keys;
        let commands = reply::commands(keys, &question.activities);
        let replies = self.connection.ask(commands, question.budget).await;
        let replies = replies.map_err(|trouble| reply::query_error("counters and members", trouble))?;
        let facts = reply::facts(keys, &question.activities, replies, question.as_of)?;
        log_failures(&facts);
        Ok(facts)
    }

    async fn probe(&self, _as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        let keys = &self.options.keys;
        // No activity has the number 0: this asks whether the keys may be read, and reads none.
        let mut commands = vec![Command::Ping];
        commands.extend(reply::commands(keys, &[ActivityId(0)]));
        let replies = self.connection.ask(commands, budget).await;
        let replies = replies.map_err(|trouble| reply::query_error("PING", trouble))?;
        reply::rights(keys, replies)?;
        let meaning = match keys.stock {
            StockKey::Held(_) => "slots taken",
            StockKey::Remaining(_) => "slots left",
        };
        let finding = |name: &str, found: String| (name.to_owned(), found);
        let findings = vec![
            finding("stock key", format!("{} ({meaning})", keys.stock.template())),
            finding("members key", keys.members.to_string()),
            finding("connection", self.connection.endpoint().describe().to_owned()),
        ];
        Ok(Probe { newest: None, findings })
    }
}

/// Facts that could not be had while others could: whoever asks sees which; the log is told once.
fn log_failures(facts: &RealtimeFacts) {
    let lost = facts.slots.iter().flat_map(|(_, slots)| {
        let stock = slots.stock.as_ref().err();
        stock.into_iter().chain(slots.members.as_ref().err())
    });
    let mut lost = lost.filter_map(|missing| match missing {
        Missing::Unavailable(error) => Some(error),
        _ => None,
    });
    if let Some(first) = lost.next() {
        let facts = 1 + lost.count();
        warn!(facts, "redis did not say all that was asked; the first that is missing: {first}");
    }
}

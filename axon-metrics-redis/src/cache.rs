//! The shared cache: one `MGET` to look, one pipeline of `SET` to keep. On a cluster, whose keys lie in many slots, single
//! commands at the same time.
//! Lives here: what is asked and what the replies mean. Lives elsewhere: the connection that heals (`connection`), what an
//! entry holds and whether it is believed (the dashboard).

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::cache::{CacheEntry, CacheError, DashboardCache};
use redis::Value;
use tracing::debug;

use crate::{
    command::Command,
    connection::{Backoff, Connection, Endpoint},
    error::{NAME, QueryError, Trouble},
    options::RedisCacheOptions,
    reply::{Reply, WRONG_TYPE},
};

/// The longest time for which Redis keeps anything here: ten years, in milliseconds. It refuses times that reach beyond its
/// own calendar.
const MAX_TTL_MILLIS: u64 = 10 * 365 * 24 * 3_600 * 1_000;

/// Finished widgets in Redis, shared by all processes that use the same server and prefix. Clones share one connection, which
/// is made with the first question and made anew whenever it breaks; it is not that of any
/// [`RedisRealtime`](crate::RedisRealtime), and may lead to another server. Needs tokio.
///
/// Nothing but `MGET`, `GET` and `SET` of keys under the prefix is ever sent, beside what a new connection begins with. Keys
/// end by themselves; nothing is ever removed.
///
/// It passes `dashboard_cache_conformance!`, against a real server.
#[derive(Clone)]
pub struct RedisCache {
    connection: Connection,
    options: Arc<RedisCacheOptions>,
}

impl RedisCache {
    /// A cache in a server, without a prefix. Connects when first asked.
    ///
    /// Of the client its address, credentials, protocol and TLS are used; connections are the cache's own.
    pub fn new(client: redis::Client) -> Self {
        Self::with_options(client, RedisCacheOptions::default())
    }

    /// A cache in a server.
    #[expect(clippy::needless_pass_by_value, reason = "as all constructors over a client")]
    pub fn with_options(client: redis::Client, options: RedisCacheOptions) -> Self {
        Self::over(Endpoint::single(&client, options.connect_timeout), options)
    }

    /// A cache in a cluster, without a prefix.
    #[cfg(feature = "cluster")]
    pub fn cluster(client: redis::cluster::ClusterClient) -> Self {
        Self::cluster_with_options(client, RedisCacheOptions::default())
    }

    /// A cache in a cluster.
    #[cfg(feature = "cluster")]
    pub fn cluster_with_options(client: redis::cluster::ClusterClient, options: RedisCacheOptions) -> Self {
        Self::over(Endpoint::cluster(client, options.connect_timeout), options)
    }

    fn over(endpoint: Endpoint, options: RedisCacheOptions) -> Self {
        Self { connection: Connection::new(endpoint, Backoff::default()), options: Arc::new(options) }
    }

    fn full(&self, key: &str) -> String {
        format!("{}{key}", self.options.prefix)
    }

    /// A value, if it is no longer than the limit.
    fn accept(&self, value: Value) -> Option<Vec<u8>> {
        match value {
            Value::BulkString(bytes) if bytes.len() <= self.options.longest_value => Some(bytes),
            Value::BulkString(bytes) => {
                debug!(bytes = bytes.len(), "redis holds a value that is too long for a cached one");
                None
            }
            _ => None,
        }
    }

    async fn ask(&self, commands: Vec<Command>, budget: Duration, question: &str) -> Result<Vec<Reply>, CacheError> {
        self.connection.ask(commands, budget).await.map_err(|trouble| query_error(question, trouble))
    }
}

impl fmt::Debug for RedisCache {
    /// Without address and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("options", &self.options)
            .field("connected", &self.connection.is_open())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl DashboardCache for RedisCache {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn get(&self, keys: &[String], budget: Duration) -> Result<Vec<Option<Vec<u8>>>, CacheError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let full: Vec<_> = keys.iter().map(|key| self.full(key)).collect();
        let values = if self.connection.endpoint().is_cluster() {
            let commands = full.into_iter().map(Command::Get).collect();
            values(self.ask(commands, budget, "GET").await?)?
        } else {
            match self.ask(vec![Command::GetAll(full)], budget, "MGET").await?.pop() {
                Some(Ok(Value::Array(values))) => values,
                Some(Err(trouble)) => return Err(query_error("MGET", trouble)),
                _ => return Err(query_error("MGET", Trouble::Unreadable)),
            }
        };
        Ok(values.into_iter().map(|value| self.accept(value)).collect())
    }

    async fn put(&self, entries: &[CacheEntry], budget: Duration) -> Result<(), CacheError> {
        let longest = self.options.longest_value;
        let short = entries.iter().filter(|entry| entry.value.len() <= longest);
        let commands: Vec<_> = short
            .map(|entry| Command::Put {
                key: self.full(&entry.key),
                value: entry.value.clone(),
                millis: millis(entry.ttl),
            })
            .collect();
        if commands.len() < entries.len() {
            debug!(entries = entries.len() - commands.len(), "too long to be cached in redis");
        }
        if commands.is_empty() {
            return Ok(());
        }
        let failed = self.ask(commands, budget, "SET").await?.into_iter().find_map(Result::err);
        failed.map_or(Ok(()), |trouble| Err(query_error("SET", trouble)))
    }
}

/// What single commands found. A node that fails costs what lies there.
/// # Errors
/// If no node said anything: the first one's trouble.
fn values(replies: Vec<Reply>) -> Result<Vec<Value>, CacheError> {
    let heard = |reply: &Reply| reply.as_ref().map_or_else(|trouble| trouble.code() == WRONG_TYPE, |_| true);
    match replies.first() {
        Some(Err(trouble)) if !replies.iter().any(heard) => Err(query_error("GET", trouble.clone())),
        _ => Ok(replies.into_iter().map(|reply| reply.unwrap_or(Value::Nil)).collect()),
    }
}

/// A time as Redis takes it: it has no shorter one than a millisecond.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(MAX_TTL_MILLIS).clamp(1, MAX_TTL_MILLIS)
}

fn query_error(question: &str, trouble: Trouble) -> CacheError {
    let error = QueryError { question: question.to_owned(), source: trouble };
    CacheError { cache_name: NAME, source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_reply(line: &str) -> Reply {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Err(reply.extract_error().unwrap_err().into())
    }

    #[test]
    fn a_node_that_fails_costs_only_what_lies_there() {
        let value = || Ok(Value::BulkString(b"45".to_vec()));
        let found = values(vec![Err(Trouble::Slow), value(), error_reply("WRONGTYPE no")]).unwrap();
        assert_eq!(found, [Value::Nil, Value::BulkString(b"45".to_vec()), Value::Nil]);
        assert!(values(vec![error_reply("WRONGTYPE no")]).is_ok());
    }

    #[test]
    fn nodes_that_say_nothing_are_an_error() {
        let error = values(vec![error_reply("NOPERM no"), Err(Trouble::Slow)]).unwrap_err();
        assert_eq!(error.to_string(), "the cache redis did not answer");
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "asking for GET");
        assert_eq!(cause.source().unwrap().to_string(), "it replied NOPERM");
    }

    #[test]
    fn times_are_those_that_redis_takes() {
        for (given, sent) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1_500), 1_500),
            (Duration::from_secs(3 * 365 * 24 * 3_600), 94_608_000_000),
            (Duration::MAX, MAX_TTL_MILLIS),
        ] {
            assert_eq!(millis(given), sent);
        }
    }
}

//! The shared cache: `get` is one `MGET`, `put` is one pipeline of `SET`. On a cluster, whose keys are in many slots,
//! they are single commands at the same time.
//! Lives here: the commands, and the meaning of their replies. Lives elsewhere: the connection (`connection`), the
//! content of entries and their validation (the dashboard).

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use axon_metrics::cache::{CacheEntry, CacheError, DashboardCache};
use redis::Value;
use tracing::debug;

use crate::{
    address::{AddressError, RedisAddress},
    command::Command,
    connection::{Backoff, Connection, Endpoint},
    error::{Fault, NAME, QueryError},
    options::RedisCacheOptions,
    reply::{Reply, WRONG_TYPE},
};

/// The longest time to live, in milliseconds: ten years. Redis rejects times beyond the range of its clock.
const MAX_TTL_MILLIS: u64 = 10 * 365 * 24 * 3_600 * 1_000;

/// A [`DashboardCache`] in Redis: finished widgets, shared by all processes that use the same server and prefix. Clones
/// share one connection, which opens with the first call and is replaced whenever it breaks. It is not shared with any
/// [`RedisRealtime`](crate::RedisRealtime), and may lead to another server. Needs a tokio runtime.
///
/// Apart from the handshake of a connection it sends only `MGET`, `GET` and `SET`, and only for keys with the prefix.
/// Keys expire; the cache never removes one. A missing key, a key of another type and a value that is too long are
/// misses.
///
/// It passes `dashboard_cache_conformance!`, against a real server.
#[derive(Clone)]
pub struct RedisCache {
    connection: Connection,
    options: Arc<RedisCacheOptions>,
}

impl RedisCache {
    /// A cache in a server, without a prefix. Connects with the first call.
    ///
    /// Uses the client's address, credentials, protocol and TLS, and opens connections of its own.
    pub fn new(client: redis::Client) -> Self {
        Self::with_options(client, RedisCacheOptions::default())
    }

    /// A cache in a server. Connects with the first call.
    #[expect(clippy::needless_pass_by_value, reason = "as all constructors over a client")]
    pub fn with_options(client: redis::Client, options: RedisCacheOptions) -> Self {
        Self::over(Endpoint::single(&client, options.connect_timeout), options)
    }

    /// A cache in what an address leads to: a server, a cluster, or the master that sentinels name. Connects with the first
    /// call.
    /// # Errors
    /// The address cannot be used, or needs a feature of this crate that is missing.
    pub fn at(address: &RedisAddress, options: RedisCacheOptions) -> Result<Self, AddressError> {
        Ok(Self::over(Endpoint::at(address, options.connect_timeout)?, options))
    }

    /// A cache in a cluster, without a prefix. Connects with the first call.
    #[cfg(feature = "cluster")]
    pub fn cluster(client: redis::cluster::ClusterClient) -> Self {
        Self::cluster_with_options(client, RedisCacheOptions::default())
    }

    /// A cache in a cluster. Connects with the first call.
    #[cfg(feature = "cluster")]
    pub fn cluster_with_options(client: redis::cluster::ClusterClient, options: RedisCacheOptions) -> Self {
        Self::over(Endpoint::cluster(client, options.connect_timeout), options)
    }

    fn over(endpoint: Endpoint, options: RedisCacheOptions) -> Self {
        Self { connection: Connection::new(endpoint, Backoff::default()), options: Arc::new(options) }
    }

    fn full_key(&self, key: &str) -> String {
        format!("{}{key}", self.options.prefix)
    }

    /// A value, unless it is too long or no string.
    fn accept(&self, value: Value) -> Option<Vec<u8>> {
        match value {
            Value::BulkString(bytes) if bytes.len() <= self.options.longest_value => Some(bytes),
            Value::BulkString(bytes) => {
                debug!(bytes = bytes.len(), "redis cache: a stored value is longer than with_longest_value, a miss");
                None
            }
            _ => None,
        }
    }

    async fn ask(&self, commands: Vec<Command>, budget: Duration, question: &str) -> Result<Vec<Reply>, CacheError> {
        self.connection.ask(commands, budget).await.map_err(|fault| query_error(question, fault))
    }
}

impl fmt::Debug for RedisCache {
    /// Leaves out the address and the credentials.
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
        let full_keys: Vec<_> = keys.iter().map(|key| self.full_key(key)).collect();
        let values = if self.connection.endpoint().is_cluster() {
            let commands = full_keys.into_iter().map(Command::Get).collect();
            values(self.ask(commands, budget, "GET").await?)?
        } else {
            match self.ask(vec![Command::GetAll(full_keys)], budget, "MGET").await?.pop() {
                Some(Ok(Value::Array(values))) => values,
                Some(Err(fault)) => return Err(query_error("MGET", fault)),
                _ => return Err(query_error("MGET", Fault::WrongReply)),
            }
        };
        Ok(values.into_iter().map(|value| self.accept(value)).collect())
    }

    async fn put(&self, entries: &[CacheEntry], budget: Duration) -> Result<(), CacheError> {
        let max_length = self.options.longest_value;
        let accepted = entries.iter().filter(|entry| entry.value.len() <= max_length);
        let commands: Vec<_> = accepted
            .map(|entry| Command::Put {
                key: self.full_key(&entry.key),
                value: entry.value.clone(),
                millis: millis(entry.ttl),
            })
            .collect();
        if commands.len() < entries.len() {
            debug!(
                entries = entries.len() - commands.len(),
                "redis cache: values longer than with_longest_value are not written"
            );
        }
        if commands.is_empty() {
            return Ok(());
        }
        let fault = self.ask(commands, budget, "SET").await?.into_iter().find_map(Result::err);
        fault.map_or(Ok(()), |fault| Err(query_error("SET", fault)))
    }
}

/// The values from the replies to single commands. A command that failed is a miss.
/// # Errors
/// The first fault if no command got an answer. A key of another type counts as an answer.
fn values(replies: Vec<Reply>) -> Result<Vec<Value>, CacheError> {
    let is_answer = |reply: &Reply| reply.as_ref().map_or_else(|fault| fault.code() == WRONG_TYPE, |_| true);
    match replies.first() {
        Some(Err(fault)) if !replies.iter().any(is_answer) => Err(query_error("GET", fault.clone())),
        _ => Ok(replies.into_iter().map(|reply| reply.unwrap_or(Value::Nil)).collect()),
    }
}

/// A time to live in milliseconds, clamped to what Redis accepts: at least 1.
fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(MAX_TTL_MILLIS).clamp(1, MAX_TTL_MILLIS)
}

fn query_error(question: &str, fault: Fault) -> CacheError {
    let error = QueryError { question: question.to_owned(), source: fault };
    CacheError::new(NAME, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_reply(line: &str) -> Reply {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Err(reply.extract_error().unwrap_err().into())
    }

    #[test]
    fn a_failed_command_is_a_miss() {
        let value = || Ok(Value::BulkString(b"45".to_vec()));
        let result = values(vec![Err(Fault::TooSlow), value(), error_reply("WRONGTYPE no")]).unwrap();
        assert_eq!(result, [Value::Nil, Value::BulkString(b"45".to_vec()), Value::Nil]);
        assert!(values(vec![error_reply("WRONGTYPE no")]).is_ok());
    }

    #[test]
    fn commands_without_any_answer_are_an_error() {
        let error = values(vec![error_reply("NOPERM no"), Err(Fault::TooSlow)]).unwrap_err();
        assert_eq!(error.to_string(), "the cache redis did not answer");
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), "GET failed");
        assert_eq!(cause.source().unwrap().to_string(), "the server replied with error NOPERM");
    }

    #[test]
    fn a_time_to_live_is_clamped_to_what_redis_accepts() {
        for (ttl, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1_500), 1_500),
            (Duration::from_secs(3 * 365 * 24 * 3_600), 94_608_000_000),
            (Duration::MAX, MAX_TTL_MILLIS),
        ] {
            assert_eq!(millis(ttl), expected);
        }
    }
}

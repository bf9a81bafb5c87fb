//! The faults of a command or connection, and their conversion to `SourceError`.
//!
//! Errors of the driver are not passed on: they can quote an address, or a reply with ids of users.

use std::{error::Error, fmt, io, sync::Arc};

use axon_metrics::source::{SourceError, TlsFault, connection_lost};
use redis::{ErrorKind, RedisError, ServerError};

/// The store's name.
pub(crate) const NAME: &str = "redis";

/// Why a command or connect failed. No text of the server or the driver is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no answer before the deadline")]
    TooSlow,
    #[error("no connection before the deadline")]
    NotConnected,
    #[error("the connection failed: {0}")]
    Io(io::ErrorKind),
    #[error("the connection closed before the reply was complete")]
    Closed,
    /// The connection was lost, and the new connection of the one retry, too. It is not retried again.
    #[error("the retry on a new connection failed: {0}")]
    RetryFailed(Box<Fault>),
    #[error("the server rejected the credentials")]
    Credentials,
    #[error("the server rejected the database number")]
    Database,
    #[error("the server replied with error {0}")]
    ErrorReply(Code),
    #[error("the server accepts no more clients (maxclients)")]
    ServerFull,
    #[error("the reply does not match the command")]
    WrongReply,
    /// A node of a cluster was asked as a single server.
    #[error(
        "the server is a node of a cluster: configure all its addresses as a cluster, redis://host:6379,host:6380, or one as \
         redis+cluster://"
    )]
    ClusterNode,
    #[error(
        "the server does not know the command: it is a sentinel (redis+sentinel://host:26379/SERVICE), or the command is \
         disabled"
    )]
    UnknownCommand,
    #[error("{0}")]
    Tls(TlsFault),
    #[error("{0}")]
    Sentinel(SentinelFault),
    /// A fault of the client: the host is not known, no node of a cluster answers.
    #[error("the client cannot connect ({0})")]
    Client(&'static str),
}

/// Why sentinels lead to no master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SentinelFault {
    #[error("the sentinels know no service of this name")]
    UnknownService,
    #[error("the sentinels rejected the credentials (sentinel_password)")]
    Credentials,
    #[error("the sentinels refuse the command SENTINEL GET-MASTER-ADDR-BY-NAME: give the right to it")]
    Right,
    #[error("what answers is no sentinel: a server is given as redis://host:6379")]
    NoSentinel,
    /// A failover is in progress, or has just been.
    #[error("the server is not the master that the sentinels name")]
    NoMaster,
}

/// The code of an error reply, its first word (`NOPERM`, `LOADING`). The rest can contain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code(String);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fault {
    /// The fault for an error reply.
    pub(crate) fn error_reply(error: &ServerError) -> Self {
        // The server sends it when it accepts a connection, so it looks like the reply to the first command.
        if error.details().is_some_and(|text| text.contains("max number of clients")) {
            return Self::ServerFull;
        }
        if error.code() == "ERR" && error.details().is_some_and(|text| text.starts_with("unknown command")) {
            return Self::UnknownCommand;
        }
        // Codes of Redis have this form. A server of another kind may send anything, which must not be logged.
        let is_code = |code: &&str| code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        Self::ErrorReply(Code(Some(error.code()).filter(is_code).unwrap_or("ERR").to_owned()))
    }

    /// Whether a node of a cluster says that a key, or some of several keys, are on another node.
    pub(crate) fn is_of_cluster(&self) -> bool {
        ["MOVED", "ASK", "CROSSSLOT"].contains(&self.code())
    }

    pub(crate) fn code(&self) -> &str {
        match self {
            Self::ErrorReply(Code(code)) => code,
            _ => "",
        }
    }

    /// Whether the connection must be replaced: it is dead, its replies may belong to other commands, or it lost its
    /// login.
    pub(crate) fn requires_reconnect(&self) -> bool {
        match self {
            Self::ErrorReply(_) => self.code() == "NOAUTH",
            Self::ClusterNode | Self::UnknownCommand => false,
            _ => true,
        }
    }

    /// Whether the connection was lost before the reply, so that a retry on another one may succeed.
    pub(crate) fn lost_connection(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Io(kind) => connection_lost(*kind),
            _ => false,
        }
    }

    /// The fault after a retry. A second lost connection is not retried by the core either.
    pub(crate) fn after_retry(self) -> Self {
        if self.lost_connection() { Self::RetryFailed(Box::new(self)) } else { self }
    }
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        if let Some(fault) = TlsFault::of(&error) {
            return Self::Tls(fault);
        }
        match error.kind() {
            ErrorKind::Io if error.is_timeout() => Self::TooSlow,
            ErrorKind::Io => match io_error(&error) {
                Some(io) if io.to_string().contains("failed to lookup address") => {
                    Self::Client("the host is not known")
                }
                // The driver's errors for a connection that has ended.
                Some(io) => match io.kind() {
                    io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => Self::Closed,
                    kind => Self::Io(kind),
                },
                None => Self::Closed,
            },
            ErrorKind::AuthenticationFailed => Self::Credentials,
            ErrorKind::InvalidClientConfig if error.to_string().contains("TLS parameters") => {
                Self::Client("the client's certificate and its key do not belong together")
            }
            ErrorKind::InvalidClientConfig => Self::Client("configuration or address"),
            ErrorKind::ClusterConnectionNotFound => Self::Client("no node of the cluster answers"),
            ErrorKind::Client => Self::Client("client"),
            _ => ServerError::try_from(error).map_or(Self::WrongReply, |error| Self::error_reply(&error)),
        }
    }
}

/// The I/O error among the causes. The driver keeps it in an `Arc`, which hides it from a downcast of the cause itself.
fn io_error(error: &RedisError) -> Option<&io::Error> {
    let cause = error.source()?;
    match cause.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        Some(shared) => shared.downcast_ref(),
        None => cause.downcast_ref(),
    }
}

/// A fault, and the command that it ended.
#[derive(Debug, thiserror::Error)]
#[error("{question} failed")]
pub(crate) struct QueryError {
    /// The command, with templates instead of keys.
    pub(crate) question: String,
    pub(crate) source: Fault,
}

impl From<QueryError> for SourceError {
    fn from(error: QueryError) -> Self {
        let source_name = NAME.into();
        match error.source.code() {
            "NOPERM" => return Self::Denied { source_name, missing: format!("the right to {}", error.question) },
            "NOAUTH" | "WRONGPASS" => return Self::Denied { source_name, missing: "valid credentials".to_owned() },
            // A script blocks the server.
            "BUSY" => return Self::Overloaded { source_name },
            // It is starting, its master is down, or its cluster is being repaired. All of these pass.
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
                return Self::Unavailable { source_name, source: error.into() };
            }
            _ => {}
        }
        match error.source {
            Fault::Credentials => Self::Denied { source_name, missing: "valid credentials".to_owned() },
            Fault::Database => Self::Denied {
                source_name,
                missing: "the right to SELECT the database, or a database with that number".to_owned(),
            },
            Fault::ServerFull => Self::Overloaded { source_name },
            Fault::Io(_) | Fault::Closed if error.source.lost_connection() => {
                Self::Lost { source_name, source: error.into() }
            }
            Fault::TooSlow
            | Fault::NotConnected
            | Fault::Io(_)
            | Fault::Closed
            | Fault::RetryFailed(_)
            | Fault::Tls(_)
            | Fault::Sentinel(_)
            | Fault::Client(_) => Self::Unavailable { source_name, source: error.into() },
            Fault::WrongReply => {
                Self::Malformed { source_name, expected: "a reply to the command", source: error.into() }
            }
            Fault::ErrorReply(_) | Fault::ClusterNode | Fault::UnknownCommand => {
                Self::Malformed { source_name, expected: "a value", source: error.into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_reply(line: &str) -> Fault {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Fault::from(reply.extract_error().unwrap_err())
    }

    fn source_error(fault: Fault) -> SourceError {
        QueryError { question: "GET campaign:{activityId}:counter".to_owned(), source: fault }.into()
    }

    #[test]
    fn a_missing_right_is_named() {
        let error = source_error(error_reply("NOPERM this user has no permissions to run the 'get' command"));
        let SourceError::Denied { missing, .. } = error else { panic!("{error:?}") };
        assert_eq!(missing, "the right to GET campaign:{activityId}:counter");
    }

    #[test]
    fn rejected_credentials_are_denied() {
        let rejected = RedisError::from((ErrorKind::AuthenticationFailed, "no"));
        let noauth = error_reply("NOAUTH Authentication required.");
        let wrongpass = error_reply("WRONGPASS invalid username-password pair or user is disabled.");
        for fault in [rejected.into(), noauth, wrongpass] {
            assert!(matches!(source_error(fault), SourceError::Denied { .. }));
        }
    }

    #[test]
    fn a_busy_or_full_server_is_overloaded() {
        let busy =
            error_reply("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
        for fault in [busy, error_reply("ERR max number of clients reached")] {
            assert!(matches!(source_error(fault), SourceError::Overloaded { .. }));
        }
    }

    #[test]
    fn faults_that_pass_are_unavailable() {
        let io = |kind| Fault::from(RedisError::from(io::Error::from(kind)));
        let faults = [
            error_reply("LOADING Redis is loading the dataset in memory"),
            error_reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
            error_reply("CLUSTERDOWN The cluster is down"),
            io(io::ErrorKind::TimedOut),
            io(io::ErrorKind::ConnectionReset).after_retry(),
        ];
        for fault in faults {
            let error = source_error(fault);
            assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_refused_or_broken_connection_is_lost() {
        use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, UnexpectedEof};
        for kind in [ConnectionRefused, ConnectionReset, BrokenPipe, UnexpectedEof] {
            let error = source_error(Fault::from(RedisError::from(io::Error::from(kind))));
            assert!(matches!(error, SourceError::Lost { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_moved_reply_is_malformed_and_its_address_is_left_out() {
        let fault = error_reply("MOVED 3999 10.1.2.3:6381");
        assert!(fault.is_of_cluster());
        for fault in [fault, Fault::ClusterNode] {
            let error = source_error(fault);
            assert!(matches!(error, SourceError::Malformed { .. }));
            assert!(!format!("{error:?}").contains("10.1.2.3"), "{error:?}");
        }
    }

    #[test]
    fn the_kind_of_an_io_error_is_found_in_the_drivers_error() {
        use io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, UnexpectedEof};
        let fault = |kind| Fault::from(RedisError::from(io::Error::from(kind)));
        for kind in [ConnectionRefused, ConnectionReset, HostUnreachable] {
            assert_eq!(fault(kind), Fault::Io(kind));
        }
        assert_eq!(fault(UnexpectedEof), Fault::Closed);
    }

    #[test]
    fn a_fault_of_a_certificate_is_said_as_such_and_not_as_a_lost_connection() {
        let text = "invalid peer certificate: UnknownIssuer";
        let fault = Fault::from(RedisError::from(io::Error::new(io::ErrorKind::InvalidData, text)));
        assert_eq!(fault, Fault::Tls(TlsFault::NotTrusted));
        let cluster = (ErrorKind::ClusterConnectionNotFound, "Failed to create initial connections", text.to_owned());
        assert_eq!(Fault::from(RedisError::from(cluster)), fault);
        let error = source_error(fault);
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    }

    #[test]
    fn a_sentinel_asked_as_a_server_is_named() {
        let fault = error_reply("ERR unknown command 'GET', with args beginning with: 'user-4711'");
        assert_eq!(fault, Fault::UnknownCommand);
        assert!(fault.to_string().contains("redis+sentinel://") && !fault.to_string().contains("4711"));
    }

    #[test]
    fn an_error_quotes_nothing_of_a_reply() {
        let unknown_code = error_reply("user-4711 at 10.1.2.3 is not known here");
        assert_eq!(unknown_code.to_string(), "the server replied with error ERR");
        let invalid = Fault::from(redis::parse_redis_value(b"!user-4711\r\n").unwrap_err());
        assert_eq!(invalid, Fault::WrongReply);
        assert!(!format!("{invalid:?} {invalid}").contains("4711"));
    }
}

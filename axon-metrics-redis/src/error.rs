//! What can go wrong with Redis, and what it means to whoever asks.
//!
//! The driver's errors stay here: they may quote a reply, which can hold ids of users, or an address.

use std::{error::Error as _, fmt, io};

use axon_metrics::source::{SourceError, connection_lost};
use redis::{ErrorKind, RedisError, ServerError};

/// The store's name.
pub(crate) const NAME: &str = "redis";

/// What went wrong, in no more words than are safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("no answer in time")]
    Slow,
    #[error("no connection in time")]
    NotConnected,
    #[error("{0}")]
    Io(io::ErrorKind),
    #[error("the connection ended")]
    Closed,
    /// The connection was lost, and so was that on which the question was asked once more: enough for one question.
    #[error("twice: {0}")]
    Twice(Box<Trouble>),
    #[error("the credentials were refused")]
    Credentials,
    #[error("the database was refused")]
    Database,
    #[error("it replied {0}")]
    ErrorReply(Code),
    #[error("it has no room for another connection")]
    Full,
    #[error("the reply is none that was asked for")]
    Unreadable,
    /// Of the client: an address that does not resolve, TLS, no node of a cluster.
    #[error("no connection can be made ({0})")]
    Client(&'static str),
}

/// The first word of an error that Redis replied (`NOPERM`, `LOADING`): all of it that is safe to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code(String);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Trouble {
    /// The trouble behind an error that Redis replied instead of a value.
    pub(crate) fn error_reply(error: &ServerError) -> Self {
        // Said when a connection is accepted; so it can come as the reply to whatever was asked first.
        if error.details().is_some_and(|text| text.contains("max number of clients")) {
            return Self::Full;
        }
        // Redis has no such code; a server that is none may have any.
        let is_code = |code: &&str| code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        Self::ErrorReply(Code(Some(error.code()).filter(is_code).unwrap_or("ERR").to_owned()))
    }

    pub(crate) fn code(&self) -> &str {
        match self {
            Self::ErrorReply(Code(code)) => code,
            _ => "",
        }
    }

    /// Whether the connection cannot be trusted any more: it is dead, or its replies may belong to other questions, or it
    /// forgot who it is.
    pub(crate) fn doubts_connection(&self) -> bool {
        match self {
            Self::ErrorReply(_) => self.code() == "NOAUTH",
            _ => true,
        }
    }

    /// Whether the question did not get through, or the connection ended before the reply: worth asking once more.
    pub(crate) fn lost_connection(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Io(kind) => connection_lost(*kind),
            _ => false,
        }
    }

    /// The trouble of a question that was asked twice.
    pub(crate) fn twice(self) -> Self {
        if self.lost_connection() { Self::Twice(Box::new(self)) } else { self }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io if error.is_timeout() => Self::Slow,
            ErrorKind::Io => match error.source().and_then(|cause| cause.downcast_ref()).map(io::Error::kind) {
                // What the driver says of a connection that is over.
                Some(io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof) | None => Self::Closed,
                Some(kind) => Self::Io(kind),
            },
            ErrorKind::AuthenticationFailed => Self::Credentials,
            ErrorKind::InvalidClientConfig => Self::Client("configuration or address"),
            ErrorKind::ClusterConnectionNotFound => Self::Client("no node of the cluster answers"),
            ErrorKind::Client => Self::Client("client"),
            _ => ServerError::try_from(error).map_or(Self::Unreadable, |error| Self::error_reply(&error)),
        }
    }
}

/// A query that failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("asking for {question}")]
pub(crate) struct QueryError {
    pub(crate) question: String,
    pub(crate) source: Trouble,
}

impl From<QueryError> for SourceError {
    fn from(error: QueryError) -> Self {
        let source_name = NAME.into();
        match error.source.code() {
            "NOPERM" => return Self::Denied { source_name, missing: format!("the right to {}", error.question) },
            "NOAUTH" | "WRONGPASS" => return Self::Denied { source_name, missing: "valid credentials".to_owned() },
            // A script runs too long.
            "BUSY" => return Self::Overloaded { source_name },
            // It starts, follows a master that is gone, or its cluster is being mended: that passes.
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
                return Self::Unavailable { source_name, source: error.into() };
            }
            _ => {}
        }
        match error.source {
            Trouble::Credentials => Self::Denied { source_name, missing: "valid credentials".to_owned() },
            Trouble::Database => Self::Denied {
                source_name,
                missing: "the right to SELECT the database, or one of that number".to_owned(),
            },
            Trouble::Full => Self::Overloaded { source_name },
            Trouble::Io(_) | Trouble::Closed if error.source.lost_connection() => {
                Self::Lost { source_name, source: error.into() }
            }
            Trouble::Slow
            | Trouble::NotConnected
            | Trouble::Io(_)
            | Trouble::Closed
            | Trouble::Twice(_)
            | Trouble::Client(_) => Self::Unavailable { source_name, source: error.into() },
            Trouble::Unreadable => Self::Malformed { source_name, expected: "a reply of Redis", source: error.into() },
            // `MOVED` of a cluster's node that is taken for a single server, for one.
            Trouble::ErrorReply(_) => Self::Malformed { source_name, expected: "a value", source: error.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_reply(line: &str) -> Trouble {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Trouble::from(reply.extract_error().unwrap_err())
    }

    fn asked(trouble: Trouble) -> SourceError {
        QueryError { question: "GET campaign:{activityId}:counter".to_owned(), source: trouble }.into()
    }

    #[test]
    fn a_missing_right_is_named() {
        let error = asked(error_reply("NOPERM this user has no permissions to run the 'get' command"));
        let SourceError::Denied { missing, .. } = error else { panic!("{error:?}") };
        assert_eq!(missing, "the right to GET campaign:{activityId}:counter");
    }

    #[test]
    fn refused_credentials_are_denied() {
        let refused = RedisError::from((ErrorKind::AuthenticationFailed, "no"));
        let noauth = error_reply("NOAUTH Authentication required.");
        let wrongpass = error_reply("WRONGPASS invalid username-password pair or user is disabled.");
        for trouble in [refused.into(), noauth, wrongpass] {
            assert!(matches!(asked(trouble), SourceError::Denied { .. }));
        }
    }

    #[test]
    fn a_busy_or_full_server_is_overloaded() {
        let busy =
            error_reply("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.");
        for trouble in [busy, error_reply("ERR max number of clients reached")] {
            assert!(matches!(asked(trouble), SourceError::Overloaded { .. }));
        }
    }

    #[test]
    fn what_passes_is_unavailable() {
        let io = |kind| Trouble::from(RedisError::from(io::Error::from(kind)));
        let passing = [
            error_reply("LOADING Redis is loading the dataset in memory"),
            error_reply("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
            error_reply("CLUSTERDOWN The cluster is down"),
            io(io::ErrorKind::TimedOut),
            io(io::ErrorKind::ConnectionReset).twice(),
        ];
        for trouble in passing {
            let error = asked(trouble);
            assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_connection_that_cannot_be_made_or_breaks_is_lost() {
        use io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, UnexpectedEof};
        for kind in [ConnectionRefused, ConnectionReset, BrokenPipe, UnexpectedEof] {
            let error = asked(Trouble::from(RedisError::from(io::Error::from(kind))));
            assert!(matches!(error, SourceError::Lost { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_node_of_a_cluster_taken_for_a_single_server_is_malformed_and_tells_no_address() {
        let error = asked(error_reply("MOVED 3999 10.1.2.3:6381"));
        assert!(matches!(error, SourceError::Malformed { .. }));
        assert!(!format!("{error:?}").contains("10.1.2.3"), "{error:?}");
    }

    #[test]
    fn an_error_quotes_nothing_of_a_reply() {
        let strange = error_reply("user-4711 at 10.1.2.3 is not known here");
        assert_eq!(strange.to_string(), "it replied ERR");
        let unreadable = Trouble::from(redis::parse_redis_value(b"!user-4711\r\n").unwrap_err());
        assert_eq!(unreadable, Trouble::Unreadable);
        assert!(!format!("{unreadable:?} {unreadable}").contains("4711"));
    }
}

//! Why a query failed: which one it was, and what came instead. The one conversion to `SourceError`.
//!
//! Causes go to a log, and messages of a server name users and hosts: only those known not to are passed on.

use std::{fmt, io, sync::Arc};

use axon_metrics::{SourceError, source::connection_lost};
use sqlx::mysql::MySqlDatabaseError;

use crate::{NAME, text_row::CellError};

/// A query that failed.
#[derive(Debug, thiserror::Error)]
#[error("{query}")]
pub(crate) struct QueryError {
    pub(crate) query: Query,
    #[source]
    pub(crate) cause: Cause,
}

/// The queries of this crate, as errors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    Catalog,
    /// Steps, and the promotion's sales.
    Attributed,
    /// Sales of the shop and of others.
    Products,
    /// Sales of the shop in the weeks before.
    History,
    Tables,
    Health,
}

impl Query {
    fn expected(self) -> &'static str {
        match self {
            Self::Catalog => "campaigns with their activities",
            Self::Attributed => "counts and sums of activities",
            Self::Products => "sums of products",
            Self::History => "sums of products over time",
            Self::Tables => "tables and columns",
            Self::Health => "newest rows and session settings",
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Catalog => "reading campaigns and activities",
            Self::Attributed => "counting rows of activities",
            Self::Products => "summing purchases of products",
            Self::History => "summing purchases of products over weeks",
            Self::Tables => "looking which tables and columns there are",
            Self::Health => "looking at the newest rows",
        })
    }
}

/// What came instead of an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("no answer in time")]
    TooSlow,
    #[error("no connection of the pool was free in time")]
    PoolBusy,
    #[error("no connection could be made")]
    NoConnection(#[source] Box<Cause>),
    #[error("the TLS handshake failed: {0}")]
    Tls(&'static str),
    #[error("{0}")]
    Server(ServerFault),
    #[error(transparent)]
    Driver(sqlx::Error),
    #[error(transparent)]
    Cell(#[from] CellError),
    #[error("{0}")]
    Wrong(&'static str),
    #[error(transparent)]
    NoCatalog(#[from] axon_metrics::catalog::CatalogError),
    /// The connection was lost, and so was the new one on which the question was asked once more: enough for one question.
    #[error("twice: {0}")]
    Twice(Box<Cause>),
    /// What several questions waited for.
    #[error(transparent)]
    Shared(Arc<Cause>),
}

impl Cause {
    /// The connection is gone, and another may do.
    pub(crate) fn lost_connection(&self) -> bool {
        match self {
            Self::Driver(error) => matches!(error, sqlx::Error::Io(_)),
            Self::Server(fault) => matches!(fault.number, IDLE_TOO_LONG | CONNECTION_KILLED),
            Self::Shared(cause) => cause.lost_connection(),
            _ => false,
        }
    }

    /// The cause of a question that was asked twice.
    pub(crate) fn twice(self) -> Self {
        if matches!(self.kind(), Kind::Lost) { Self::Twice(Box::new(self)) } else { self }
    }

    fn is_refused_connection(&self) -> bool {
        matches!(self, Self::Driver(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// The tables are not those of the cached schema.
    pub(crate) fn is_schema_mismatch(&self) -> bool {
        matches!(self, Self::Server(fault) if matches!(fault.number, NO_TABLE | NO_COLUMN | COLUMN_DENIED))
    }

    pub(crate) fn during(self, query: Query) -> QueryError {
        QueryError { query, cause: self }
    }
}

impl From<sqlx::Error> for Cause {
    fn from(error: sqlx::Error) -> Self {
        if let Some(fault) = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        {
            return Self::Server(ServerFault::of(fault));
        }
        match error {
            // Its text can name the host.
            sqlx::Error::Tls(error) => Self::Tls(tls(&error.to_string())),
            sqlx::Error::PoolTimedOut => Self::PoolBusy,
            other => Self::Driver(other),
        }
    }
}

fn tls(text: &str) -> &'static str {
    const KNOWN: [&str; 5] =
        ["UnknownIssuer", "Expired", "NotValidForName", "NotValidYet", "server does not support TLS"];
    KNOWN.into_iter().find(|known| text.contains(known)).unwrap_or("refused")
}

/// What a server says is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerFault {
    pub(crate) number: u16,
    state: String,
    /// Where it names neither users nor hosts.
    message: Option<String>,
    /// The table it speaks of, if it is one of ours.
    table: Option<&'static str>,
}

/// The tables this crate reads; those whose names hold another's first.
const TABLES: [&str; 4] = ["campaign_activity_entries", "campaign_activities", "campaigns", "purchases"];

const NO_COLUMN: u16 = 1054;
const NO_TABLE: u16 = 1146;
const TABLE_DENIED: u16 = 1142;
const COLUMN_DENIED: u16 = 1143;
const IDLE_TOO_LONG: u16 = 4031;
const CONNECTION_KILLED: u16 = 1927;

impl ServerFault {
    fn of(fault: &MySqlDatabaseError) -> Self {
        Self::new(fault.number(), fault.code().unwrap_or_default(), fault.message())
    }

    fn new(number: u16, state: &str, message: &str) -> Self {
        // No database, unknown table, column, function or variable, syntax, interrupted, time is up.
        const HARMLESS: [u16; 11] = [1046, 1049, 1054, 1064, 1146, 1176, 1193, 1305, 1317, 1969, 3024];
        Self {
            number,
            state: state.to_owned(),
            message: HARMLESS.contains(&number).then(|| message.to_owned()),
            table: TABLES.into_iter().find(|table| message.contains(table)),
        }
    }

    pub(crate) fn is_denial(&self) -> bool {
        matches!(self.kind(), Kind::Denied(_))
    }

    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.number, NO_TABLE | NO_COLUMN)
    }

    fn kind(&self) -> Kind {
        match self.number {
            TABLE_DENIED | COLUMN_DENIED => {
                Kind::Denied(format!("SELECT on {}", self.table.unwrap_or("the tables it asked")))
            }
            1044 => Kind::Denied("the database is not for this user".to_owned()),
            // User or password; host not allowed or blocked; password expired; account locked, on either server.
            1045 | 1129 | 1130 | 1524 | 1698 | 1820 | 1862 | 3118 | 4151 => {
                Kind::Denied(format!("the login (server error {})", self.number))
            }
            1227 => Kind::Denied("a privilege of the server (server error 1227)".to_owned()),
            // Too many connections: of all, of this user, per hour.
            1040 | 1203 | 1226 => Kind::Overloaded,
            IDLE_TOO_LONG | CONNECTION_KILLED => Kind::Lost,
            // Time is up, interrupted, shutting down, lost on the way, or waiting for a lock.
            3024 | 1969 | 1317 | 1053 | 1158..=1161 | 1205 | 1213 => Kind::Unavailable,
            _ => Kind::Malformed,
        }
    }
}

impl fmt::Display for ServerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server error {} ({})", self.number, self.state)?;
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

/// What a caller does about it.
enum Kind {
    Unavailable,
    Lost,
    Overloaded,
    Malformed,
    Denied(String),
}

impl Cause {
    fn kind(&self) -> Kind {
        match self {
            Self::TooSlow | Self::PoolBusy | Self::Tls(_) | Self::Twice(_) => Kind::Unavailable,
            // The pool tries again and again by itself to connect to a server that refuses.
            Self::NoConnection(cause) if cause.is_refused_connection() => Kind::Unavailable,
            // A login that was refused is that, wherever it happened.
            Self::NoConnection(cause) => match cause.kind() {
                Kind::Malformed => Kind::Unavailable,
                kind => kind,
            },
            Self::Server(fault) => fault.kind(),
            Self::Shared(cause) => cause.kind(),
            Self::Driver(error) => match error {
                sqlx::Error::Io(error) if connection_lost(error.kind()) => Kind::Lost,
                sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Kind::Unavailable,
                // An unknown error of the driver lands here and is seen.
                _ => Kind::Malformed,
            },
            Self::Cell(_) | Self::Wrong(_) | Self::NoCatalog(_) => Kind::Malformed,
        }
    }
}

impl From<QueryError> for SourceError {
    fn from(error: QueryError) -> Self {
        let source_name = NAME.into();
        match error.cause.kind() {
            Kind::Unavailable => Self::Unavailable { source_name, source: error.into() },
            Kind::Lost => Self::Lost { source_name, source: error.into() },
            Kind::Overloaded => Self::Overloaded { source_name },
            Kind::Malformed => Self::Malformed { source_name, expected: error.query.expected(), source: error.into() },
            Kind::Denied(missing) => Self::Denied { source_name, missing },
        }
    }
}

#[cfg(test)]
mod tests {
    use axon_metrics::source::ErrorChain;

    use super::*;

    fn source_error(number: u16, message: &str) -> SourceError {
        Cause::Server(ServerFault::new(number, "42000", message)).during(Query::Attributed).into()
    }

    /// All that a log would print.
    fn chain(error: &SourceError) -> String {
        ErrorChain(error).to_string()
    }

    #[test]
    fn a_denial_names_the_right_that_is_missing_and_nobody() {
        let error = source_error(
            1142,
            "SELECT command denied to user 'axon_ro'@'10.0.0.7' for table 'campaign_activity_entries'",
        );
        assert_eq!(chain(&error), "mysql refused: SELECT on campaign_activity_entries");
        let error = source_error(1045, "Access denied for user 'axon_ro'@'10.0.0.7' (using password: YES)");
        assert_eq!(chain(&error), "mysql refused: the login (server error 1045)");
    }

    #[test]
    fn messages_that_name_hosts_are_kept_back() {
        let error = source_error(1040, "Too many connections");
        assert!(matches!(error, SourceError::Overloaded { .. }), "{error:?}");
        let error = source_error(9999, "something about '10.0.0.7'");
        assert_eq!(
            chain(&error),
            "mysql sent something else than counts and sums of activities: counting rows of activities: server error 9999 (42000)"
        );
    }

    #[test]
    fn a_statement_that_the_server_stopped_is_unavailable() {
        for number in [3024, 1969, 1317] {
            let error = source_error(number, "time is up");
            assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        }
        let refused = Cause::NoConnection(Box::new(Cause::Wrong("nonsense"))).during(Query::Tables).into();
        assert!(matches!(refused, SourceError::Unavailable { .. }), "{refused:?}");
    }

    #[test]
    fn a_connection_that_breaks_is_lost_and_after_two_of_them_it_is_enough() {
        let io = |kind: io::ErrorKind| Cause::Driver(sqlx::Error::Io(kind.into()));
        let source_error = |cause: Cause| SourceError::from(cause.during(Query::Attributed));
        let reset = || io(io::ErrorKind::ConnectionReset);
        for lost in [reset(), io(io::ErrorKind::UnexpectedEof), Cause::NoConnection(Box::new(reset()))] {
            let error = source_error(lost);
            assert!(matches!(error, SourceError::Lost { .. }), "{error:?}");
        }
        let refused = Cause::NoConnection(Box::new(io(io::ErrorKind::ConnectionRefused)));
        for over in [reset().twice(), refused, io(io::ErrorKind::TimedOut)] {
            let error = source_error(over);
            assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        }
    }

    #[test]
    fn what_is_no_answer_to_a_login_is_unavailable() {
        let refused = Cause::NoConnection(Box::new(Cause::Wrong("nonsense"))).during(Query::Tables).into();
        assert!(matches!(refused, SourceError::Unavailable { .. }), "{refused:?}");
    }
}

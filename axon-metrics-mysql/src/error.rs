//! The causes of a failed query, and their conversion to `SourceError`.
//!
//! Causes are logged. Messages of a server can name users and hosts, so only messages known to be harmless are passed
//! on.

use std::{fmt, io, sync::Arc};

use axon_metrics::{
    SourceError,
    source::{TlsFault, connection_lost},
};
use sqlx::mysql::MySqlDatabaseError;

use crate::{NAME, text_row::CellError};

/// A cause, and the query that it ended.
#[derive(Debug, thiserror::Error)]
#[error("{query} failed")]
pub(crate) struct QueryError {
    pub(crate) query: Query,
    #[source]
    pub(crate) cause: Cause,
}

/// The queries of this crate, as errors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Query {
    Catalog,
    /// Steps, and the promotion's sales.
    ByActivity,
    /// Sales without an activity, and of other activities.
    ByProduct,
    /// Sales without an activity over weeks.
    History,
    Schema,
    Health,
}

impl Query {
    fn expected(self) -> &'static str {
        match self {
            Self::Catalog => "campaigns with their activities",
            Self::ByActivity => "counts and sums per activity",
            Self::ByProduct => "sums per product",
            Self::History => "sums per product and time",
            Self::Schema => "tables and columns",
            Self::Health => "newest rows and session settings",
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Catalog => "catalog query",
            Self::ByActivity => "ledger query by activity",
            Self::ByProduct => "ledger query by product",
            Self::History => "history query",
            Self::Schema => "schema probe",
            Self::Health => "health query",
        })
    }
}

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("no answer before the deadline")]
    TooSlow,
    #[error("no connection of the pool was free before the deadline")]
    PoolBusy,
    #[error("connecting failed")]
    NoConnection(#[source] Box<Cause>),
    #[error("{0}")]
    Certificate(TlsFault),
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
    InvalidCatalog(#[from] axon_metrics::catalog::CatalogError),
    /// An idle connection was lost, and the new connection of the one retry, too. It is not retried again.
    #[error("the retry on a new connection failed: {0}")]
    RetryFailed(Box<Cause>),
    /// The cause of a shared task, which several questions report.
    #[error(transparent)]
    Shared(Arc<Cause>),
}

impl Cause {
    /// Whether the connection is lost, so that the query may succeed on another one.
    pub(crate) fn lost_connection(&self) -> bool {
        match self {
            Self::Driver(error) => matches!(error, sqlx::Error::Io(_)),
            Self::Server(fault) => matches!(fault.number, IDLE_TOO_LONG | CONNECTION_KILLED),
            Self::Shared(cause) => cause.lost_connection(),
            _ => false,
        }
    }

    /// The cause after a retry. A second lost connection is not retried by the core either.
    pub(crate) fn after_retry(self) -> Self {
        if matches!(self.kind(), Kind::Lost) { Self::RetryFailed(Box::new(self)) } else { self }
    }

    fn is_refused_connection(&self) -> bool {
        matches!(self, Self::Driver(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Whether the tables, or the rights to read them, differ from the cached schema.
    pub(crate) fn is_schema_mismatch(&self) -> bool {
        matches!(self, Self::Server(fault) if fault.is_absence() || matches!(fault.number, TABLE_DENIED | COLUMN_DENIED))
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
        if let Some(fault) = TlsFault::of(&error) {
            return Self::Certificate(fault);
        }
        match error {
            // The text can name the host.
            sqlx::Error::Tls(error) => Self::Tls(tls_reason(&error.to_string())),
            sqlx::Error::PoolTimedOut => Self::PoolBusy,
            other => Self::Driver(other),
        }
    }
}

/// Why there is no TLS, and what to do, as a harmless sentence. The driver gives a text alone.
fn tls_reason(text: &str) -> &'static str {
    const KNOWN: [(&str, &str); 2] = [
        ("server does not support TLS", "the server does not support TLS: switch it on there, or set another ssl-mode"),
        ("Invalid certificate", "the authority that is given is no certificate (ca_file)"),
    ];
    KNOWN.into_iter().find(|(known, _)| text.contains(known)).map_or("refused", |(_, reason)| reason)
}

/// An error of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerFault {
    pub(crate) number: u16,
    state: String,
    /// Only of errors whose messages name neither users nor hosts.
    message: Option<String>,
    /// The table that the message names, if this crate reads it.
    table: Option<&'static str>,
}

/// The tables that this crate reads. A name that contains another one comes first.
const TABLES: [&str; 4] = ["campaign_activity_entries", "campaign_activities", "campaigns", "purchases"];

/// A privilege of the server is missing.
pub(crate) const NO_PRIVILEGE: u16 = 1227;
pub(crate) const SYNTAX_ERROR: u16 = 1064;
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

    pub(crate) fn new(number: u16, state: &str, message: &str) -> Self {
        // No database; unknown database, table, column, function or variable; syntax; query interrupted; time limit.
        const HARMLESS: [u16; 11] = [1046, 1049, 1054, 1064, 1146, 1176, 1193, 1305, 1317, 1969, 3024];
        Self {
            number,
            state: state.to_owned(),
            message: HARMLESS.contains(&number).then(|| message.to_owned()),
            table: TABLES.into_iter().find(|table| message.contains(table)),
        }
    }

    /// The table that the error is about, if this crate reads it.
    pub(crate) fn table(&self) -> Option<&'static str> {
        self.table
    }

    /// The right that is missing, if the server refused for that.
    pub(crate) fn missing_right(&self) -> Option<String> {
        match self.kind() {
            Kind::Denied(missing) => Some(missing),
            _ => None,
        }
    }

    pub(crate) fn is_absence(&self) -> bool {
        matches!(self.number, NO_TABLE | NO_COLUMN)
    }

    fn kind(&self) -> Kind {
        match self.number {
            TABLE_DENIED | COLUMN_DENIED => Kind::Denied(format!("SELECT on {}", self.table.unwrap_or("a table"))),
            1044 => Kind::Denied("access to the database (server error 1044)".to_owned()),
            // On either server: wrong user or password, host blocked or not allowed, password expired, account locked.
            1045 | 1129 | 1130 | 1524 | 1698 | 1820 | 1862 | 3118 | 4151 => {
                Kind::Denied(format!("the login (server error {})", self.number))
            }
            NO_PRIVILEGE => Kind::Denied("a server privilege (server error 1227)".to_owned()),
            // Too many connections: in all, of this user, or per hour.
            1040 | 1203 | 1226 => Kind::Overloaded,
            IDLE_TOO_LONG | CONNECTION_KILLED => Kind::Lost,
            // Time limit, interrupted, shutting down, network error, lock time-out, deadlock.
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

/// The kind of a failure, by what a caller does about it.
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
            Self::TooSlow | Self::PoolBusy | Self::Certificate(_) | Self::Tls(_) | Self::RetryFailed(_) => {
                Kind::Unavailable
            }
            // Not `Lost`, since the pool itself retries a refused connection.
            Self::NoConnection(cause) if cause.is_refused_connection() => Kind::Unavailable,
            // A denied login and an overloaded server keep their kind.
            Self::NoConnection(cause) => match cause.kind() {
                Kind::Malformed => Kind::Unavailable,
                kind => kind,
            },
            Self::Server(fault) => fault.kind(),
            Self::Shared(cause) => cause.kind(),
            Self::Driver(error) => match error {
                sqlx::Error::Io(error) if connection_lost(error.kind()) => Kind::Lost,
                sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Kind::Unavailable,
                // Unknown errors of the driver too, so that they are noticed.
                _ => Kind::Malformed,
            },
            Self::Cell(_) | Self::Wrong(_) | Self::InvalidCatalog(_) => Kind::Malformed,
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
        Cause::Server(ServerFault::new(number, "42000", message)).during(Query::ByActivity).into()
    }

    /// An error with its causes, as a log prints it.
    fn chain(error: &SourceError) -> String {
        ErrorChain(error).to_string()
    }

    #[test]
    fn a_fault_of_a_certificate_says_what_to_do_and_names_no_host() {
        let sentence = |text: &str| {
            let error = io::Error::new(io::ErrorKind::InvalidData, format!("invalid peer certificate: {text}"));
            let cause = Cause::NoConnection(Box::new(sqlx::Error::Io(error).into()));
            chain(&cause.during(Query::Schema).into())
        };
        let name = r#"certificate not valid for name "db.internal"; certificate is only valid for DnsName("x")"#;
        for (text, expected) in [
            ("UnknownIssuer", "is not trusted: give the authority"),
            ("certificate expired: verification time 1 (UNIX)", "has expired: renew it"),
            (name, "is for another name: use a name that it has"),
            ("certificate not valid yet: verification time 1 (UNIX)", "is not valid yet: compare the clocks"),
            ("BadEncoding", "is invalid: renew it"),
        ] {
            let sentence = sentence(text);
            assert!(sentence.contains(expected) && !sentence.contains("db.internal"), "{sentence}");
        }
    }

    #[test]
    fn a_denial_names_the_missing_right_without_the_user() {
        let error = source_error(
            1142,
            "SELECT command denied to user 'axon_ro'@'10.0.0.7' for table 'campaign_activity_entries'",
        );
        assert_eq!(chain(&error), "mysql refused: SELECT on campaign_activity_entries");
        let error = source_error(1045, "Access denied for user 'axon_ro'@'10.0.0.7' (using password: YES)");
        assert_eq!(chain(&error), "mysql refused: the login (server error 1045)");
    }

    #[test]
    fn absent_or_denied_tables_and_columns_are_a_schema_mismatch() {
        let is_mismatch = |number| Cause::Server(ServerFault::new(number, "42000", "")).is_schema_mismatch();
        assert!([1054, 1146, 1142, 1143].into_iter().all(is_mismatch));
        // No right to the database or the server: the schema cannot be read either.
        assert!(![1044, 1045, 1064, 1227, 3024].into_iter().any(is_mismatch));
    }

    #[test]
    fn messages_that_may_name_hosts_are_left_out() {
        let error = source_error(1040, "Too many connections");
        assert!(matches!(error, SourceError::Overloaded { .. }), "{error:?}");
        let error = source_error(9999, "something about '10.0.0.7'");
        assert_eq!(
            chain(&error),
            "mysql sent something else than counts and sums per activity: ledger query by activity failed: server error 9999 (42000)"
        );
    }

    #[test]
    fn a_statement_stopped_by_the_server_is_unavailable() {
        for number in [3024, 1969, 1317] {
            let error = source_error(number, "time is up");
            assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_broken_connection_is_lost_and_a_failed_retry_is_unavailable() {
        let io = |kind: io::ErrorKind| Cause::Driver(sqlx::Error::Io(kind.into()));
        let source_error = |cause: Cause| SourceError::from(cause.during(Query::ByActivity));
        let reset = || io(io::ErrorKind::ConnectionReset);
        for lost in [reset(), io(io::ErrorKind::UnexpectedEof), Cause::NoConnection(Box::new(reset()))] {
            let error = source_error(lost);
            assert!(matches!(error, SourceError::Lost { .. }), "{error:?}");
        }
        let refused = Cause::NoConnection(Box::new(io(io::ErrorKind::ConnectionRefused)));
        for unavailable in [reset().after_retry(), refused, io(io::ErrorKind::TimedOut)] {
            let error = source_error(unavailable);
            assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_garbled_reply_to_a_login_is_unavailable() {
        let error = Cause::NoConnection(Box::new(Cause::Wrong("nonsense"))).during(Query::Schema).into();
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    }
}

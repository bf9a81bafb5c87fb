//! The two kinds of server, where they differ: how each is spoken to, and both at once.

use std::time::Duration;

/// Which of the two a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    MySql,
    MariaDb,
}

impl Flavor {
    /// By what `VERSION()` says.
    pub(crate) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") { Self::MariaDb } else { Self::MySql }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }

    /// A `SELECT` that the server itself stops after a time.
    pub(crate) fn limited(self, select: &str, limit: Duration) -> String {
        let rest = select.strip_prefix("SELECT ").unwrap_or(select);
        match self {
            // A hint counts for the whole statement, unions included.
            Self::MySql => format!("SELECT /*+ MAX_EXECUTION_TIME({}) */ {rest}", millis(limit)),
            Self::MariaDb => format!("SET STATEMENT max_statement_time = {} FOR SELECT {rest}", seconds(limit)),
        }
    }
}

/// Words for either server, where it is not known yet which one it is: each reads its own, and takes the other's for a comment.
/// One that knows neither is left with nothing, and refuses the statement.
fn either(mysql: &str, mariadb: &str) -> String {
    // MySQL reads what is for 5.7.8 and newer; MariaDB documents that it reads nothing from 50700 to 99999.
    format!("/*!50708 {mysql} *//*M!100101 {mariadb} */")
}

/// What makes a session safe: a limit of time for each statement, and no writes. One trip, on either server.
pub(crate) fn set_up(limit: Duration) -> String {
    let of_mysql = format!("MAX_EXECUTION_TIME = {}", millis(limit));
    let of_mariadb = format!("max_statement_time = {}", seconds(limit));
    format!("SET SESSION {}; SET SESSION TRANSACTION READ ONLY", either(&of_mysql, &of_mariadb))
}

/// The session's own limit, in seconds, and whether it is read-only.
pub(crate) fn session() -> [String; 2] {
    [
        either("@@SESSION.max_execution_time / 1000", "@@SESSION.max_statement_time"),
        either("@@SESSION.transaction_read_only", "@@SESSION.tx_read_only"),
    ]
}

/// Whole milliseconds, at least one: 0 would be no limit.
fn millis(limit: Duration) -> u128 {
    limit.as_millis().clamp(1, u128::from(u32::MAX))
}

/// Seconds with three decimals, at least one thousandth.
fn seconds(limit: Duration) -> String {
    let millis = millis(limit);
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_spelt_in_the_words_of_the_server_and_is_never_none() {
        let limited = |version: &str, ms| Flavor::of(version).limited("SELECT 1", Duration::from_millis(ms));
        assert_eq!(limited("9.7.4", 760), "SELECT /*+ MAX_EXECUTION_TIME(760) */ 1");
        assert_eq!(limited("9.7.4", 0), "SELECT /*+ MAX_EXECUTION_TIME(1) */ 1");
        assert_eq!(limited("10.11.18-MariaDB-0+deb12u1", 760), "SET STATEMENT max_statement_time = 0.760 FOR SELECT 1");
        assert_eq!(limited("10.11.18-MariaDB", 20_005), "SET STATEMENT max_statement_time = 20.005 FOR SELECT 1");
    }

    #[test]
    fn a_session_is_set_up_in_the_words_of_both() {
        assert_eq!(
            set_up(Duration::from_millis(760)),
            "SET SESSION /*!50708 MAX_EXECUTION_TIME = 760 *//*M!100101 max_statement_time = 0.760 */; \
             SET SESSION TRANSACTION READ ONLY"
        );
    }
}

//! The two kinds of server, and the SQL in which they differ: for each kind, and for both in one statement.

use std::time::Duration;

/// The kind of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    MySql,
    MariaDb,
}

impl Flavor {
    /// The kind, from the text of `VERSION()`.
    pub(crate) fn of(version: &str) -> Self {
        if version.to_ascii_lowercase().contains("mariadb") { Self::MariaDb } else { Self::MySql }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }

    /// The `SELECT` with a time limit, after which the server stops it.
    pub(crate) fn limited(self, select: &str, limit: Duration) -> String {
        let rest = select.strip_prefix("SELECT ").unwrap_or(select);
        match self {
            // The hint applies to the whole statement, including unions.
            Self::MySql => format!("SELECT /*+ MAX_EXECUTION_TIME({}) */ {rest}", millis(limit)),
            Self::MariaDb => format!("SET STATEMENT max_statement_time = {} FOR SELECT {rest}", seconds(limit)),
        }
    }
}

/// SQL for a server of unknown kind. Each kind executes its own text and takes the other one for a comment. A server of
/// neither kind executes nothing of it.
fn either(mysql: &str, mariadb: &str) -> String {
    // `50708`: MySQL from 5.7.8 on. MariaDB ignores versions from 50700 to 99999, as it documents.
    format!("/*!50708 {mysql} *//*M!100101 {mariadb} */")
}

/// The SQL mode of a session: none of the modes that change the meaning of a statement.
const SQL_MODE: &str = "NO_ENGINE_SUBSTITUTION";
/// The largest number of rows or combinations of rows, which stands for no limit.
const UNLIMITED: &str = "18446744073709551615";

/// The statement that sets up a session: a time limit for each statement, read-only, and everything that a session inherits
/// from the server and that could change an answer. One round trip, on either kind of server.
///
/// What each setting could change is a table in the readme.
pub(crate) fn set_up(limit: Duration) -> String {
    let mysql = format!("MAX_EXECUTION_TIME = {}", millis(limit));
    let mariadb = format!("max_statement_time = {}", seconds(limit));
    let limit = either(&mysql, &mariadb);
    format!(
        "SET SESSION {limit}/*M!100304 , old_mode = '', system_versioning_asof = DEFAULT */, sql_mode = '{SQL_MODE}', time_zone = '+00:00', autocommit = 1, completion_type = 0, \
         sql_auto_is_null = 0, sql_safe_updates = 0, max_join_size = {UNLIMITED}, sql_big_selects = 1, \
         sql_select_limit = {UNLIMITED}, group_concat_max_len = 1048576, div_precision_increment = 4, \
         max_sort_length = 1024, lc_time_names = 'en_US', NAMES utf8mb4 COLLATE utf8mb4_bin; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY"
    )
}

/// SQL for the session's statement limit in seconds (0: none), for whether it is read-only, and for whether it has the
/// settings of [`set_up`].
pub(crate) fn session() -> [String; 3] {
    [
        either("@@SESSION.max_execution_time / 1000", "@@SESSION.max_statement_time"),
        either("@@SESSION.transaction_read_only", "@@SESSION.tx_read_only"),
        format!(
            "@@SESSION.sql_mode = '{SQL_MODE}' AND @@SESSION.sql_select_limit = {UNLIMITED} AND @@SESSION.autocommit = 1"
        ),
    ]
}

/// Whole milliseconds, at least 1, since 0 means no limit.
fn millis(limit: Duration) -> u128 {
    limit.as_millis().clamp(1, u128::from(u32::MAX))
}

/// Seconds with three decimals, at least 0.001.
fn seconds(limit: Duration) -> String {
    let millis = millis(limit);
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_written_in_the_sql_of_the_server_and_never_zero() {
        let limited = |version: &str, ms| Flavor::of(version).limited("SELECT 1", Duration::from_millis(ms));
        assert_eq!(limited("9.7.4", 760), "SELECT /*+ MAX_EXECUTION_TIME(760) */ 1");
        assert_eq!(limited("9.7.4", 0), "SELECT /*+ MAX_EXECUTION_TIME(1) */ 1");
        assert_eq!(limited("10.11.18-MariaDB-0+deb12u1", 760), "SET STATEMENT max_statement_time = 0.760 FOR SELECT 1");
        assert_eq!(limited("10.11.18-MariaDB", 20_005), "SET STATEMENT max_statement_time = 20.005 FOR SELECT 1");
    }

    #[test]
    fn a_session_is_set_up_by_one_statement_for_both_kinds() {
        let statements = set_up(Duration::from_millis(760));
        let limit = "SET SESSION /*!50708 MAX_EXECUTION_TIME = 760 *//*M!100101 max_statement_time = 0.760 */";
        assert!(statements.starts_with(limit), "{statements}");
        assert!(statements.ends_with("; SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY"));
        assert_eq!(statements.matches(';').count(), 1, "{statements}");
    }
}

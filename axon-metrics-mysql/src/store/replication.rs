//! Whether a server is a replica, and how far it is behind its source.
//! Lives here: reading the reply, which names its columns as the server's version does. Lives elsewhere: when it is asked
//! (`ledger::store_check`).

use chrono::TimeDelta;
use tokio::time::Instant;

use super::{Store, flavor::Flavor};
use crate::{
    error::{Cause, NO_PRIVILEGE, SYNTAX_ERROR},
    text_row::TextRow,
};

/// How a server stands to its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replication {
    /// It is no replica.
    None,
    /// It applies what it receives. `None`: it does not say how far it is behind.
    Running { behind: Option<TimeDelta> },
    /// It receives nothing, or applies nothing.
    Stopped { receives: bool, applies: bool },
    /// The user may not see it.
    NotVisible,
    /// It could not be read.
    Unknown(String),
}

impl Replication {
    /// Asks the server, within this time.
    pub(crate) async fn read(store: &Store, flavor: Flavor, deadline: Instant) -> Self {
        let statements: &[&str] = match flavor {
            // Before 8.0.22 it has the old name only.
            Flavor::MySql => &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"],
            // All connections to sources, and not only the unnamed one.
            Flavor::MariaDb => &["SHOW ALL SLAVES STATUS"],
        };
        let mut result = Self::None;
        for statement in statements {
            result = match store.ask_named(statement, deadline).await {
                Ok(rows) => return Self::of(&rows),
                Err(Cause::Server(fault)) if fault.number == NO_PRIVILEGE => return Self::NotVisible,
                Err(Cause::Server(fault)) if fault.number == SYNTAX_ERROR => Self::Unknown(fault.to_string()),
                Err(cause) => return Self::Unknown(cause.to_string()),
            };
        }
        result
    }

    /// From one row for each source, of which the worst counts.
    fn of(rows: &[TextRow]) -> Self {
        rows.iter().map(Self::of_source).max_by_key(Self::severity).unwrap_or(Self::None)
    }

    fn of_source(row: &TextRow) -> Self {
        // `Replica_IO_Running` or `Slave_IO_Running`, `Seconds_Behind_Source` or `Seconds_Behind_Master`.
        let find = |is_it: &dyn Fn(&str) -> bool| row.named().find(|(name, _)| is_it(name)).and_then(|(_, text)| text);
        let runs =
            |suffix: &str| find(&|name| name.ends_with(suffix)).is_some_and(|text| text.eq_ignore_ascii_case("yes"));
        let (receives, applies) = (runs("_IO_Running"), runs("_SQL_Running"));
        if !receives || !applies {
            return Self::Stopped { receives, applies };
        }
        let seconds = find(&|name| name.starts_with("Seconds_Behind_")).and_then(|text| text.parse().ok());
        Self::Running { behind: seconds.and_then(TimeDelta::try_seconds) }
    }

    fn severity(&self) -> (u8, TimeDelta) {
        match self {
            Self::None | Self::NotVisible | Self::Unknown(_) => (0, TimeDelta::zero()),
            Self::Running { behind } => (1, behind.unwrap_or_default()),
            Self::Stopped { .. } => (2, TimeDelta::zero()),
        }
    }

    /// How far the server is behind, as far as it says.
    pub(crate) fn lag(&self) -> TimeDelta {
        match self {
            Self::Running { behind } => behind.unwrap_or_default().max(TimeDelta::zero()),
            _ => TimeDelta::zero(),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }

    /// The finding for a health report.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::None => "no replica".to_owned(),
            Self::Running { behind: Some(behind) } => {
                format!("a replica, {} s behind its source", behind.num_seconds())
            }
            Self::Running { behind: None } => {
                "a replica, which does not say how far it is behind its source".to_owned()
            }
            Self::Stopped { .. } => self.problem().unwrap_or_default(),
            Self::NotVisible => "not visible to this user. If the server is a replica, grant what \
                 docs/operate/rights.md says, since figures do not tell how old they are"
                .to_owned(),
            Self::Unknown(why) => format!("not checked: {why}"),
        }
    }

    /// What is wrong, and what to do.
    pub(crate) fn problem(&self) -> Option<String> {
        let Self::Stopped { receives, applies } = self else { return None };
        let what = match (receives, applies) {
            (false, false) => "receives and applies nothing",
            (false, true) => "receives nothing from its source",
            _ => "applies nothing of what it receives",
        };
        Some(format!("the server is a replica that has stopped: it {what}. See its replica status, and start it again"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(names: [&str; 3], values: [&str; 3]) -> TextRow {
        let cells: Vec<&str> = names.into_iter().zip(values).flat_map(|(name, value)| [name, value]).collect();
        TextRow::of(&[&["Replica_IO_State", "Waiting", "Slave_SQL_Running_State", "x"][..], &cells[..]].concat())
    }

    fn of(values: [&str; 3]) -> Replication {
        let mysql = row(["Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"], values);
        let mariadb = row(["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"], values);
        let replication = Replication::of(&[mysql]);
        assert_eq!(replication, Replication::of(&[mariadb]));
        replication
    }

    #[test]
    fn a_running_replica_says_how_far_it_is_behind() {
        let running = of(["Yes", "Yes", "40"]);
        assert_eq!((running.lag(), running.is_stopped()), (TimeDelta::seconds(40), false));
        assert_eq!(running.describe(), "a replica, 40 s behind its source");
        assert_eq!(of(["Yes", "Yes", "NULL"]), Replication::Running { behind: None });
        assert_eq!(Replication::of(&[]), Replication::None);
    }

    #[test]
    fn a_replica_without_one_of_its_threads_has_stopped() {
        for (values, text) in [
            (["Yes", "No", "NULL"], "applies nothing of what it receives"),
            (["Connecting", "Yes", "NULL"], "receives nothing from its source"),
            (["No", "No", "NULL"], "receives and applies nothing"),
        ] {
            let stopped = of(values);
            assert!(stopped.is_stopped() && stopped.describe().contains(text), "{stopped:?}");
        }
    }

    #[test]
    fn of_several_sources_the_worst_counts() {
        let names = ["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"];
        let source = |values| row(names, values);
        let rows = [source(["Yes", "Yes", "1"]), source(["Yes", "Yes", "90"]), source(["Yes", "Yes", "2"])];
        assert_eq!(Replication::of(&rows).lag(), TimeDelta::seconds(90));
        let rows = [source(["Yes", "No", "NULL"]), source(["Yes", "Yes", "90"])];
        assert!(Replication::of(&rows).is_stopped());
    }
}

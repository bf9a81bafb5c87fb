//! The names of statuses: which of them count, which do not, and which are unknown. Pure.
//! Lives here: the lists of names, and the SQL that tells them apart. Lives elsewhere: setting them (`options`).
//!
//! Names are compared without case, and without white space around them.

use crate::sql_literals::NameLiteral;

/// The names of statuses of purchases, or of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statuses {
    /// The row counts.
    counted: Names,
    /// The row was taken back: cancelled and refunded purchases. None of entries.
    cancelled: Names,
    refunded: Names,
    /// The row is known not to count.
    ignored: Names,
}

/// Normalised names, each once.
type Names = Vec<String>;

/// A list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameList {
    Counted,
    Cancelled,
    Refunded,
    Ignored,
}

/// What a row is, by its status alone. Its number stands in the statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusKind {
    Unknown = 0,
    Counted = 1,
    Reversed = 2,
    Ignored = 3,
}

impl StatusKind {
    pub(crate) fn number(self) -> u8 {
        self as u8
    }
}

impl Statuses {
    /// `CONFIRMED`, `CANCELLED` and `REFUNDED`.
    pub(crate) fn of_purchases() -> Self {
        Self {
            counted: names(["CONFIRMED"]),
            cancelled: names(["CANCELLED"]),
            refunded: names(["REFUNDED"]),
            ignored: Names::new(),
        }
    }

    /// `APPROVED`, and three that do not count.
    pub(crate) fn of_entries() -> Self {
        let ignored = names(["PENDING", "REJECTED", "DUPLICATED"]);
        Self { counted: names(["APPROVED"]), cancelled: Names::new(), refunded: Names::new(), ignored }
    }

    pub(crate) fn set<T: Into<String>>(&mut self, list: NameList, texts: impl IntoIterator<Item = T>) {
        let list = match list {
            NameList::Counted => &mut self.counted,
            NameList::Cancelled => &mut self.cancelled,
            NameList::Refunded => &mut self.refunded,
            NameList::Ignored => &mut self.ignored,
        };
        *list = names(texts);
    }

    /// All names, of which the first list that has one decides.
    fn lists(&self) -> [(StatusKind, Names); 3] {
        let reversed = [&self.cancelled[..], &self.refunded[..]].concat();
        [
            (StatusKind::Counted, self.counted.clone()),
            (StatusKind::Reversed, reversed),
            (StatusKind::Ignored, self.ignored.clone()),
        ]
    }

    /// The names in a list of a statement, to find rows by an index; `None` without any.
    pub(crate) fn all_names(&self) -> Option<String> {
        let names: Names = self.lists().into_iter().flat_map(|(_, names)| names).collect();
        (!names.is_empty()).then(|| literals(&names))
    }

    /// SQL for the number of the [`StatusKind`] of a text.
    pub(crate) fn kind(&self, text: &str) -> String {
        // Nearly all rows have an exact name, which is found without a change of case.
        let exact = format!("CAST({text} AS BINARY)");
        let folded = format!("CAST(UPPER({}) AS BINARY)", trimmed(text));
        let mut sql = "CASE".to_owned();
        for expression in [exact, folded] {
            for (kind, names) in self.lists() {
                if !names.is_empty() {
                    sql.push_str(&format!(" WHEN {expression} IN ({}) THEN {}", bytes(&names), kind.number()));
                }
            }
        }
        // A `CASE` without any `WHEN` is no expression.
        if sql.len() == "CASE".len() {
            return StatusKind::Unknown.number().to_string();
        }
        sql.push_str(&format!(" ELSE {} END", StatusKind::Unknown.number()));
        sql
    }

    /// The lists as a text, for the definition of a source.
    pub(crate) fn describe(&self) -> String {
        let Self { counted, cancelled, refunded, ignored } = self;
        format!("{counted:?}/{cancelled:?}/{refunded:?}/{ignored:?}")
    }
}

/// SQL for a text without the white space around it.
pub(crate) fn trimmed(text: &str) -> String {
    let blank = |text: String, byte: &str| format!("REPLACE({text}, _utf8mb4 X'{byte}', _utf8mb4 X'20')");
    format!("TRIM({})", ["09", "0A", "0D"].into_iter().fold(text.to_owned(), blank))
}

fn names<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Names {
    let mut names = Names::new();
    for text in texts {
        let name = text.into().trim().to_uppercase();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn literals(names: &[String]) -> String {
    names.iter().map(|name| NameLiteral(name).to_string()).collect::<Vec<_>>().join(", ")
}

/// The same as bytes, so that no collation decides.
fn bytes(names: &[String]) -> String {
    let bytes = |name: &String| format!("CAST({} AS BINARY)", NameLiteral(name));
    names.iter().map(bytes).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_compared_without_case() {
        let mut statuses = Statuses::of_purchases();
        statuses.set(NameList::Counted, [" confirmed ", "Paid", "PAID", ""]);
        assert_eq!(statuses.all_names().as_deref(), Some("'CONFIRMED', 'PAID', 'CANCELLED', 'REFUNDED'"));
        let sql = statuses.kind("s");
        assert!(sql.starts_with(
            "CASE WHEN CAST(s AS BINARY) IN (CAST('CONFIRMED' AS BINARY), CAST('PAID' AS BINARY)) THEN 1"
        ));
        assert!(sql.contains("CAST(UPPER(TRIM(") && sql.ends_with("ELSE 0 END"), "{sql}");
    }

    #[test]
    fn without_names_every_status_is_unknown() {
        let mut statuses = Statuses::of_entries();
        statuses.set(NameList::Counted, Vec::<String>::new());
        statuses.set(NameList::Ignored, Vec::<String>::new());
        assert_eq!((statuses.kind("s").as_str(), statuses.all_names()), ("0", None));
    }

    #[test]
    fn other_names_are_another_definition() {
        let mut statuses = Statuses::of_purchases();
        assert_eq!(statuses, Statuses::of_purchases());
        statuses.set(NameList::Counted, ["confirmed"]);
        assert_eq!(statuses, Statuses::of_purchases());
        statuses.set(NameList::Ignored, ["PENDING"]);
        assert_ne!(statuses.describe(), Statuses::of_purchases().describe());
    }
}

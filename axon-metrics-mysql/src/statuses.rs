//! SQL that tells the statuses of rows apart, by their names. Pure.
//! Lives elsewhere: the names, and what they mean (`axon_metrics::definitions::StatusNames`), setting them (`options`).
//!
//! Names are compared without case, and without white space around them.

use axon_metrics::definitions::{StatusKind, StatusNames};

use crate::sql_literals::NameLiteral;

/// The number of a kind in the statements.
pub(crate) fn number(kind: StatusKind) -> u8 {
    match kind {
        StatusKind::Unknown => 0,
        StatusKind::Counted => 1,
        StatusKind::Reversed => 2,
        StatusKind::Ignored => 3,
    }
}

/// All names in a list of a statement, to find rows by an index; `None` without any.
pub(crate) fn all_names(names: &StatusNames) -> Option<String> {
    let literals = names.lists().into_iter().flat_map(|(_, names)| names).map(|name| NameLiteral(name).to_string());
    let literals: Vec<String> = literals.collect();
    (!literals.is_empty()).then(|| literals.join(", "))
}

/// SQL for the number of the kind of a text.
pub(crate) fn kind(names: &StatusNames, text: &str) -> String {
    // Nearly all rows have an exact name, which is found without a change of case.
    let exact = format!("CAST({text} AS BINARY)");
    let folded = format!("CAST(UPPER({}) AS BINARY)", trimmed(text));
    let mut sql = "CASE".to_owned();
    for expression in [exact, folded] {
        for (kind, names) in names.lists() {
            if !names.is_empty() {
                sql.push_str(&format!(" WHEN {expression} IN ({}) THEN {}", bytes(names), number(kind)));
            }
        }
    }
    // A `CASE` without any `WHEN` is no expression.
    if sql.len() == "CASE".len() {
        return number(StatusKind::Unknown).to_string();
    }
    sql.push_str(&format!(" ELSE {} END", number(StatusKind::Unknown)));
    sql
}

/// SQL for a text without the white space around it.
pub(crate) fn trimmed(text: &str) -> String {
    let blank = |text: String, byte: &str| format!("REPLACE({text}, _utf8mb4 X'{byte}', _utf8mb4 X'20')");
    format!("TRIM({})", ["09", "0A", "0D"].into_iter().fold(text.to_owned(), blank))
}

/// A list of names as bytes, so that no collation decides.
pub(crate) fn bytes<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let bytes = |name: &str| format!("CAST({} AS BINARY)", NameLiteral(name));
    names.into_iter().map(bytes).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_bytes_first_as_they_are_and_then_without_case() {
        let names = StatusNames::of_purchases().with_counted([" confirmed ", "Paid", "PAID", ""]);
        assert_eq!(all_names(&names).as_deref(), Some("'CONFIRMED', 'PAID', 'CANCELLED', 'REFUNDED'"));
        let sql = kind(&names, "s");
        assert!(sql.starts_with(
            "CASE WHEN CAST(s AS BINARY) IN (CAST('CONFIRMED' AS BINARY), CAST('PAID' AS BINARY)) THEN 1"
        ));
        assert!(sql.contains("CAST(UPPER(TRIM(") && sql.ends_with("ELSE 0 END"), "{sql}");
    }

    #[test]
    fn without_names_every_status_is_unknown() {
        let nothing: [&str; 0] = [];
        let names = StatusNames::of_entries().with_counted(nothing).with_ignored(nothing);
        assert_eq!((kind(&names, "s").as_str(), all_names(&names)), ("0", None));
    }
}

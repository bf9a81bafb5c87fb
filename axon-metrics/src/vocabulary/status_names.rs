//! The names of statuses of rows of the ledger: which of them count, which do not, and which are unknown.
//! Lives elsewhere: setting them (the options of each store).

use std::fmt;

/// What a row of the ledger is, by its status alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusKind {
    /// Its status is in no list: it is not known whether it counts.
    Unknown,
    /// It counts: an approved entry, or a confirmed purchase.
    Counted,
    /// It was taken back: a cancelled or refunded purchase.
    Reversed,
    /// It is known not to count.
    Ignored,
}

/// The names of statuses of purchases, or of entries. Names are compared without case, and without white space around
/// them. If a name is in several lists, the first one decides.
/// ```
/// use axon_metrics::definitions::{StatusKind, StatusNames};
/// let names = StatusNames::of_purchases().with_counted(["CONFIRMED", "PAID"]).with_ignored(["PENDING"]);
/// assert_eq!(names.kind(" paid "), StatusKind::Counted);
/// assert_eq!(names.kind("LOST"), StatusKind::Unknown);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusNames {
    counted: Names,
    cancelled: Names,
    refunded: Names,
    ignored: Names,
}

/// Names in upper case without white space around them, each once.
type Names = Vec<String>;

impl StatusNames {
    /// `CONFIRMED`, `CANCELLED` and `REFUNDED`.
    pub fn of_purchases() -> Self {
        Self {
            counted: names(["CONFIRMED"]),
            cancelled: names(["CANCELLED"]),
            refunded: names(["REFUNDED"]),
            ignored: Names::new(),
        }
    }

    /// `APPROVED`; and `PENDING`, `REJECTED` and `DUPLICATED`, which do not count.
    pub fn of_entries() -> Self {
        let ignored = names(["PENDING", "REJECTED", "DUPLICATED"]);
        Self { counted: names(["APPROVED"]), cancelled: Names::new(), refunded: Names::new(), ignored }
    }

    /// Sets the statuses of rows that count.
    #[must_use]
    pub fn with_counted<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        Self { counted: names(texts), ..self }
    }

    /// Sets the statuses of cancelled rows.
    #[must_use]
    pub fn with_cancelled<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        Self { cancelled: names(texts), ..self }
    }

    /// Sets the statuses of refunded rows.
    #[must_use]
    pub fn with_refunded<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        Self { refunded: names(texts), ..self }
    }

    /// Sets the statuses of rows that are known not to count.
    #[must_use]
    pub fn with_ignored<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Self {
        Self { ignored: names(texts), ..self }
    }

    /// What a row with this status is.
    pub fn kind(&self, status: &str) -> StatusKind {
        // Nearly all rows have an exact name, which is found without a change of case.
        self.find(status).or_else(|| self.find(&status.trim().to_uppercase())).unwrap_or(StatusKind::Unknown)
    }

    fn find(&self, name: &str) -> Option<StatusKind> {
        let has = |names: &Names| names.iter().any(|one| one == name);
        if has(&self.counted) {
            Some(StatusKind::Counted)
        } else if has(&self.cancelled) || has(&self.refunded) {
            Some(StatusKind::Reversed)
        } else if has(&self.ignored) {
            Some(StatusKind::Ignored)
        } else {
            None
        }
    }

    /// The lists in the order in which they decide, each with what its rows are. Names are in upper case, without white
    /// space around them. A list may be empty.
    pub fn lists(&self) -> [(StatusKind, Vec<&str>); 3] {
        fn list<'a>(kind: StatusKind, names: impl Iterator<Item = &'a String>) -> (StatusKind, Vec<&'a str>) {
            (kind, names.map(String::as_str).collect())
        }
        [
            list(StatusKind::Counted, self.counted.iter()),
            list(StatusKind::Reversed, self.cancelled.iter().chain(&self.refunded)),
            list(StatusKind::Ignored, self.ignored.iter()),
        ]
    }
}

/// The four lists: counted, cancelled, refunded, ignored (`["PAID"]/["CANCELLED"]/["REFUNDED"]/[]`).
impl fmt::Display for StatusNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counted, cancelled, refunded, ignored } = self;
        write!(f, "{counted:?}/{cancelled:?}/{refunded:?}/{ignored:?}")
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_white_space() {
        let names = StatusNames::of_purchases().with_counted([" confirmed ", "Paid", "PAID", ""]);
        for status in ["CONFIRMED", "confirmed", " Confirmed\r\n", "paid", "PAID\t"] {
            assert_eq!(names.kind(status), StatusKind::Counted, "{status:?}");
        }
        assert_eq!((names.kind("Cancelled"), names.kind("refunded")), (StatusKind::Reversed, StatusKind::Reversed));
        for status in ["", " ", "PAID2", "PENDING", "1"] {
            assert_eq!(names.kind(status), StatusKind::Unknown, "{status:?}");
        }
        assert_eq!(names.lists()[0], (StatusKind::Counted, vec!["CONFIRMED", "PAID"]));
        assert_eq!(names.lists()[1], (StatusKind::Reversed, vec!["CANCELLED", "REFUNDED"]));
    }

    #[test]
    fn the_first_list_that_has_a_name_decides() {
        let names = StatusNames::of_entries().with_ignored(["approved", "LOST"]);
        assert_eq!((names.kind("APPROVED"), names.kind("lost")), (StatusKind::Counted, StatusKind::Ignored));
        assert_eq!(names.kind("PENDING"), StatusKind::Unknown);
        let nothing: [&str; 0] = [];
        assert_eq!(StatusNames::of_entries().with_counted(nothing).kind("APPROVED"), StatusKind::Unknown);
    }

    #[test]
    fn the_same_names_are_the_same_text() {
        let usual = StatusNames::of_purchases();
        assert_eq!(usual.clone().with_counted(["confirmed"]), usual);
        assert_eq!(usual.with_counted(["paid"]).to_string(), r#"["PAID"]/["CANCELLED"]/["REFUNDED"]/[]"#);
    }
}

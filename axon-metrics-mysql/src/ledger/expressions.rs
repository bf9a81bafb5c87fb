//! SQL for the values of a row, by the types of its columns. Pure.
//! Lives here: the activity, the person, price, quantity and class of a row. Lives elsewhere: the types that a column may
//! have (`store::columns`), the statements (`statement`).

use axon_metrics::definitions::{AnonymousUsers, StatusKind};

use crate::{
    options::MySqlOptions,
    sql_literals::IdList,
    statuses::{self, trimmed},
    store::{
        columns::{ColumnType, Columns},
        schema::{ENTRIES, PURCHASES, Schema},
    },
};

/// What a row is, by its status and its amounts. Its number stands in the statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowClass {
    /// Its status is none that the settings name.
    Unknown,
    /// It counts: an approved entry or an order.
    Counted,
    /// It is cancelled or refunded.
    Reversed,
    /// Its status is known not to count.
    Ignored,
    /// Exactly one of price and quantity is negative: it gives money back, and is no order.
    Refund,
    /// It would be an order, but its quantity is missing or no whole number, or both amounts are negative.
    BadAmount,
}

impl RowClass {
    const ALL: [Self; 6] = [Self::Unknown, Self::Counted, Self::Reversed, Self::Ignored, Self::Refund, Self::BadAmount];

    fn number(self) -> usize {
        // The first ones are those of the kinds of a status.
        Self::ALL.iter().position(|class| *class == self).unwrap_or_default()
    }

    pub(super) fn of(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number)).copied()
    }
}

/// A decimal number of 0 or below.
const ZERO_OR_BELOW: &str = "^(-[0-9]+([.][0-9]*)?|0+([.]0*)?)$";

/// The activity, or -1 without one. The expression hides the column from the optimiser: see `Text::by_product`.
pub(super) fn activity(columns: &Columns, table: &str) -> String {
    const COLUMN: &str = "campaign_activity_id";
    match columns.type_of(table, COLUMN) {
        None | Some(ColumnType::Integer) => format!("COALESCE({COLUMN}, -1)"),
        Some(ColumnType::Text | ColumnType::Bytes) => {
            format!("COALESCE(CAST(NULLIF(TRIM({COLUMN}), '') AS SIGNED), -1)")
        }
        Some(_) => format!("COALESCE(CAST({COLUMN} AS SIGNED), -1)"),
    }
}

/// The condition that an id column is one of these.
pub(super) fn id_is_one_of(columns: &Columns, table: &str, column: &str, ids: impl Iterator<Item = u64>) -> IdList {
    match columns.type_of(table, column) {
        Some(ColumnType::Text | ColumnType::Bytes) => IdList::new(column, ids).with_texts(true),
        Some(ColumnType::Bit) => IdList::new(format!("({column} + 0)"), ids),
        _ => IdList::new(column, ids),
    }
}

/// The person, or NULL for a row that names nobody: without a user, or with an id of 0 or below, or with a word that
/// stands for nobody. Texts are bytes, so that no collation makes two persons one.
pub(super) fn subject(columns: &Columns, table: &str, anonymous: &AnonymousUsers) -> String {
    match columns.type_of(table, "user_id") {
        Some(ColumnType::Text) => {
            let text = trimmed("CONVERT(user_id USING utf8mb4)");
            let names = match anonymous.texts() {
                [] => String::new(),
                texts => {
                    let names = statuses::bytes(texts.iter().map(String::as_str));
                    format!("AND CAST(LOWER({text}) AS BINARY) NOT IN ({names}) ")
                }
            };
            format!(
                "CASE WHEN LENGTH({text}) > 0 {names}AND {text} NOT REGEXP '{ZERO_OR_BELOW}' \
                 THEN CAST({text} AS BINARY) END"
            )
        }
        Some(ColumnType::Bytes) => "CASE WHEN LENGTH(user_id) > 0 THEN user_id END".to_owned(),
        Some(ColumnType::Bit) => "CASE WHEN user_id + 0 > 0 THEN user_id + 0 END".to_owned(),
        _ => "CASE WHEN user_id > 0 THEN user_id END".to_owned(),
    }
}

/// The price of one unit as an exact decimal, or NULL where there is none.
pub(super) fn price(columns: &Columns) -> String {
    match columns.type_of(PURCHASES, "price") {
        // As a decimal, so that the product with the quantity cannot overflow.
        Some(ColumnType::Integer) => "CAST(price AS DECIMAL(20, 0))".to_owned(),
        Some(ColumnType::Double | ColumnType::Text | ColumnType::Bytes) => {
            let text = trimmed("CONVERT(price USING utf8mb4)");
            let form = "^[-+]?([0-9]{1,28}([.][0-9]{0,10})?|[.][0-9]{1,10})$";
            format!("CASE WHEN {text} REGEXP '{form}' THEN CAST({text} AS DECIMAL(38, 10)) END")
        }
        _ => "price".to_owned(),
    }
}

/// The units as a whole number, or NULL where there is none.
pub(super) fn quantity(columns: &Columns) -> String {
    match columns.type_of(PURCHASES, "quantity") {
        Some(ColumnType::Bit) => "(quantity + 0)".to_owned(),
        Some(ColumnType::Decimal | ColumnType::Double | ColumnType::Float) => {
            "CASE WHEN quantity = FLOOR(quantity) THEN CAST(quantity AS DECIMAL(20, 0)) END".to_owned()
        }
        Some(ColumnType::Text | ColumnType::Bytes) => {
            let text = trimmed("CONVERT(quantity USING utf8mb4)");
            format!("CASE WHEN {text} REGEXP '^[-+]?[0-9]{{1,18}}([.]0*)?$' THEN CAST({text} AS DECIMAL(20, 0)) END")
        }
        _ => "quantity".to_owned(),
    }
}

/// The class of a purchase.
///
/// Nearly all rows have an exact status and amounts of 0 and above, and are decided by the first comparisons.
pub(super) fn class_of_purchase(schema: &Schema, options: &MySqlOptions) -> String {
    let (price, quantity) = (price(&schema.columns), quantity(&schema.columns));
    let kind = match schema.status.is_present() {
        true => statuses::kind(&options.purchase_statuses, &status_text(&schema.columns, PURCHASES)),
        false => statuses::number(StatusKind::Counted).to_string(),
    };
    format!(
        "CASE WHEN {kind} = {reversed} THEN {reversed} \
         WHEN ({price} < 0) <> ({quantity} < 0) THEN {refund} \
         WHEN {quantity} IS NULL OR {quantity} < 0 THEN CASE {kind} WHEN {counted} THEN {bad} ELSE {kind} END \
         ELSE {kind} END",
        reversed = RowClass::Reversed.number(),
        refund = RowClass::Refund.number(),
        counted = RowClass::Counted.number(),
        bad = RowClass::BadAmount.number(),
    )
}

/// The class of an entry.
pub(super) fn class_of_entry(schema: &Schema, options: &MySqlOptions) -> String {
    statuses::kind(&options.entry_statuses, &status_text(&schema.columns, ENTRIES))
}

/// The status as a text, whatever the type of the column.
fn status_text(columns: &Columns, table: &str) -> String {
    match columns.type_of(table, "status") {
        Some(ColumnType::Bytes) => "CONVERT(TRIM(TRAILING X'00' FROM status) USING utf8mb4)".to_owned(),
        Some(ColumnType::Bit) => "CONVERT(status + 0 USING utf8mb4)".to_owned(),
        _ => "CONVERT(status USING utf8mb4)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_classes_are_the_kinds_of_a_status() {
        let pairs = [
            (StatusKind::Unknown, RowClass::Unknown),
            (StatusKind::Counted, RowClass::Counted),
            (StatusKind::Reversed, RowClass::Reversed),
            (StatusKind::Ignored, RowClass::Ignored),
        ];
        for (kind, class) in pairs {
            assert_eq!(usize::from(statuses::number(kind)), class.number());
            assert_eq!(RowClass::of(statuses::number(kind).into()), Some(class));
        }
        assert_eq!(RowClass::of(6), None);
    }

    #[test]
    fn a_column_of_the_platforms_type_is_read_as_it_is() {
        let columns = Columns::default();
        assert_eq!((price(&columns).as_str(), quantity(&columns).as_str()), ("price", "quantity"));
        assert_eq!(activity(&columns, PURCHASES), "COALESCE(campaign_activity_id, -1)");
        let anonymous = AnonymousUsers::default();
        assert_eq!(subject(&columns, PURCHASES, &anonymous), "CASE WHEN user_id > 0 THEN user_id END");
    }
}

//! The columns of our tables and their types: which types a column may have. Pure.
//! Lives here: the types, and the sentence about a column of another one. Lives elsewhere: reading the listing
//! (`schema`), the SQL for each type (`ledger::expressions`).

use super::tables::{ACTIVITIES, CAMPAIGNS, ENTRIES, PURCHASES};

/// The columns of our tables: table, column and type, in lower case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns(Vec<[String; 3]>);

/// The type of a column, as far as it decides how the column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Integer,
    Decimal,
    /// Whole numbers up to 2^53, and decimals of up to 15 digits, are exact.
    Double,
    /// Only 6 digits are exact.
    Float,
    Bit,
    /// Also enumerations and sets.
    Text,
    Bytes,
    Date,
    DateTime,
    Timestamp,
    Other,
}

use ColumnType::{Bit, Bytes, Date, DateTime, Decimal, Double, Float, Integer, Text, Timestamp};

/// What is read from a column.
#[derive(Debug, Clone, Copy)]
enum Role {
    Id,
    User,
    Money,
    Quantity,
    Status,
    Time,
    Day,
    Name,
    Limit,
}

impl Role {
    /// The types that hold such values without loss.
    fn types(self) -> &'static [ColumnType] {
        match self {
            Self::Id => &[Integer, Decimal, Double, Bit, Text, Bytes],
            Self::User => &[Integer, Decimal, Double, Bit, Text, Bytes],
            Self::Money => &[Integer, Decimal, Double, Text, Bytes],
            Self::Quantity => &[Integer, Decimal, Double, Float, Bit, Text, Bytes],
            Self::Status => &[Integer, Decimal, Bit, Text, Bytes],
            Self::Time => &[DateTime, Timestamp],
            Self::Day => &[DateTime, Timestamp, Date, Text, Bytes],
            Self::Name => &[Text, Bytes, Integer],
            Self::Limit => &[Integer, Decimal, Double, Text, Bytes],
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Id => "make it BIGINT",
            Self::User => "make it BIGINT or VARCHAR",
            Self::Money => "make it DECIMAL",
            Self::Quantity => "make it INT",
            Self::Status | Self::Name => "make it VARCHAR",
            Self::Time | Self::Day => "make it DATETIME(6)",
            Self::Limit => "make it INT",
        }
    }
}

/// The columns that are read, with what is read from them.
const READ: [(&str, &str, Role); 20] = [
    (PURCHASES, "user_id", Role::User),
    (PURCHASES, "product_id", Role::Id),
    (PURCHASES, "campaign_activity_id", Role::Id),
    (PURCHASES, "price", Role::Money),
    (PURCHASES, "quantity", Role::Quantity),
    (PURCHASES, "status", Role::Status),
    (PURCHASES, "purchase_at", Role::Time),
    (ENTRIES, "campaign_activity_id", Role::Id),
    (ENTRIES, "user_id", Role::User),
    (ENTRIES, "status", Role::Status),
    (ENTRIES, "created_at", Role::Time),
    (CAMPAIGNS, "id", Role::Id),
    (CAMPAIGNS, "name", Role::Name),
    (CAMPAIGNS, "start_at", Role::Day),
    (CAMPAIGNS, "end_at", Role::Day),
    (ACTIVITIES, "id", Role::Id),
    (ACTIVITIES, "activity_type", Role::Name),
    (ACTIVITIES, "start_date", Role::Day),
    (ACTIVITIES, "end_date", Role::Day),
    (ACTIVITIES, "limit_count", Role::Limit),
];

impl Columns {
    /// Adds a column, in any case.
    pub(crate) fn add(&mut self, table: &str, column: &str, kind: &str) {
        self.0.push([table, column, kind].map(str::to_ascii_lowercase));
    }

    pub(crate) fn has(&self, table: &str, column: Option<&str>) -> bool {
        self.0.iter().any(|[t, c, _]| t == table && column.is_none_or(|column| c == column))
    }

    /// The type of a column; `None` if it is not listed.
    pub(crate) fn type_of(&self, table: &str, column: &str) -> Option<ColumnType> {
        self.name_of_type(table, column).map(ColumnType::of)
    }

    fn name_of_type(&self, table: &str, column: &str) -> Option<&str> {
        self.0.iter().find(|[t, c, _]| t == table && c == column).map(|[_, _, kind]| &kind[..])
    }

    /// Whether every column of the table that is read has a type that is read. Columns that are not listed count as such.
    pub(crate) fn can_read(&self, table: &str) -> bool {
        self.unreadable().all(|(of, ..)| of != table)
    }

    /// A sentence about each column whose type is not read.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.unreadable().map(|(table, column, role, kind)| {
            format!(
                "{table}.{column} is of type {kind}, which does not hold its values without loss: figures from it are \
                 missing; {}",
                role.advice()
            )
        })
    }

    fn unreadable(&self) -> impl Iterator<Item = (&'static str, &'static str, Role, &str)> {
        READ.into_iter().filter_map(|(table, column, role)| {
            let kind = self.name_of_type(table, column)?;
            (!role.types().contains(&ColumnType::of(kind))).then_some((table, column, role, kind))
        })
    }
}

impl ColumnType {
    /// From the name that a server gives it (`data_type` of its information schema).
    fn of(name: &str) -> Self {
        match name {
            "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "year" => Integer,
            "decimal" | "numeric" => Decimal,
            "double" | "real" => Double,
            "float" => Float,
            "bit" => Bit,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" | "uuid" => Text,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Bytes,
            "date" => Date,
            "datetime" => DateTime,
            "timestamp" => Timestamp,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(kind: &str) -> Columns {
        let mut columns = Columns::default();
        columns.add("PURCHASES", "Price", kind);
        columns
    }

    #[test]
    fn a_column_whose_type_loses_digits_is_named() {
        assert_eq!(columns("DECIMAL").problems().count(), 0);
        assert!(columns("decimal").can_read(PURCHASES));
        let float = columns("float");
        assert!(!float.can_read(PURCHASES) && float.can_read(ENTRIES));
        let problems: Vec<String> = float.problems().collect();
        assert!(problems[0].starts_with("purchases.price is of type float") && problems.len() == 1, "{problems:?}");
        assert!(problems[0].ends_with("make it DECIMAL"));
    }

    #[test]
    fn a_type_that_is_unknown_is_not_read() {
        assert_eq!(columns("geometry").type_of(PURCHASES, "price"), Some(ColumnType::Other));
        assert_eq!(columns("geometry").type_of(PURCHASES, "quantity"), None);
        assert!(!columns("geometry").can_read(PURCHASES));
    }
}

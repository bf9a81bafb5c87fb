//! Amounts of money.

/// Money: an exact decimal in the catalog's currency.
pub type Money = rust_decimal::Decimal;

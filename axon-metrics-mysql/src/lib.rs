#![doc = include_str!("../README.md")]

mod address;
mod catalog;
mod clock;
mod error;
mod health;
mod ledger;
mod offsets;
mod options;
mod pool;
mod sql_literals;
mod statuses;
mod store;
mod text_row;

pub use address::{AddressError, TlsPem, connect_options, connect_options_with_tls};
pub use catalog::MySqlCatalog;
pub use ledger::MySqlLedger;
pub use options::MySqlOptions;
pub use pool::{DEFAULT_STATEMENT_LIMIT, pool_options, pool_options_with};

/// The store's name in answers, logs and metrics, also for MariaDB. A health report says which of the two a server is.
const NAME: &str = "mysql";

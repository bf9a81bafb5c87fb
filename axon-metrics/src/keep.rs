//! Caches between requests: the catalog, the weeks before promotions, and widgets, in process and shared.
//! Lives elsewhere: when each is looked up (`dashboard`).

mod baseline_cache;
mod bounded_cache;
mod cache_key;
mod catalog_cache;
mod dashboard_cache;
mod expiry;
mod history_call;
mod lifetimes;
mod memory_cache;
mod refresh_cache;
mod shared_cache;
mod shared_entry;
mod single_flight;
mod widget_cache;
mod widget_snapshot;

pub(crate) use baseline_cache::BaselineCache;
pub(crate) use cache_key::{CacheKeys, KeyInputs};
pub(crate) use catalog_cache::{CatalogCache, CatalogLookup, RETRY_AFTER};
pub use dashboard_cache::{CacheEntry, CacheError, DashboardCache};
pub use expiry::{Clock, Expiry};
pub use lifetimes::Lifetimes;
pub(crate) use lifetimes::{Jitter, RangeState, Validity, later};
pub use memory_cache::MemoryCache;
pub use refresh_cache::{LoadError, LoadResult, Lookup, RefreshCache};
pub(crate) use shared_cache::SharedCache;
pub(crate) use shared_entry::{decode, encode};
pub use single_flight::Pending;
pub(crate) use single_flight::{LOAD_GRACE, Loads, SingleFlight};
pub(crate) use widget_cache::WidgetCache;
pub(crate) use widget_snapshot::{WidgetJson, WidgetSnapshot};

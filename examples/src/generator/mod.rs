//! A generator of realistic campaign data: events as they travel on the platform's topics, a
//! catalog, a ledger, stock counters, and the totals a dashboard must show for them.
//!
//! A [`Plan`] is made from a [`Config`]; [`Plan::catalog`] has its campaigns. It either writes files
//! ([`Plan::write`]) or passes typed records to a [`Sink`] ([`Plan::generate`]), in the order in
//! which the platform's stores would have received them. Equal configurations give equal bytes.
//! Memory grows with the number of users, not with the number of events.
//!
//! The [`ExpectedTotals`] are computed here from the drawn values. This module does not depend on
//! the library that is tested with them.
//!
//! ```
//! use axon_examples::generator::{Config, Outputs, Plan};
//!
//! let plan = Plan::new(Config { events: 1_000, ..Config::default() })?;
//! let mut events = Vec::new();
//! let (mut catalog, mut ledger, mut realtime) = (Vec::new(), Vec::new(), Vec::new());
//! let outputs = Outputs {
//!     events: &mut events,
//!     catalog: &mut catalog,
//!     ledger: &mut ledger,
//!     realtime: &mut realtime,
//! };
//! let expected = plan.write(outputs, |_progress| {})?;
//! assert_eq!(expected.load.lines, 1_000);
//! assert_eq!(events.iter().filter(|byte| **byte == b'\n').count(), 1_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agenda;
mod calendar;
mod catalog;
mod config;
mod event;
mod expected_totals;
mod journey;
mod ledger;
mod ndjson;
mod plan;
mod progress;
mod queue;
mod rng;
mod run;
mod sales;
mod scenario;
mod sink;
mod spelling;
mod stock;
mod tally;
mod traffic;

pub use catalog::{Activity, ActivityStatus, ActivityType, Campaign, Catalog, Product};
pub use config::{Config, ConfigError, TimeFormat};
pub use event::{Document, Event, Kind, Session, Topic, Trigger};
pub use expected_totals::{
    Baseline, ExpectedActivity, ExpectedCampaign, ExpectedTotals, Figures, InflowHour, Load, OtherPromotion,
    PeriodFigures, Periods, Range, Sales, SalesFigures, Setting, Stock,
};
pub use ledger::{Entry, EntryStatus, Purchase, PurchaseStatus, PurchaseType};
pub use ndjson::{NdjsonSink, Outputs};
pub use plan::Plan;
pub use progress::Progress;
pub use sink::{MemorySink, Sink};
pub use spelling::MessageWriter;
pub use stock::Slot;

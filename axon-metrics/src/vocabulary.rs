//! The ground floor: ids, instants, windows, steps and figures. Pure data without I/O. Imports nothing of another room.

pub(crate) mod calendar;
mod campaign;
mod catalog;
mod counting;
mod figure_table;
mod figures;
mod fingerprint;
pub(crate) mod id;
mod money;
mod page_template;
mod period;
mod phase;
mod scope;
mod source_kind;
mod steps;
mod timestamp;
mod window;

pub use campaign::{Activity, ActivityKind, Campaign};
pub use catalog::{Catalog, CatalogError, ResolvedScope};
pub use counting::{Counting, Mode};
pub(crate) use figure_table::figure_table;
pub use figures::{Definition, Definitions, FigureKey, Origin, Unit};
pub(crate) use fingerprint::Fingerprint;
pub use id::{ActivityId, CampaignId, MAX_ID, NotAnId, ProductId};
pub use money::Money;
pub use page_template::{NotATemplate, PageTemplate};
pub use period::{Bound, MAX_DAYS, Period, Range, RangeError};
pub use phase::Phase;
pub use scope::Scope;
pub use source_kind::{PerQuestion, PerSource, QuestionKind, SourceKind};
pub use steps::{EventRule, LedgerStep, Record, STEPS, Step, StepRules};
pub use timestamp::Timestamp;
pub use window::Window;

//! The shared vocabulary of the crate: ids, instants, windows, steps and figures. Pure data without I/O.
//! Every other module may import it.

pub(crate) mod calendar;
mod campaign;
mod catalog;
mod counting;
mod divisor;
mod figure_table;
mod figures;
mod fingerprint;
mod funnel_definition;
mod grid;
pub(crate) mod id;
mod left_out_reason;
mod money;
mod page_template;
mod period;
mod phase;
mod scope;
mod source_kind;
mod step_rule;
mod steps;
mod timestamp;
mod window;

pub use campaign::{Activity, ActivityKind, Campaign};
pub(crate) use catalog::CatalogScope;
pub use catalog::{Catalog, CatalogError, ResolvedScope};
pub use counting::{Counting, Mode};
pub(crate) use divisor::gcd;
pub(crate) use figure_table::figure_table;
pub use figures::{Definition, Definitions, FigureKey, FunnelEntry, LeftOutEntry, Origin, StepEntry, Unit};
pub(crate) use fingerprint::Fingerprint;
pub use funnel_definition::FunnelDefinition;
pub(crate) use grid::Part;
pub use grid::{Cells, Grid};
pub use id::{ActivityId, CampaignId, IdText, MAX_ID, NotAnId, ProductId};
pub use left_out_reason::LeftOutReason;
pub use money::Money;
pub use page_template::{NotATemplate, PageTemplate};
pub use period::{Bound, MAX_DAYS, Period, Range, RangeError};
pub use phase::Phase;
pub use scope::Scope;
pub use source_kind::{PerQuestion, PerSource, QuestionKind, SourceKind};
pub use step_rule::{EventRule, LedgerStep, Record};
pub use steps::{STEP_COUNTS, Step, StepFault, StepRules};
pub use timestamp::Timestamp;
pub use window::Window;

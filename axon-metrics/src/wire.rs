//! The wire format of answers; its types serialize and deserialize. All message texts for readers are made in this
//! module. Instants are written as `DateTime<Utc>` here, since the schema generator does not resolve the alias
//! `Timestamp`.

mod answer;
mod coverage;
mod figure;
mod health;
mod links;
mod list;
mod missing;
mod missing_detail;
mod precision;
mod source_state;
mod warning;
mod widget_state;

pub use answer::{AnswerRange, DashboardAnswer, DefinitionState, PreviousRange, ScopeState};
pub use coverage::{CoverageState, LeftOutState};
pub use figure::{At, Figure, FigureValue, NoFigure};
pub use health::{Health, LossState, SourceHealth};
pub use links::Links;
pub use list::{ActivityEntry, CampaignEntry, CampaignList};
pub use missing::{MissingFigure, MissingReason};
pub use missing_detail::MissingDetail;
pub use source_state::SourceState;
pub use warning::{Warning, WarningCode, WarningValue};
pub use widget_state::{WidgetState, WidgetStatus};

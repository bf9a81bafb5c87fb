//! The wire contract of answers, typed both ways. Text is made here and nowhere else.
//! Instants are spelt out as `DateTime<Utc>` in what goes over the wire: the schema generator knows no alias.

mod answer;
mod figure;
mod health;
mod list;
mod missing;
mod missing_detail;
mod precision;
mod source_state;
mod warning;
mod widget_state;

pub use answer::{AnswerRange, DashboardAnswer, DefinitionState, PreviousRange, ScopeState};
pub use figure::{At, Figure, FigureValue, NoFigure};
pub use health::{Health, SourceHealth};
pub use list::{ActivityEntry, CampaignEntry, CampaignList};
pub use missing::{MissingFigure, MissingReason};
pub use missing_detail::MissingDetail;
pub use source_state::SourceState;
pub use warning::{Warning, WarningCode};
pub use widget_state::{WidgetState, WidgetStatus};

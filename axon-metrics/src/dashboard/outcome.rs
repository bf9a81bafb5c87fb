//! What comes of a request: an answer with its times, or why there is none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use super::request::RequestError;
use crate::{
    keep::{WidgetJson, WidgetSnapshot},
    vocabulary::{ActivityId, CampaignId, Mode, Phase, Scope, Timestamp},
    widget::Widget,
    wire::{AnswerRange, DashboardAnswer, DefinitionState, ScopeState, SourceState, Warning, WidgetState},
};

/// The most activities one answer is computed over.
pub const MAX_ACTIVITIES: usize = 1000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The request is wrong. The caller must change it.
    #[error(transparent)]
    Invalid(#[from] RequestError),
    /// The catalog lists no such campaign or activity.
    #[error("there is no such campaign or activity")]
    NotFound(Scope),
    /// The campaign has more activities than one answer is computed over.
    #[error("the campaign has {found} activities; at most {MAX_ACTIVITIES} are computed at once")]
    TooManyActivities {
        /// How many it has.
        found: usize,
    },
    /// Nothing that was asked could be answered. Asking again may work.
    #[error("nothing that was asked could be answered")]
    Unavailable {
        /// How each source did.
        sources: Vec<SourceState>,
    },
    /// More is asked than can be answered in time. Asking again later may work.
    #[error("more is asked than can be answered in time")]
    Overloaded {
        /// When to ask again.
        retry_after: Duration,
    },
}

/// An answer with how long it may be shown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TimedAnswer {
    /// The answer.
    pub answer: DashboardAnswer,
    /// Until then it is as good as a new one.
    pub fresh_until: Timestamp,
    /// From `fresh_until` until then it may be shown while a new one is made.
    pub usable_until: Timestamp,
    /// Where the JSON of each widget comes from, in the answer's order.
    pub(super) parts: Vec<WidgetPart>,
}

/// Where the JSON of a widget comes from.
#[derive(Debug, Clone)]
pub(super) enum WidgetPart {
    /// From its cached form, written when it was loaded.
    Cached(Arc<WidgetSnapshot>),
    /// It depends on the instant of the answer, and so is written with it.
    Moved(Widget, Option<WidgetJson>),
}

impl TimedAnswer {
    /// The answer as JSON on one line: what serde writes for [`answer`](Self::answer) as it was made. The data of a widget were
    /// written when it was loaded, and are copied here.
    /// # Errors
    /// None that is known: an answer holds nothing that JSON cannot.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let written = self.written()?;
        let data = JsonData(written.iter().map(|(widget, json)| (*widget, &*json.data)).collect());
        // Each field is decided on here: a new one does not compile until it is.
        let DashboardAnswer {
            campaign_id,
            activity_id,
            ref period,
            timestamp,
            phase,
            ref scope,
            ref range,
            mode,
            data: _,
            ref widgets,
            ref sources,
            ref definition,
            ref warnings,
        } = self.answer;
        let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
        serde_json::to_writer(
            &mut bytes,
            &JsonAnswer {
                campaign_id,
                activity_id,
                period,
                timestamp,
                phase,
                scope,
                range,
                mode,
                data,
                widgets,
                sources,
                definition,
                warnings,
            },
        )?;
        Ok(bytes)
    }

    /// A hash for each widget of its content: equal while its data differ in nothing but their clocks.
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn content(&self) -> Result<Vec<(Widget, [u8; 16])>, serde_json::Error> {
        Ok(self.written()?.into_iter().map(|(widget, json)| (widget, json.content)).collect())
    }

    /// The JSON of each widget, in the order of the answer's data.
    fn written(&self) -> Result<Vec<(Widget, &WidgetJson)>, serde_json::Error> {
        let mut written = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let (widget, json) = match part {
                WidgetPart::Cached(snapshot) => (snapshot.widget, snapshot.json()),
                WidgetPart::Moved(widget, json) => (*widget, json.as_ref()),
            };
            let failed = || serde_json::Error::custom(format_args!("the data of {} cannot be written", widget.name()));
            written.push((widget, json.ok_or_else(failed)?));
        }
        written.sort_by_key(|(widget, _)| *widget);
        Ok(written)
    }
}

/// The first capacity of the buffer for an answer: most fit.
const INITIAL_CAPACITY: usize = 4096;

/// [`DashboardAnswer`], with the data of its widgets as they are written already.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonAnswer<'a> {
    campaign_id: CampaignId,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity_id: Option<ActivityId>,
    period: &'a str,
    timestamp: Timestamp,
    phase: Phase,
    scope: &'a ScopeState,
    range: &'a AnswerRange,
    mode: Mode,
    data: JsonData<'a>,
    widgets: &'a BTreeMap<Widget, WidgetState>,
    sources: &'a [SourceState],
    definition: &'a DefinitionState,
    warnings: &'a [Warning],
}

struct JsonData<'a>(Vec<(Widget, &'a RawValue)>);

impl Serialize for JsonData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(widget, json)| (widget.name(), json)))
    }
}

/// Whether a caller waits for fresh figures where kept ones may still be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Takes what may be shown; what is no longer fresh is loaded behind.
    AllowStale,
    /// Waits until what is shown is fresh.
    MustBeFresh,
}

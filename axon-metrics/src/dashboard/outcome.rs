//! The outcome of a request: an answer with its times, or why there is none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;

use super::request::RequestError;
use crate::{
    keep::{WidgetJson, WidgetSnapshot},
    vocabulary::{ActivityId, CampaignId, IdText, Mode, Phase, Scope, Timestamp},
    widget::Widget,
    wire::{AnswerRange, DashboardAnswer, DefinitionState, Links, ScopeState, SourceState, Warning, WidgetState},
};

/// The most activities in the scope of one answer.
pub const MAX_ACTIVITIES: usize = 1000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The request is invalid. The caller must change it.
    #[error(transparent)]
    Invalid(#[from] RequestError),
    /// The catalog lists no such campaign or activity.
    #[error("there is no such campaign or activity")]
    NotFound(Scope),
    /// The campaign has more activities than [`MAX_ACTIVITIES`].
    #[error("the campaign has {found} activities; at most {MAX_ACTIVITIES} are computed at once")]
    TooManyActivities {
        /// The number of activities of the campaign.
        found: usize,
    },
    /// The catalog, or the sources of all requested widgets, did not answer. Asking again may work.
    #[error("nothing that was asked could be answered")]
    Unavailable {
        /// The state of each source that was asked.
        sources: Vec<SourceState>,
    },
    /// The load was refused, since it could not end in time. Asking again after `retry_after` may work.
    #[error("more is asked than can be answered in time")]
    Overloaded {
        /// When to ask again: at least 1 s.
        retry_after: Duration,
    },
}

/// An answer with how long it may be used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TimedAnswer {
    /// The answer.
    pub answer: DashboardAnswer,
    /// Until then it is as good as a new one.
    pub fresh_until: Timestamp,
    /// From `fresh_until` until then it may be used while a new one is loaded (stale-while-revalidate).
    pub usable_until: Timestamp,
    /// Where the JSON of each widget comes from, in any order.
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
    /// The answer as JSON on one line: what serde writes for [`answer`](Self::answer) as it was made. The data of a
    /// widget were written when it was loaded, and are copied here.
    /// # Errors
    /// If a widget cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let written = self.written()?;
        let data = JsonData(written.iter().map(|(widget, json)| (*widget, &*json.data)).collect());
        // Each field is decided on here: a new one does not compile until it is.
        let DashboardAnswer {
            campaign_id,
            activity_id,
            ref period,
            timestamp,
            campaign_key,
            activity_key,
            ref links,
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
                campaign_key,
                activity_key,
                links,
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
    campaign_key: IdText<CampaignId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity_key: Option<IdText<ActivityId>>,
    links: &'a Links,
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

/// Whether a caller accepts cached figures that are no longer fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Uses usable figures; those that are no longer fresh are loaded again in the background.
    AllowStale,
    /// Waits for a load if figures are no longer fresh.
    MustBeFresh,
}

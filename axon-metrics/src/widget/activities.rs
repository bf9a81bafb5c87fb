//! Activities: the totals of each activity of a campaign, in records whatever the mode.

use serde::{Deserialize, Serialize};

use super::{
    input::{Compute, Facts, WidgetInput},
    notes::Notes,
    overview::OverviewFigures,
    realtime::SlotState,
};
use crate::{
    source::{Fact, Missing},
    vocabulary::{ActivityId, ActivityKind, IdText, Phase, ResolvedScope, Timestamp},
};

/// One activity. Null is missing, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ActivityRow {
    /// The activity.
    pub activity_id: ActivityId,
    /// The activity's id as text.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "789"))]
    pub activity_key: IdText<ActivityId>,
    /// Its name.
    pub name: String,
    /// Its kind, as the platform names it.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub kind: ActivityKind,
    /// Where it stands by its dates.
    pub phase: Phase,
    /// Its totals, as records whatever the mode.
    #[serde(flatten)]
    pub totals: OverviewFigures,
    /// Limit less slots held.
    pub remaining_stock: Option<u64>,
}

impl Compute for Vec<ActivityRow> {
    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let without_funnel: Vec<Fact<u64>> = input.rules.steps().iter().map(|_| Err(Missing::NotSupported)).collect();
        let mut counts = facts.steps.by_activity.iter();
        let mut rows = Vec::with_capacity(input.scope.activities.len());
        for (activity, (_, slots)) in input.scope.activities.iter().zip(&facts.slots) {
            let prefix = format!("activities[{}].", activity.id);
            // Only the activities with a funnel have counts, in the same order.
            let steps = if activity.kind.has_funnel() { counts.next().map(|(_, steps)| steps) } else { None };
            let totals = OverviewFigures::compute(&prefix, input.rules, steps.unwrap_or(&without_funnel), notes);
            notes.record(&format!("{prefix}remainingStock"), &slots.stock);
            let slot_state = SlotState::of(activity, slots, input.as_of);
            slot_state.warn_into(notes, &prefix);
            rows.push(ActivityRow {
                activity_id: activity.id,
                activity_key: IdText(activity.id),
                name: activity.name.clone(),
                kind: activity.kind.clone(),
                phase: Phase::at(input.as_of, activity.start, activity.end),
                totals,
                remaining_stock: slot_state.figure(
                    format!("{prefix}remainingStock"),
                    slot_state.remaining.clone(),
                    notes,
                ),
            });
        }
        rows
    }

    /// Sets the phase of each activity.
    fn move_to(&mut self, scope: ResolvedScope<'_>, as_of: Timestamp) -> bool {
        let mut changed = false;
        for (row, activity) in self.iter_mut().zip(scope.activities) {
            let phase = Phase::at(as_of, activity.start, activity.end);
            if row.activity_id == activity.id && row.phase != phase {
                row.phase = phase;
                changed = true;
            }
        }
        changed
    }
}

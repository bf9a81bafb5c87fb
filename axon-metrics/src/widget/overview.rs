//! Overview: the four totals, the conversion rate, and their changes.

use serde::{Deserialize, Serialize};

use super::{
    input::{Compute, Facts, WidgetInput},
    notes::{Notes, value},
};
use crate::{
    Missing,
    source::Fact,
    stats::rate::{Exact, Fraction, change, percent},
    vocabulary::StepRules,
};

/// The totals of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Overview {
    /// The totals of the range.
    #[serde(flatten)]
    pub totals: OverviewFigures,
    /// The same of the previous window; only when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub previous: Option<OverviewFigures>,
    /// The change from the previous window; only when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub change: Option<OverviewChange>,
}

/// The four totals and the conversion rate. Null is missing, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OverviewFigures {
    /// Count of the visit step.
    pub total_visits: Option<u64>,
    /// Count of the engage step.
    pub total_participants: Option<u64>,
    /// Count of the approve step.
    pub approved_count: Option<u64>,
    /// Count of the purchase step.
    pub purchase_count: Option<u64>,
    /// Purchases of visits in percent, two decimals.
    pub conversion_rate: Option<Exact>,
}

/// Changes in percent, one decimal; null if the previous value is 0, or a value is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct OverviewChange {
    /// Change of the visit step.
    pub total_visits: Option<Exact>,
    /// Change of the engage step.
    pub total_participants: Option<Exact>,
    /// Change of the approve step.
    pub approved_count: Option<Exact>,
    /// Change of the purchase step.
    pub purchase_count: Option<Exact>,
    /// Change of the unrounded conversion rate.
    pub conversion_rate: Option<Exact>,
}

/// The totals: the name of each field, and the key of the step that it counts.
const TOTALS: [(&str, &str); 4] = [
    ("totalVisits", VISIT),
    ("totalParticipants", "engage"),
    ("approvedCount", "approve"),
    ("purchaseCount", PURCHASE),
];
const VISIT: &str = "visit";
const PURCHASE: &str = "purchase";

impl Compute for Overview {
    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let now = &facts.steps.current;
        let totals = OverviewFigures::compute("", input.rules, now, notes);
        if input.query.previous.is_none() {
            return Self { totals, previous: None, change: None };
        }
        let before = &facts.steps.previous;
        let previous = OverviewFigures::compute("previous.", input.rules, before, notes);
        Self {
            totals,
            previous: Some(previous),
            change: Some(OverviewChange::compute(input.rules, now, before, notes)),
        }
    }
}

impl OverviewFigures {
    pub(super) fn compute(prefix: &str, rules: &StepRules, counts: &[Fact<u64>], notes: &mut Notes) -> Self {
        let [visits, participants, approved, purchases] =
            TOTALS.map(|(name, key)| notes.figure(format!("{prefix}{name}"), &total(rules, counts, key)));
        let rate = conversion(rules, counts).and_then(|rate| percent(rate.part, rate.whole, 2));
        Self {
            total_visits: visits,
            total_participants: participants,
            approved_count: approved,
            purchase_count: purchases,
            conversion_rate: notes.derived(format!("{prefix}conversionRate"), rate),
        }
    }
}

impl OverviewChange {
    fn compute(rules: &StepRules, now: &[Fact<u64>], before: &[Fact<u64>], notes: &mut Notes) -> Self {
        let [visits, participants, approved, purchases] = TOTALS.map(|(name, key)| {
            let of = |counts| value(&total(rules, counts, key));
            let difference = of(now).and_then(|now| change(now.into(), of(before)?.into()));
            notes.derived(format!("change.{name}"), difference)
        });
        let rate = conversion(rules, now).and_then(|now| change(now, conversion(rules, before)?));
        Self {
            total_visits: visits,
            total_participants: participants,
            approved_count: approved,
            purchase_count: purchases,
            conversion_rate: notes.derived("change.conversionRate", rate),
        }
    }
}

/// The count of the step with this key; [`Missing::NotSupported`] if the funnel has no such step.
fn total(rules: &StepRules, counts: &[Fact<u64>], key: &str) -> Fact<u64> {
    let count = rules.position(key).and_then(|position| counts.get(position));
    count.cloned().unwrap_or(Err(Missing::NotSupported))
}

fn conversion(rules: &StepRules, counts: &[Fact<u64>]) -> Result<Fraction, Missing> {
    let of = |key| value(&total(rules, counts, key));
    Ok(Fraction { whole: of(VISIT)?, part: of(PURCHASE)? })
}

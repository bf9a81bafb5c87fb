//! Overview: the four totals, the conversion rate, and their change.

use serde::{Deserialize, Serialize};

use super::{
    input::{Compute, Facts, Needs, WidgetInput},
    notes::{Notes, value},
};
use crate::{
    Missing,
    source::Fact,
    stats::rate::{Exact, Fraction, change, percent},
};

/// The totals of a scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// Changes in percent, one decimal; null where there was nothing before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
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

const NAMES: [&str; 4] = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"];

impl Compute for Overview {
    fn needs(needs: &mut Needs) {
        needs.steps = true;
    }

    fn compute(input: &WidgetInput<'_>, facts: &Facts, notes: &mut Notes) -> Self {
        let now = &facts.steps.current;
        let totals = OverviewFigures::compute("", now, notes);
        if input.query.previous.is_none() {
            return Self { totals, previous: None, change: None };
        }
        let before = &facts.steps.previous;
        let previous = OverviewFigures::compute("previous.", before, notes);
        Self { totals, previous: Some(previous), change: Some(OverviewChange::compute(now, before, notes)) }
    }
}

impl OverviewFigures {
    pub(super) fn compute(prefix: &str, steps: &[Fact<u64>], notes: &mut Notes) -> Self {
        let [visits, participants, approved, purchases] =
            std::array::from_fn(|step| notes.figure(format!("{prefix}{}", NAMES[step]), &steps[step]));
        let rate = conversion(steps).and_then(|rate| percent(rate.part, rate.whole, 2));
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
    fn compute(now: &[Fact<u64>], before: &[Fact<u64>], notes: &mut Notes) -> Self {
        let [visits, participants, approved, purchases] = std::array::from_fn(|step| {
            let changed = value(&now[step]).and_then(|now| change(now.into(), value(&before[step])?.into()));
            notes.derived(format!("change.{}", NAMES[step]), changed)
        });
        let rate = conversion(now).and_then(|now| change(now, conversion(before)?));
        Self {
            total_visits: visits,
            total_participants: participants,
            approved_count: approved,
            purchase_count: purchases,
            conversion_rate: notes.derived("change.conversionRate", rate),
        }
    }
}

fn conversion(steps: &[Fact<u64>]) -> Result<Fraction, Missing> {
    Ok(Fraction { whole: value(&steps[0])?, part: value(&steps[steps.len() - 1])? })
}

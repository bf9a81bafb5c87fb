//! What a fact was made from: the records that were used, and those that the other searches of its plan show to be left
//! out. Pure.

use axon_metrics::{
    Missing,
    facts::{Coverage, LeftOutPlace, LeftOutReason},
};

use crate::{
    plan::{Loss, Plan, Search},
    search_figures::SearchFigures,
};

/// The part of a search that a fact is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// All activities, and the whole window.
    Whole,
    /// One activity.
    Activity(u64),
    /// The cells of the series with this index.
    Series(usize),
}

impl Part {
    /// The records of this part in another search of the same activities.
    fn of(self, search: &Search, figures: &SearchFigures) -> u64 {
        let Self::Activity(id) = self else { return figures.total };
        match &figures.per_activity {
            Some(counts) => {
                let index = search.activities.binary_search(&id).ok();
                index.and_then(|index| counts.get(index)).copied().unwrap_or(0)
            }
            // It is not limited to any activity.
            None => figures.total,
        }
    }

    /// Whether it has the window of its search.
    fn has_window_of(self, search: &Search) -> bool {
        let Self::Series(index) = self else { return true };
        search.series.get(index).is_some_and(|cells| cells.whole == search.window)
    }
}

/// The coverage of a fact that `used` records were counted for. And whether it is incomplete, since a search that counts
/// what is left out is.
pub(crate) fn coverage(
    plan: &Plan,
    results: &[Result<SearchFigures, Missing>],
    search: &Search,
    part: Part,
    used: u64,
) -> (Coverage, bool) {
    let mut partial = false;
    let mut count = |index: usize| {
        let (search, figures) = (plan.searches.get(index)?, results.get(index)?.as_ref().ok()?);
        partial |= figures.partial;
        Some(part.of(search, figures))
    };
    // Only the count of a whole search can be one of people.
    let is_of_people = matches!(part, Part::Whole);
    let losses = search.losses.iter().filter(|loss| is_of_people || loss.reason != LeftOutReason::NoSubject);
    let counts: Vec<(&Loss, Option<u64>, Option<u64>)> =
        losses.map(|loss| (loss, count(loss.search), loss.of.and_then(&mut count))).collect();
    // Records without a subject are in the total of the search, and in no count of people.
    let without_subject = counts.iter().filter(|(loss, ..)| loss.reason == LeftOutReason::NoSubject);
    let without_subject: u64 = without_subject.filter_map(|(_, records, _)| *records).sum();
    let used = used.saturating_sub(without_subject);
    let mut coverage = Coverage::of(used);
    if search.indices.losses.hours_ahead.is_some() {
        coverage = coverage.left_out_uncounted(LeftOutReason::OffsetWrong);
    }
    let in_store = |coverage: Coverage, reason, records: u64, of: u64| {
        coverage.left_out_in_store(reason, records, of.max(records))
    };
    for (Loss { reason, place, in_store: known, .. }, records, of) in counts {
        coverage = match records {
            None => in_store(coverage, *reason, *known, search.indices.records),
            Some(records) if *place == LeftOutPlace::Store => {
                in_store(coverage, *reason, records, of.unwrap_or(search.indices.records))
            }
            Some(records) if part.has_window_of(search) => coverage.left_out_in_window(*reason, records),
            // Known for a longer window than that of the cells.
            Some(records) => in_store(coverage, *reason, records, used.saturating_add(records)),
        };
    }
    // That there may be losses was found by the last probe.
    let checked_at = (!coverage.left_out().is_empty()).then_some(plan.checked_at);
    (coverage.checked_at(checked_at), partial)
}

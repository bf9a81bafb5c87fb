//! A second implementation of the widget `trend`: each record by the date of the wall clock.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use super::{
    World,
    clock::{self, Range},
    exact::Figure,
    expect::{Widget, text},
};

/// Records of the first step per calendar day of the range, whatever the mode; up to now for a day in progress.
pub(crate) fn trend(world: &World, range: &Range) -> Widget {
    let mut widget = Widget::default();
    let (zone, as_of) = (world.zone, world.as_of());
    let visits = visits(world, range);
    let mut buckets: Vec<Value> = Vec::new();
    let mut from = range.whole.from;
    let mut date = clock::local(from, zone).date();
    let mut begin = clock::start_of_day(date, zone);
    while from < range.whole.to {
        let next = clock::start_of_day(date + Days::new(1), zone);
        let to = next.min(range.whole.to);
        let whole = from == begin && to == next;
        let state = if to > as_of {
            "in_progress"
        } else if whole {
            "complete"
        } else {
            "cut"
        };
        let count: Figure = visits.as_ref().map(|days| json!(days.get(&date).unwrap_or(&0))).map_err(|why| *why);
        let count = widget.value(format!("buckets[{}].visits", buckets.len()), count);
        let day =
            json!({ "from": text(from), "to": text(to), "date": date.to_string(), "state": state, "visits": count });
        buckets.push(day);
        (from, begin, date) = (to, next, date + Days::new(1));
    }
    widget.data.insert("interval".to_owned(), "day".into());
    widget.data.insert("buckets".to_owned(), buckets.into());
    widget
}

/// The visits per date, or the reason why they are missing.
fn visits(world: &World, range: &Range) -> Result<BTreeMap<NaiveDate, usize>, &'static str> {
    let scope = world.scope();
    let funnel: Vec<u64> = scope.iter().filter(|activity| activity.has_funnel()).map(|activity| activity.id).collect();
    if funnel.is_empty() {
        return Err(if scope.is_empty() { "not_measured:no_activities" } else { "not_supported" });
    }
    let mut days = BTreeMap::new();
    for event in &world.events {
        let ours = event.activity.is_some_and(|id| funnel.contains(&id));
        let defined = world.definition.is_none_or(|wanted| event.definition == Some(wanted));
        if event.trigger == "PAGE_VIEW" && ours && defined && range.whole.contains(event.at) && event.at < world.as_of()
        {
            *days.entry(clock::local(event.at, world.zone).date()).or_default() += event.times;
        }
    }
    Ok(days)
}

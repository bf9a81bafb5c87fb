//! Searches as Elasticsearch reads them. Pure; equal searches give equal texts, byte for byte, so that those of one tick hit
//! the server's request cache.
//!
//! Each search is a plain filter: an intersection of posting lists, counted without looking at a document. No scripts, no
//! `now`, no wildcard (but for a page template that asks for one), no query language. In a request that carries all of them at
//! once each is planned and cached apart.

use std::time::Duration;

use axon_metrics::definitions::PageTemplate;
use serde_json::{Value, json};

use crate::{
    page,
    plan::{Hours, Item},
    probe::line,
    reading::{Distinct, Group, PURCHASE, Triggers},
    shape::{Field, Form},
};

/// The sketch's size at which estimates are best. More than this is not accepted.
const PRECISION_THRESHOLD: u32 = 40_000;

/// The lines of a request for all these searches.
pub(crate) fn lines(items: &[Item], templates: &[PageTemplate], timeout: Duration) -> String {
    let timeout = format!("{}ms", timeout.as_millis());
    let mut lines = String::new();
    for item in items {
        line(&mut lines, &json!({"index": item.reading.indices}));
        line(&mut lines, &search(item, templates, &timeout));
    }
    lines
}

fn search(item: &Item, templates: &[PageTemplate], timeout: &str) -> Value {
    let filter = each(&item.reading.groups, |group| {
        let mut filter = vec![belongs(group, &item.activities, templates)];
        filter.push(group.shape.times.within(item.window, item.open));
        let trigger = group.shape.trigger.name;
        let mut bool = json!({});
        match &group.triggers {
            Triggers::Only(triggers) => filter.push(json!({"terms": {trigger: triggers}})),
            Triggers::AnyButPurchases => bool["must_not"] = json!([{"term": {trigger: PURCHASE}}]),
            Triggers::Any => {}
        }
        if let (Some(field), false) = (group.shape.definition, item.definitions.is_empty()) {
            let definitions = item.definitions.iter().map(|id| value(field, *id));
            filter.push(json!({"terms": {field.name: definitions.collect::<Vec<_>>()}}));
        }
        bool["filter"] = Value::Array(filter);
        json!({"bool": bool})
    });
    let mut search = json!({"size": 0, "track_total_hits": true, "timeout": timeout, "query": filter});
    let aggregations = aggregations(item, templates);
    if aggregations != json!({}) {
        search["aggs"] = aggregations;
    }
    search
}

fn aggregations(item: &Item, templates: &[PageTemplate]) -> Value {
    let mut aggregations = json!({});
    if let Some(distinct) = item.distinct {
        subjects(&mut aggregations, distinct);
    }
    if let Some(hours) = &item.hours {
        aggregations["hours"] = json!({
            "filter": each(&item.reading.groups, |group| group.shape.times.within(hours.whole, hours.open)),
            "aggs": {"each": each_hour(item, hours)},
        });
    }
    if item.apart && item.activities.len() > 1 {
        aggregations["activities"] = each_activity(item, templates);
    }
    aggregations
}

/// Those with a user, and those without one by their sessions: they are others, so the two counts can be added. An empty text
/// is nobody's.
fn subjects(aggregations: &mut Value, Distinct { user, session }: Distinct) {
    let distinct =
        |field: Field| json!({"cardinality": {"field": field.name, "precision_threshold": PRECISION_THRESHOLD}});
    let empty = |field: Field| json!({"term": {field.name: ""}});
    if user.form == Form::Text {
        let named = json!({"bool": {"must_not": [empty(user)]}});
        aggregations["named"] = json!({"filter": named, "aggs": {"users": distinct(user)}});
    } else {
        aggregations["users"] = distinct(user);
    }
    let known = json!({"exists": {"field": user.name}});
    let mut bool = json!({});
    let mut none = Vec::new();
    if user.form == Form::Text {
        let unknown = json!({"bool": {"must_not": [known]}});
        bool["filter"] = json!([{"bool": {"should": [unknown, empty(user)], "minimum_should_match": 1}}]);
    } else {
        none.push(known);
    }
    if session.form == Form::Text {
        none.push(empty(session));
    }
    bool["must_not"] = none.into();
    aggregations["anonymous"] = json!({"filter": {"bool": bool}, "aggs": {"sessions": distinct(session)}});
}

fn each_hour(item: &Item, hours: &Hours) -> Value {
    if let Some(clock) = hours.grid {
        return clock.hours_from(hours.whole.from);
    }
    let hour = |window: &axon_metrics::Window| {
        if window.is_empty() {
            return json!({"match_none": {}});
        }
        let open = hours.open && window.to == hours.whole.to;
        each(&item.reading.groups, |group| group.shape.times.within(*window, open))
    };
    json!({"filters": {"filters": hours.windows.iter().map(hour).collect::<Vec<_>>()}})
}

/// Counts by activity. All ids are asked for, and no others, so that no shard has to leave one out.
fn each_activity(item: &Item, templates: &[PageTemplate]) -> Value {
    match item.reading.activity() {
        Some(field) if templates.is_empty() => {
            let include: Vec<_> = item.activities.iter().map(|id| value(field, *id)).collect();
            json!({"terms": {"field": field.name, "size": include.len(), "include": include}})
        }
        _ => {
            let activity = |id: &u64| each(&item.reading.groups, |group| belongs(group, &[*id], templates));
            json!({"filters": {"filters": item.activities.iter().map(activity).collect::<Vec<_>>()}})
        }
    }
}

/// The query for events of these activities.
fn belongs(group: &Group, activities: &[u64], templates: &[PageTemplate]) -> Value {
    let field = group.shape.activity;
    let named = json!({"terms": {field.name: activities.iter().map(|id| value(field, *id)).collect::<Vec<_>>()}});
    match group.shape.page {
        Some(address) if !templates.is_empty() => {
            let mut either = vec![named];
            either.extend(page::queries(templates, address.name, activities));
            json!({"bool": {"should": either, "minimum_should_match": 1}})
        }
        _ => named,
    }
}

/// A query for all groups: one and the same where it says the same of each, else one for the indices of each.
fn each(groups: &[Group], query: impl Fn(&Group) -> Value) -> Value {
    let queries: Vec<Value> = groups.iter().map(query).collect();
    if let [first, rest @ ..] = &queries[..]
        && rest.iter().all(|query| query == first)
    {
        return first.clone();
    }
    let either = groups
        .iter()
        .zip(queries)
        .map(|(group, query)| json!({"bool": {"filter": [{"terms": {"_index": group.indices}}, query]}}));
    json!({"bool": {"should": either.collect::<Vec<_>>(), "minimum_should_match": 1}})
}

/// A number as the field holds it.
fn value<N: ToString + Into<Value>>(field: Field, number: N) -> Value {
    if field.form == Form::Text { Value::String(number.to_string()) } else { number.into() }
}

//! Searches as Elasticsearch reads them. Pure; equal searches give equal texts, byte for byte, so that those of one tick hit
//! the server's request cache.
//!
//! Each search is a plain filter: an intersection of posting lists, counted without looking at a document. No scripts, no
//! `now`, no wildcard (but for a page template that asks for one), no query language. In a request that carries all of them at
//! once each search is planned and cached on its own.

use std::time::Duration;

use axon_metrics::definitions::PageTemplate;
use serde_json::{Value, json};

use crate::{
    index_groups::{IndexGroup, PURCHASE, SubjectFields, Triggers},
    mapping::{Field, Form},
    page_template,
    plan::{CellWindows, MAX_SERIES, Search},
    probe::line,
};

/// What the series of a search are called in its aggregations.
const SERIES_NAMES: [&str; MAX_SERIES] = ["hours", "hours_1", "hours_2", "hours_3"];

/// The sketch's size at which estimates are best. More than this is not accepted.
const PRECISION_THRESHOLD: u32 = 40_000;

/// The lines of a request for all these searches.
pub(crate) fn lines(searches: &[Search], templates: &[PageTemplate], timeout: Duration) -> String {
    let timeout = format!("{}ms", timeout.as_millis());
    let mut lines = String::new();
    for search in searches {
        line(&mut lines, &json!({"index": search.indices.names}));
        line(&mut lines, &body(search, templates, &timeout));
    }
    lines
}

fn body(search: &Search, templates: &[PageTemplate], timeout: &str) -> Value {
    let filter = each(&search.indices.groups, |group| {
        let mut filter = vec![belongs(group, &search.activities, templates)];
        filter.push(group.fields.times.within(search.window, search.open));
        let trigger = group.fields.trigger.name;
        let mut bool = json!({});
        match &group.triggers {
            Triggers::Only(triggers) => filter.push(json!({"terms": {trigger: triggers}})),
            Triggers::AnyButPurchases => bool["must_not"] = json!([{"term": {trigger: PURCHASE}}]),
            Triggers::Any => {}
        }
        if let (Some(field), false) = (group.fields.definition, search.definitions.is_empty()) {
            let definitions = search.definitions.iter().map(|id| value(field, *id));
            filter.push(json!({"terms": {field.name: definitions.collect::<Vec<_>>()}}));
        }
        bool["filter"] = Value::Array(filter);
        json!({"bool": bool})
    });
    let mut body = json!({"size": 0, "track_total_hits": true, "timeout": timeout, "query": filter});
    let aggregations = aggregations(search, templates);
    if aggregations != json!({}) {
        body["aggs"] = aggregations;
    }
    body
}

fn aggregations(search: &Search, templates: &[PageTemplate]) -> Value {
    let mut aggregations = json!({});
    if let Some(distinct) = search.distinct {
        subjects(&mut aggregations, distinct);
    }
    for (cells, name) in search.series.iter().zip(SERIES_NAMES) {
        aggregations[name] = json!({
            "filter": each(&search.indices.groups, |group| group.fields.times.within(cells.whole, cells.open)),
            "aggs": {"each": each_cell(search, cells)},
        });
    }
    if search.per_activity && search.activities.len() > 1 {
        aggregations["activities"] = each_activity(search, templates);
    }
    aggregations
}

/// Those with a user, and those without one by their sessions: they are others, so the two counts can be added. An empty text
/// is nobody's.
fn subjects(aggregations: &mut Value, SubjectFields { user, session }: SubjectFields) {
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

fn each_cell(search: &Search, cells: &CellWindows) -> Value {
    if let Some((encoding, step)) = cells.grid {
        return encoding.cells_from(cells.whole.from, step);
    }
    let cell = |window: &axon_metrics::Window| {
        if window.is_empty() {
            return json!({"match_none": {}});
        }
        let open = cells.open && window.to == cells.whole.to;
        each(&search.indices.groups, |group| group.fields.times.within(*window, open))
    };
    json!({"filters": {"filters": cells.windows.iter().map(cell).collect::<Vec<_>>()}})
}

/// Counts by activity. All ids are asked for, and no others, so that no shard has to leave one out.
fn each_activity(search: &Search, templates: &[PageTemplate]) -> Value {
    match search.indices.activity() {
        Some(field) if templates.is_empty() => {
            let include: Vec<_> = search.activities.iter().map(|id| value(field, *id)).collect();
            json!({"terms": {"field": field.name, "size": include.len(), "include": include}})
        }
        _ => {
            let activity = |id: &u64| each(&search.indices.groups, |group| belongs(group, &[*id], templates));
            json!({"filters": {"filters": search.activities.iter().map(activity).collect::<Vec<_>>()}})
        }
    }
}

/// The query for events of these activities.
fn belongs(group: &IndexGroup, activities: &[u64], templates: &[PageTemplate]) -> Value {
    let field = group.fields.activity;
    let named = json!({"terms": {field.name: activities.iter().map(|id| value(field, *id)).collect::<Vec<_>>()}});
    match group.fields.page {
        Some(address) if !templates.is_empty() => {
            let mut either = vec![named];
            either.extend(page_template::queries(templates, address.name, activities));
            json!({"bool": {"should": either, "minimum_should_match": 1}})
        }
        _ => named,
    }
}

/// A query for all groups: one and the same where it says the same of each, else one for the indices of each.
fn each(groups: &[IndexGroup], query: impl Fn(&IndexGroup) -> Value) -> Value {
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

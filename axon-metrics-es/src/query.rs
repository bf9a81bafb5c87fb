//! Writes searches in the query language of Elasticsearch. Pure. Equal searches give equal texts, byte for byte, so
//! that the searches of one tick hit the server's request cache.
//!
//! Each search is a plain filter: an intersection of posting lists, counted without reading a document. It has no
//! script, no `now`, no query string, and no wildcard unless a page template needs one. Only people are told from nobody
//! by regular expressions, over the terms of their fields (`anonymous`). The server plans and caches each search of a
//! request on its own.

use std::time::Duration;

use axon_metrics::definitions::PageTemplate;
use serde_json::{Value, json};

use crate::{
    anonymous::AnonymousQueries,
    index_groups::{IndexGroup, PURCHASE, SubjectFields, Triggers},
    losses::{IGNORED, LossyField},
    mapping::{Field, Form},
    page_template,
    plan::{CellWindows, Records, Search},
    probe::line,
    reply::MAX_SERIES,
    time_encoding,
};

/// The names of a search's series in its aggregations.
const SERIES_NAMES: [&str; MAX_SERIES] = ["hours", "hours_1", "hours_2", "hours_3"];

/// The largest threshold that Elasticsearch accepts, which gives the best estimates of distinct values.
const PRECISION_THRESHOLD: u32 = 40_000;

/// The settings that the texts of searches depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuerySettings<'a> {
    pub(crate) templates: &'a [PageTemplate],
    pub(crate) anonymous: &'a AnonymousQueries,
}

/// The body of one `_msearch` request: two lines per search, a header and a body.
pub(crate) fn lines(searches: &[Search], settings: QuerySettings<'_>, timeout: Duration) -> String {
    let timeout = format!("{}ms", timeout.as_millis());
    let mut lines = String::new();
    for search in searches {
        line(&mut lines, &json!({"index": search.indices.names}));
        line(&mut lines, &body(search, settings, &timeout));
    }
    lines
}

fn body(search: &Search, settings: QuerySettings<'_>, timeout: &str) -> Value {
    let filter = per_group(&search.indices.groups, |group| group_filter(search, group, settings));
    let filter = if search.indices.restricted {
        let indices: Vec<&String> = search.indices.groups.iter().flat_map(|group| &group.indices).collect();
        json!({"bool": {"filter": [{"terms": {"_index": indices}}, filter]}})
    } else {
        filter
    };
    let mut body = json!({"size": 0, "track_total_hits": true, "timeout": timeout, "query": filter});
    let aggregations = aggregations(search, settings);
    if aggregations != json!({}) {
        body["aggs"] = aggregations;
    }
    body
}

/// The query for the records of a search in the indices of a group.
fn group_filter(search: &Search, group: &IndexGroup, settings: QuerySettings<'_>) -> Value {
    let (fields, templates) = (&group.fields, settings.templates);
    let exists = |field: &str| json!({"exists": {"field": field}});
    let (mut filter, mut must_not) = (Vec::new(), Vec::new());
    if !matches!(search.records, Records::OfAnyActivity | Records::Ignored(LossyField::Activity)) {
        filter.push(activity_filter(group, &search.activities, templates));
    }
    let is_at_any_time = matches!(search.records, Records::AtAnyTime | Records::WithoutTime | Records::OutOfRange);
    if !is_at_any_time {
        filter.push(fields.times.within(search.window, search.open));
    }
    if search.records != Records::Ignored(LossyField::Trigger) {
        let trigger = fields.trigger.name;
        match &group.triggers {
            Triggers::Only(triggers) => filter.push(json!({"terms": {trigger: triggers}})),
            Triggers::AnyButPurchases => must_not.push(json!({"term": {trigger: PURCHASE}})),
            Triggers::Any => {}
        }
        let has_definitions =
            !search.definitions.is_empty() && search.records != Records::Ignored(LossyField::Definition);
        if let (Some(field), true) = (fields.definition, has_definitions) {
            let definitions = search.definitions.iter().map(|id| field_value(field, *id));
            filter.push(json!({"terms": {field.name: definitions.collect::<Vec<_>>()}}));
        }
    }
    match search.records {
        Records::InWindow | Records::OfAnyActivity | Records::AtAnyTime => {}
        Records::WithoutTime => must_not.push(exists(time_encoding::FIELD)),
        Records::OutOfRange => {
            filter.push(exists(time_encoding::FIELD));
            must_not.push(fields.times.plausible());
        }
        Records::Ignored(LossyField::Activity) if !templates.is_empty() => {
            filter.push(ignored(group, &[LossyField::Activity, LossyField::Page]));
        }
        Records::Ignored(field) => filter.push(ignored(group, &[field])),
        Records::WithoutSubject => filter.push(without_subject(group, settings.anonymous)),
    }
    let mut bool = json!({"filter": filter});
    if !must_not.is_empty() {
        bool["must_not"] = must_not.into();
    }
    json!({"bool": bool})
}

/// The query for records of which one of the fields was ignored.
fn ignored(group: &IndexGroup, fields: &[LossyField]) -> Value {
    let names: Vec<&str> = fields.iter().filter_map(|field| field.of(&group.fields)).map(|field| field.name).collect();
    json!({"terms": {IGNORED: names}})
}

/// The query for records whose user was ignored, or which have no user and whose session was ignored.
fn without_subject(group: &IndexGroup, anonymous: &AnonymousQueries) -> Value {
    let mut filter = vec![ignored(group, &[LossyField::Session])];
    filter.extend(LossyField::User.of(&group.fields).map(|user| has_no_user(user, anonymous)));
    any_of(&[ignored(group, &[LossyField::User]), json!({"bool": {"filter": filter}})])
}

/// The query for records without a user, or whose user is nobody.
fn has_no_user(user: Field, anonymous: &AnonymousQueries) -> Value {
    any_of(&[json!({"bool": {"must_not": [{"exists": {"field": user.name}}]}}), anonymous.user(user)])
}

fn any_of(queries: &[Value]) -> Value {
    json!({"bool": {"should": queries, "minimum_should_match": 1}})
}

fn aggregations(search: &Search, settings: QuerySettings<'_>) -> Value {
    let mut aggregations = json!({});
    if let Some(distinct) = search.distinct {
        add_subject_counts(&mut aggregations, distinct, settings.anonymous);
    }
    for (cells, name) in search.series.iter().zip(SERIES_NAMES) {
        aggregations[name] = json!({
            "filter": per_group(&search.indices.groups, |group| group.fields.times.within(cells.whole, cells.open)),
            "aggs": {"each": counts_per_cell(search, cells)},
        });
    }
    if search.per_activity && search.activities.len() > 1 {
        aggregations["activities"] = counts_per_activity(search, settings.templates);
    }
    aggregations
}

/// Adds two disjoint counts, whose sum is the number of distinct subjects: users, and the sessions of events without a
/// user. Who is nobody is neither.
fn add_subject_counts(aggregations: &mut Value, fields: SubjectFields, anonymous: &AnonymousQueries) {
    let SubjectFields { user, session } = fields;
    let distinct =
        |field: Field| json!({"cardinality": {"field": field.name, "precision_threshold": PRECISION_THRESHOLD}});
    let is_somebody = json!({"bool": {"must_not": [anonymous.user(user)]}});
    aggregations["named"] = json!({"filter": is_somebody, "aggs": {"users": distinct(user)}});
    let mut bool = json!({"filter": [has_no_user(user, anonymous)]});
    if let Some(nobody) = anonymous.session(session) {
        bool["must_not"] = json!([nobody]);
    }
    aggregations["anonymous"] = json!({"filter": {"bool": bool}, "aggs": {"sessions": distinct(session)}});
}

/// Counts per cell: a histogram where the cells lie on a grid, else one filter per cell.
fn counts_per_cell(search: &Search, cells: &CellWindows) -> Value {
    if let Some((encoding, step)) = cells.grid {
        return encoding.cells_from(cells.whole.from, step);
    }
    let cell = |window: &axon_metrics::Window| {
        if window.is_empty() {
            return json!({"match_none": {}});
        }
        let open = cells.open && window.to == cells.whole.to;
        per_group(&search.indices.groups, |group| group.fields.times.within(*window, open))
    };
    json!({"filters": {"filters": cells.windows.iter().map(cell).collect::<Vec<_>>()}})
}

/// Counts per activity. The request lists all ids, so that no shard leaves one out.
fn counts_per_activity(search: &Search, templates: &[PageTemplate]) -> Value {
    match search.indices.activity() {
        Some(field) if templates.is_empty() => {
            let include: Vec<_> = search.activities.iter().map(|id| field_value(field, *id)).collect();
            json!({"terms": {"field": field.name, "size": include.len(), "include": include}})
        }
        _ => {
            let activity =
                |id: &u64| per_group(&search.indices.groups, |group| activity_filter(group, &[*id], templates));
            json!({"filters": {"filters": search.activities.iter().map(activity).collect::<Vec<_>>()}})
        }
    }
}

/// The query for events of any of these activities.
fn activity_filter(group: &IndexGroup, activities: &[u64], templates: &[PageTemplate]) -> Value {
    let field = group.fields.activity;
    let by_id = json!({"terms": {field.name: activities.iter().map(|id| field_value(field, *id)).collect::<Vec<_>>()}});
    match group.fields.page {
        Some(address) if !templates.is_empty() => {
            let mut either = vec![by_id];
            either.extend(page_template::queries(templates, address.name, activities));
            any_of(&either)
        }
        _ => by_id,
    }
}

/// One query over all groups. If it differs between groups, each group's query is limited to the indices of the group.
fn per_group(groups: &[IndexGroup], query: impl Fn(&IndexGroup) -> Value) -> Value {
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
    any_of(&either.collect::<Vec<_>>())
}

/// A number in the form of the field.
fn field_value<N: ToString + Into<Value>>(field: Field, number: N) -> Value {
    if field.form == Form::Text { Value::String(number.to_string()) } else { number.into() }
}

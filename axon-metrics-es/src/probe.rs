//! The probe of the indices: the types of their fields, the number of their records, the unit of their times, and the
//! records that cannot be used.
//! Lives here: the searches, and the meaning of the replies. Lives elsewhere: when a probe runs (`mapping_cache`), the
//! indices behind a name (`names`), the types (`field_types`), what counts as lost (`losses`).
//!
//! A probe is two requests. The first reads the mapped types of all indices, and leaves out one that is missing or that
//! the user may not read. If a name is not that of an index, or the server refuses one of them, each name is asked for by
//! a request of its own. The second is one search per target: it tells a missing index from a hidden one, counts records,
//! and counts times per plausible unit. None of its counts reads a document. Only if they show that records cannot be
//! used, a third request counts these.

use std::time::Duration;

use axon_metrics::Timestamp;
use serde_json::{Value, json};

use crate::{
    error::Fault,
    field_types,
    index_groups::PURCHASE,
    losses::{self, IGNORED, Losses, MAX_SKEW, Suspects},
    mapping::{
        ACTIVITY, DEFINITION, FIELD_NAMES, FieldNames, IndexFields, IndexMapping, IndexState, Mappings, PAGE,
        PROPERTIES, SESSION, SearchName, TRIGGER, USER,
    },
    names::{self, Meaning, Resolved, Target},
    reply::{self, Outcome, SearchReply},
    time_encoding::{self, TimeEncoding, Units},
    times::Times,
    wall_clock::WallClock,
};

/// The fields whose types are probed, as a list for the request.
pub(crate) fn fields() -> String {
    let names = FIELD_NAMES.iter().flat_map(|names| [names.plain, names.keyword]);
    names.chain([time_encoding::FIELD, PROPERTIES]).collect::<Vec<_>>().join(",")
}

/// The field of a target; `None` if it is mapped in a form that cannot be queried.
fn field(names: &FieldNames, target: &Target) -> Option<crate::mapping::Field> {
    let kind = |field| field_types::type_of(&target.types, field);
    names.field(kind(names.plain), kind(names.keyword))
}

/// Whether a target is searched: a name that means nothing is searched to learn why, but a pattern matches nothing
/// silently.
fn is_searched(target: &Target) -> bool {
    target.refused.is_none() && !(target.indices.is_empty() && names::is_pattern(&target.name))
}

/// The header of a search of a target, and the query that limits it to the indices of the target.
fn header(lines: &mut String, target: &Target, body: &mut Value) {
    if !target.whole {
        body["query"] = json!({"terms": {"_index": target.indices}});
    }
    line(lines, &json!({"index": [target.name]}));
    line(lines, body);
}

/// One search per target that is searched: the number of records, and the number with a plausible time in each unit.
/// Whether any field of a record was ignored, purchases in an index that is not one of purchases, and the newest time.
pub(crate) fn count_searches(targets: &[Target]) -> (String, usize) {
    let (mut lines, mut count) = (String::new(), 0);
    for target in targets.iter().filter(|target| is_searched(target)) {
        let mut body = json!({"size": 0, "track_total_hits": true});
        if let Some(storage) = field_types::time_storage(&target.types) {
            let units = Units::ALL.map(|units| Times::plausible_in(storage, units));
            let purchases = match field(&TRIGGER, target) {
                Some(trigger) if !target.purchases => json!({"term": {trigger.name: PURCHASE}}),
                _ => json!({"match_none": {}}),
            };
            let ignored = json!({"exists": {"field": IGNORED}});
            body["aggs"] = json!({
                "units": {"filters": {"filters": units}},
                "checks": {"filters": {"filters": [ignored, purchases]}},
                "newest": {"max": {"field": time_encoding::FIELD}},
            });
        }
        header(&mut lines, target, &mut body);
        count += 1;
    }
    (lines, count)
}

/// One search per readable index and unit: the newest time before an instant. With the encoding of each search. None for an
/// index whose newest record is known.
pub(crate) fn newest_time_searches(
    mappings: &Mappings,
    before: Timestamp,
    clock: WallClock,
) -> (String, Vec<TimeEncoding>) {
    let (mut lines, mut encodings) = (String::new(), Vec::new());
    for index in &mappings.indices {
        if let IndexState::Readable { fields, losses, .. } = &index.state {
            if losses.newest.is_some_and(|newest| newest < before) {
                continue;
            }
            for encoding in fields.times.encodings() {
                let mut filter = vec![encoding.before(clock.stored(before))];
                if !index.indices.contains(&index.name) {
                    filter.push(json!({"terms": {"_index": index.indices}}));
                }
                line(&mut lines, &json!({"index": [index.name]}));
                line(
                    &mut lines,
                    &json!({
                        "size": 0, "track_total_hits": true, "query": {"bool": {"filter": filter}},
                        "aggs": {"newest": {"max": {"field": time_encoding::FIELD}}},
                    }),
                );
                encodings.push(encoding);
            }
        }
    }
    (lines, encodings)
}

/// Shards of an index are missing, so the probe proves nothing. Answers are partial meanwhile, so the cache keeps its
/// mapping longer.
pub(crate) const PARTIAL_PROBE: Fault = Fault::Changed("the index probe is partial: a shard failed or timed out");

/// Appends one line to a request.
pub(crate) fn line(lines: &mut String, value: &Value) {
    lines.push_str(&value.to_string());
    lines.push('\n');
}

/// What a probe depends on besides the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProbeSettings {
    /// Page templates are configured.
    pub(crate) pages: bool,
    pub(crate) as_of: Timestamp,
    pub(crate) clock: WallClock,
}

/// The mapping of each target, from the names and the counts.
pub(crate) fn mappings(
    resolved: &[Resolved],
    targets: Vec<Target>,
    counts: Vec<Outcome<SearchReply>>,
    settings: ProbeSettings,
) -> Result<Mappings, Fault> {
    let mut counts = counts.into_iter();
    let (mut indices, mut names) = (Vec::with_capacity(targets.len()), Vec::<SearchName>::new());
    for target in targets {
        let state = match &target.refused {
            Some(fault) => refused(fault.clone())?,
            None if !is_searched(&target) => IndexState::Missing,
            None => {
                let reply = counts.next().ok_or(Fault::Wrong("the reply lacks a count of the probe"))?;
                let shards = reply.as_ref().map_or(0, |reply| reply.shards);
                let behind = resolved.iter().find(|one| one.name == target.name).map(|one| &one.meaning);
                if let Some(Meaning::Indices(behind)) = behind
                    && !names.iter().any(|name| name.name == target.name)
                {
                    names.push(SearchName { name: target.name.clone(), indices: behind.clone(), shards });
                }
                state(&target, reply, settings)?
            }
        };
        let label = target.label();
        let Target { name, indices: behind, events, purchases, .. } = target;
        indices.push(IndexMapping { label, name, indices: behind, events, purchases, state });
    }
    // An empty index behind a name that has others is the next one of a rollover, and lacks nothing.
    let readable: Vec<String> =
        indices.iter().filter(|index| is_readable(index)).map(|index| index.name.clone()).collect();
    indices.retain(|index| index.state != IndexState::Empty || !readable.contains(&index.name));
    Ok(Mappings { indices, names, checked_at: settings.as_of })
}

fn is_readable(index: &IndexMapping) -> bool {
    matches!(index.state, IndexState::Readable { .. })
}

/// The state of a name that the server refused to read.
fn refused(fault: Fault) -> Result<IndexState, Fault> {
    match fault {
        Fault::Blocked(block) => Ok(IndexState::Blocked(block)),
        Fault::Denied(missing) if missing != reply::CREDENTIALS => Ok(IndexState::Denied(missing)),
        fault => Err(fault),
    }
}

fn state(target: &Target, count: Outcome<SearchReply>, settings: ProbeSettings) -> Result<IndexState, Fault> {
    let reply = match count {
        Ok(reply) => reply,
        Err(fault) if reply::is_missing_index(&fault) => return Ok(IndexState::Missing),
        Err(fault) => return refused(fault),
    };
    if reply.partial {
        return Err(PARTIAL_PROBE);
    }
    if target.indices.is_empty() {
        return Err(Fault::Changed("an index was created during the probe"));
    }
    if reply.total == 0 {
        return Ok(IndexState::Empty);
    }
    let unreadable = |why| Ok(IndexState::Unreadable(why));
    let field = |names: &FieldNames| field(names, target);
    let Some(trigger) = field(&TRIGGER).filter(|field| field.mapped) else {
        return unreadable("triggerType is mapped neither as keyword nor with a keyword subfield");
    };
    if !matches!(field_types::type_of(&target.types, PROPERTIES), None | Some("object")) {
        return unreadable("properties is not mapped as an object");
    }
    let Some(activity) = field(&ACTIVITY) else {
        return unreadable("properties.activityId is mapped as a type that ids cannot be searched in");
    };
    let Some(storage) = field_types::time_storage(&target.types) else {
        return unreadable("occurredAt is mapped neither as date nor as long, double or float");
    };
    let units = reply.units.ok_or(Fault::Wrong("the reply lacks the counts per time unit"))?;
    let page = field(&PAGE);
    if settings.pages && page.is_none() {
        return unreadable("pageUrl is mapped neither as keyword nor with a keyword subfield");
    }
    let by_page = settings.pages && page.is_some_and(|page| page.mapped);
    if !activity.mapped && !by_page {
        return Ok(IndexState::NoActivityIds);
    }
    let wrong = || Fault::Wrong("the counts per time unit do not match the request");
    let units = <[u64; 3]>::try_from(units).map_err(|_| wrong())?;
    let Some(times) = Times::new(storage, units).or_else(|| Times::of_no_record(storage)) else {
        return unreadable("occurredAt holds no time between 2001 and 2286 in any unit");
    };
    let wrong = Fault::Wrong("the reply lacks the counts of ignored fields and of purchases");
    let [ignored, purchases] = <[u64; 2]>::try_from(reply.checks.unwrap_or_default()).map_err(|_| wrong)?;
    let newest = reply.newest.and_then(|stored| times.timestamp(stored)).and_then(|at| settings.clock.real(at));
    let fields = IndexFields {
        trigger,
        activity,
        times,
        user: field(&USER),
        session: field(&SESSION),
        definition: field(&DEFINITION),
        page,
    };
    let plausible = units.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let suspects = Suspects { without_time: reply.total.saturating_sub(plausible), ignored };
    // Of several units the greatest number says nothing about the others.
    let newest = newest.filter(|_| times.only().is_some());
    let may_lie_ahead = newest.is_none_or(|newest| newest >= settings.as_of + MAX_SKEW);
    Ok(IndexState::Readable {
        fields,
        records: reply.total,
        others: plausible.saturating_sub(units.iter().copied().max().unwrap_or(0)),
        losses: Losses { purchases, newest, ..Losses::at_most(suspects, may_lie_ahead) },
    })
}

/// The searches that count the records which cannot be used, of each index that may have some. With the index of the
/// mapping that each of them is about, and whether it counts those that depend on the instant.
pub(crate) fn loss_searches(
    mappings: &Mappings,
    settings: ProbeSettings,
    timeout: Duration,
) -> (String, Vec<(usize, bool)>) {
    let timeout = format!("{}ms", (timeout * 7 / 8).as_millis().max(1));
    let (mut lines, mut searches) = (String::new(), Vec::new());
    for (index, mapping) in mappings.indices.iter().enumerate() {
        let IndexState::Readable { fields, losses: Losses { uncounted, .. }, .. } = &mapping.state else { continue };
        let mut search = |filters: Vec<Value>, moving: bool| {
            let mut body = json!({
                "size": 0, "track_total_hits": true, "timeout": timeout,
                "aggs": {"losses": {"filters": {"filters": filters}}},
            });
            let behind = mappings.names.iter().find(|name| name.name == mapping.name).map(|name| &name.indices);
            if behind != Some(&mapping.indices) {
                body["query"] = json!({"terms": {"_index": mapping.indices}});
            }
            line(&mut lines, &json!({"index": [mapping.name]}));
            line(&mut lines, &body);
            searches.push((index, moving));
        };
        if uncounted.fixed {
            search(losses::fixed_filters(fields, settings.pages), false);
        }
        if uncounted.moving {
            search(losses::moving_filters(fields, settings.as_of, settings.clock), true);
        }
    }
    (lines, searches)
}

/// Adds the counts of [`loss_searches`] to the mapping. Those that failed are left as unknown.
pub(crate) fn add_losses(mappings: &mut Mappings, searches: &[(usize, bool)], counts: Vec<Outcome<SearchReply>>) {
    for ((index, moving), count) in searches.iter().zip(counts) {
        let counts = count.ok().filter(|reply| !reply.partial).and_then(|reply| reply.losses);
        if let (Some(IndexMapping { state: IndexState::Readable { losses, .. }, .. }), Some(counts)) =
            (mappings.indices.get_mut(*index), counts)
        {
            if *moving { losses.read_moving(&counts) } else { losses.read_fixed(&counts) }
        }
    }
}

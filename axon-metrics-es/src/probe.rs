//! The probe of the indices: the types of their fields, the number of their records, the unit of their times.
//! Lives here: the requests, and the meaning of the replies. Lives elsewhere: when a probe runs (`mapping_cache`).
//!
//! A probe is two requests. The first reads the mapped types, and leaves out an index that is missing or that the user
//! may not read. The second is one search per index: it tells the two cases apart, counts records, and counts times per
//! plausible unit.

use std::collections::BTreeMap;

use axon_metrics::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::Fault,
    mapping::{
        ACTIVITY, DEFINITION, FIELD_NAMES, FieldNames, IndexFields, IndexMapping, IndexState, Mappings, PAGE,
        PROPERTIES, SESSION, TRIGGER, USER,
    },
    options::EsOptions,
    reply::{self, Outcome, SearchReply},
    time_encoding::{self, TimeEncoding, TimeStorage, Units},
    times::{Times, VALID_SECONDS},
    unique_keys::UniqueKeys,
};

/// The names of all indices, sorted, without duplicates.
pub(crate) fn indices(options: &EsOptions) -> Vec<&str> {
    let mut names: Vec<&str> =
        options.event_indices.iter().chain(&options.purchase_indices).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The fields whose types are probed, as a list for the request.
pub(crate) fn fields() -> String {
    let names = FIELD_NAMES.iter().flat_map(|names| [names.plain, names.keyword]);
    names.chain([time_encoding::FIELD, PROPERTIES]).collect::<Vec<_>>().join(",")
}

/// The mapped types, by field and index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldTypes {
    indices: Vec<String>,
    by_field: BTreeMap<String, Vec<TypeInIndices>>,
}

/// A type, and the indices in which the field has it. `None`: in all of them.
type TypeInIndices = (String, Option<Vec<String>>);

fn is_type_in((_, indices): &TypeInIndices, index: &str) -> bool {
    indices.as_ref().is_none_or(|indices| indices.iter().any(|name| name == index))
}

impl FieldTypes {
    /// # Errors
    /// [`Fault::Form`] if the reply has another form or a duplicate key. [`Fault::Wrong`] if it contradicts itself, or
    /// names an index that is not in `indices`: then a configured name is an alias.
    pub(crate) fn read(body: &[u8], indices: &[&str]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Capabilities {
            indices: Vec<String>,
            #[serde(default)]
            fields: UniqueKeys<UniqueKeys<Capability>>,
        }
        #[derive(Deserialize)]
        struct Capability {
            r#type: String,
            indices: Option<Vec<String>>,
        }
        let reply: Capabilities = reply::parse(body, "fields")?;
        if reply.indices.iter().any(|index| !indices.contains(&index.as_str())) {
            return Err(Fault::Wrong("a configured index name is an alias: configure the name of the index"));
        }
        let by_field = reply.fields.0.into_iter().map(|(field, types)| {
            (field, types.0.into_values().map(|capability| (capability.r#type, capability.indices)).collect())
        });
        let by_field: BTreeMap<String, Vec<TypeInIndices>> = by_field.collect();
        let has_two_types = |types: &Vec<TypeInIndices>, index| {
            types.iter().filter(|mapped| is_type_in(mapped, index)).nth(1).is_some()
        };
        if by_field.values().any(|types| reply.indices.iter().any(|index| has_two_types(types, index))) {
            return Err(Fault::Wrong("the reply gives a field two types in one index"));
        }
        Ok(Self { indices: reply.indices, by_field })
    }

    fn has(&self, index: &str) -> bool {
        self.indices.iter().any(|name| name == index)
    }

    /// The type of a field in an index; `None` if it is not mapped there.
    fn of(&self, field: &str, index: &str) -> Option<&str> {
        let types = self.by_field.get(field)?;
        let mapped = types.iter().find(|mapped| is_type_in(mapped, index));
        mapped.map(|(kind, _)| kind.as_str()).filter(|kind| *kind != "unmapped")
    }

    fn time_storage(&self, index: &str) -> Option<TimeStorage> {
        match self.of(time_encoding::FIELD, index)? {
            "date" | "date_nanos" => Some(TimeStorage::Date),
            "long" => Some(TimeStorage::Whole),
            "double" => Some(TimeStorage::Double),
            "float" => Some(TimeStorage::Float),
            _ => None,
        }
    }
}

/// One search per index: the number of records, and the number with a plausible time in each unit.
pub(crate) fn count_searches(indices: &[&str], types: &FieldTypes) -> String {
    let mut lines = String::new();
    for index in indices {
        let mut body = json!({"size": 0, "track_total_hits": true});
        if let Some(storage) = types.time_storage(index) {
            let within = |units: Units| {
                let (from, to) = (VALID_SECONDS.0 * units.per_second(), VALID_SECONDS.1 * units.per_second());
                TimeEncoding::between(storage, from, to)
            };
            body["aggs"] = json!({"units": {"filters": {"filters": Units::ALL.map(within)}}});
        }
        line(&mut lines, &json!({"index": [index]}));
        line(&mut lines, &body);
    }
    lines
}

/// One search per readable index and unit: the newest time before an instant. With the encoding of each search.
pub(crate) fn newest_time_searches(mappings: &Mappings, before: Timestamp) -> (String, Vec<TimeEncoding>) {
    let (mut lines, mut encodings) = (String::new(), Vec::new());
    for index in &mappings.indices {
        if let IndexState::Readable { fields, .. } = &index.state {
            for encoding in fields.times.encodings() {
                line(&mut lines, &json!({"index": [index.name]}));
                line(
                    &mut lines,
                    &json!({
                        "size": 0, "track_total_hits": true, "query": {"bool": {"filter": [encoding.before(before)]}},
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

/// The mapping of each index, from its types and counts.
pub(crate) fn mappings(
    options: &EsOptions,
    indices: &[&str],
    types: &FieldTypes,
    counts: Vec<Outcome<SearchReply>>,
) -> Result<Mappings, Fault> {
    let index = |(name, count): (&&str, Outcome<SearchReply>)| {
        let is_in = |names: &[String]| names.iter().any(|one| one == name);
        Ok(IndexMapping {
            name: (*name).to_owned(),
            events: is_in(&options.event_indices),
            purchases: is_in(&options.purchase_indices),
            state: state(name, types, count, !options.page_templates.is_empty())?,
        })
    };
    Ok(Mappings { indices: indices.iter().zip(counts).map(index).collect::<Result<_, Fault>>()? })
}

/// `pages`: page templates are configured.
fn state(index: &str, types: &FieldTypes, count: Outcome<SearchReply>, pages: bool) -> Result<IndexState, Fault> {
    let reply = match count {
        Ok(reply) => reply,
        Err(fault) if reply::is_missing_index(&fault) => return Ok(IndexState::Missing),
        Err(fault) => return Err(fault),
    };
    if reply.partial {
        return Err(PARTIAL_PROBE);
    }
    if !types.has(index) {
        return Err(Fault::Changed("an index was created during the probe"));
    }
    if reply.total == 0 {
        return Ok(IndexState::Empty);
    }
    let unreadable = |why| Ok(IndexState::Unreadable(why));
    let field = |names: &FieldNames| names.field(types.of(names.plain, index), types.of(names.keyword, index));
    let Some(trigger) = field(&TRIGGER).filter(|field| field.mapped) else {
        return unreadable("triggerType is mapped neither as keyword nor with a keyword subfield");
    };
    if !matches!(types.of(PROPERTIES, index), None | Some("object")) {
        return unreadable("properties is not mapped as an object");
    }
    let Some(activity) = field(&ACTIVITY) else {
        return unreadable("properties.activityId is mapped as a type that ids cannot be searched in");
    };
    let Some(storage) = types.time_storage(index) else {
        return unreadable("occurredAt is mapped neither as date nor as long, double or float");
    };
    let units = reply.units.ok_or(Fault::Wrong("the reply lacks the counts per time unit"))?;
    let page = field(&PAGE);
    if pages && page.is_none() {
        return unreadable("pageUrl is mapped neither as keyword nor with a keyword subfield");
    }
    let by_page = pages && page.is_some_and(|page| page.mapped);
    if !activity.mapped && !by_page {
        return Ok(IndexState::NoActivityIds);
    }
    let wrong = || Fault::Wrong("the counts per time unit do not match the request");
    let units = <[u64; 3]>::try_from(units).map_err(|_| wrong())?;
    let Some(times) = Times::new(storage, units) else {
        return unreadable("occurredAt holds no time between 2001 and 2286 in any unit");
    };
    Ok(IndexState::Readable {
        fields: IndexFields {
            trigger,
            activity,
            times,
            user: field(&USER),
            session: field(&SESSION),
            definition: field(&DEFINITION),
            page,
        },
        records: reply.total,
        others: units.iter().sum::<u64>().saturating_sub(units.iter().copied().max().unwrap_or(0)),
        shards: reply.shards,
    })
}

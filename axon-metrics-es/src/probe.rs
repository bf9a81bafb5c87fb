//! The probe of the indices: how their fields are mapped, how many records they hold, in which unit their times are stored.
//! Lives here: the requests, and what the replies mean. Lives elsewhere: when they are sent (`mapping_cache`).
//!
//! Two requests: the mapped types, which say nothing of an index that is missing or hidden for want of a right; then one
//! search per index, which says which of the two it is, counts records, and counts times by the unit that they must be in.

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

/// The names of the indices, each once, in their order.
pub(crate) fn indices(options: &EsOptions) -> Vec<&str> {
    let mut names: Vec<&str> =
        options.event_indices.iter().chain(&options.purchase_indices).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The fields whose types are asked for.
pub(crate) fn fields() -> String {
    let named = FIELD_NAMES.iter().flat_map(|names| [names.plain, names.keyword]);
    named.chain([time_encoding::FIELD, PROPERTIES]).collect::<Vec<_>>().join(",")
}

/// The mapped types, by field and index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldTypes {
    indices: Vec<String>,
    by_field: BTreeMap<String, Vec<TypeInIndices>>,
}

/// A type, and the indices in which the field has it; without a list in all of them.
type TypeInIndices = (String, Option<Vec<String>>);

fn is_type_in((_, indices): &TypeInIndices, index: &str) -> bool {
    indices.as_ref().is_none_or(|indices| indices.iter().any(|name| name == index))
}

impl FieldTypes {
    /// # Errors
    /// [`Fault::Form`] if it is no such answer, or if a name stands in it twice; [`Fault::Wrong`] if it contradicts itself, or
    /// is about an index that was not asked for: the name given is an alias.
    pub(crate) fn read(body: &[u8], asked: &[&str]) -> Result<Self, Fault> {
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
        let found: Capabilities = reply::typed(body, "fields")?;
        if found.indices.iter().any(|index| !asked.contains(&index.as_str())) {
            return Err(Fault::Wrong("a configured name is an alias, not the name of an index"));
        }
        let by_field = found.fields.0.into_iter().map(|(field, types)| {
            (field, types.0.into_values().map(|capability| (capability.r#type, capability.indices)).collect())
        });
        let by_field: BTreeMap<String, Vec<TypeInIndices>> = by_field.collect();
        let two_types = |types: &Vec<TypeInIndices>, index| {
            types.iter().filter(|mapped| is_type_in(mapped, index)).nth(1).is_some()
        };
        if by_field.values().any(|types| found.indices.iter().any(|index| two_types(types, index))) {
            return Err(Fault::Wrong("a field has two types in one index"));
        }
        Ok(Self { indices: found.indices, by_field })
    }

    fn has(&self, index: &str) -> bool {
        self.indices.iter().any(|found| found == index)
    }

    /// The type of a field in an index; `None` if it is not mapped there.
    fn of(&self, field: &str, index: &str) -> Option<&str> {
        let types = self.by_field.get(field)?;
        let found = types.iter().find(|mapped| is_type_in(mapped, index));
        found.map(|(kind, _)| kind.as_str()).filter(|kind| *kind != "unmapped")
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

/// One search per index: how many records, and how many with a time in each unit.
pub(crate) fn counting(indices: &[&str], types: &FieldTypes) -> String {
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

/// One search per readable index and unit: the newest time before an instant.
pub(crate) fn newest(mappings: &Mappings, before: Timestamp) -> (String, Vec<TimeEncoding>) {
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

/// Shards are missing. Answers are partial meanwhile, so that the cached mapping can be used longer.
pub(crate) const PARTIAL_PROBE: Fault = Fault::Changed("an index could not be probed as a whole");

/// Adds a line of a request.
pub(crate) fn line(lines: &mut String, value: &Value) {
    lines.push_str(&value.to_string());
    lines.push('\n');
}

/// What the counts say of each index.
pub(crate) fn mappings(
    options: &EsOptions,
    indices: &[&str],
    types: &FieldTypes,
    counted: Vec<Outcome<SearchReply>>,
) -> Result<Mappings, Fault> {
    let index = |(name, counted): (&&str, Outcome<SearchReply>)| {
        let named = |names: &[String]| names.iter().any(|listed| listed == name);
        Ok(IndexMapping {
            name: (*name).to_owned(),
            events: named(&options.event_indices),
            purchases: named(&options.purchase_indices),
            state: state(name, types, counted, !options.page_templates.is_empty())?,
        })
    };
    Ok(Mappings { indices: indices.iter().zip(counted).map(index).collect::<Result<_, Fault>>()? })
}

fn state(index: &str, types: &FieldTypes, counted: Outcome<SearchReply>, pages: bool) -> Result<IndexState, Fault> {
    let counted = match counted {
        Ok(counted) => counted,
        Err(fault) if reply::is_missing_index(&fault) => return Ok(IndexState::Missing),
        Err(fault) => return Err(fault),
    };
    if counted.partial {
        return Err(PARTIAL_PROBE);
    }
    if !types.has(index) {
        return Err(Fault::Changed("an index came into being while it was probed"));
    }
    if counted.total == 0 {
        return Ok(IndexState::Empty);
    }
    let unreadable = |why| Ok(IndexState::Unreadable(why));
    let field = |names: &FieldNames| names.field(types.of(names.plain, index), types.of(names.keyword, index));
    let Some(trigger) = field(&TRIGGER).filter(|field| field.mapped) else {
        return unreadable("triggerType is mapped neither as keyword nor with one beside it");
    };
    if !matches!(types.of(PROPERTIES, index), None | Some("object")) {
        return unreadable("properties is mapped as something else than an object");
    }
    let Some(activity) = field(&ACTIVITY) else {
        return unreadable("properties.activityId is mapped in a form that ids cannot be found in");
    };
    let Some(storage) = types.time_storage(index) else {
        return unreadable("occurredAt is mapped neither as date nor as long, double or float");
    };
    let units = counted.units.ok_or(Fault::Wrong("the counts by unit are missing"))?;
    let page = field(&PAGE);
    if pages && page.is_none() {
        return unreadable("pageUrl is mapped neither as keyword nor with one beside it");
    }
    let by_page = pages && page.is_some_and(|page| page.mapped);
    if !activity.mapped && !by_page {
        return Ok(IndexState::NoActivityIds);
    }
    let wrong = || Fault::Wrong("the counts by unit are not those asked for");
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
        records: counted.total,
        others: units.iter().sum::<u64>().saturating_sub(units.iter().copied().max().unwrap_or(0)),
        shards: counted.shards,
    })
}

//! Replies of Elasticsearch, read strictly: a number is believed only if everything that goes with it is there.
//! Lives here: what a reply may look like, and what a failure in it means. Lives elsewhere: what was asked (`query`,
//! `probe`), what the numbers become (`answer`).
//!
//! A reply has three layers that can each fail: the HTTP status, the status of each search, and the shards of a search. A
//! search that lost shards or time says smaller numbers with status 200: they are passed on as partial, never as whole.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::{Fault, Kind},
    plan::MAX_SERIES,
    transport::Reply,
};

/// The parts of a reply to several searches that the server sends. Names all that is read below, so that nothing is missing by mistake.
pub(crate) const FILTER: &str = "responses.status,responses.error.type,responses.error.reason,\
    responses.error.root_cause.type,responses.error.caused_by.type,responses._shards,responses.timed_out,\
    responses.hits.total,responses.aggregations";

/// How one search went.
pub(crate) type Outcome<T> = Result<T, Fault>;

/// A search that can be believed, at least in part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchReply {
    pub(crate) total: u64,
    /// Some shards failed or did not answer, or time ran out.
    pub(crate) partial: bool,
    /// Some shards said that they could not.
    pub(crate) failed: bool,
    pub(crate) shards: u64,
    pub(crate) users: Option<u64>,
    pub(crate) sessions: Option<u64>,
    pub(crate) series: [Option<CellCounts>; MAX_SERIES],
    pub(crate) activities: Option<Vec<(Option<u64>, u64)>>,
    pub(crate) units: Option<Vec<u64>>,
    pub(crate) newest: Option<f64>,
}

/// Buckets of time, each with its key where it has one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellCounts {
    pub(crate) total: u64,
    pub(crate) buckets: Vec<(Option<f64>, u64)>,
}

/// The body of a reply with status 200.
pub(crate) fn good(reply: Reply) -> Result<Vec<u8>, Fault> {
    if reply.status == 200 {
        return Ok(reply.body);
    }
    #[derive(Deserialize)]
    struct Failure<'a> {
        #[serde(borrow)]
        error: &'a RawValue,
    }
    let error = serde_json::from_slice::<Failure<'_>>(&reply.body).map(|failure| Error::read(failure.error));
    Err(error.unwrap_or_default().fault(reply.status))
}

/// The searches of a reply, in the order asked.
pub(crate) fn searches(body: &[u8], asked: usize) -> Result<Vec<Outcome<SearchReply>>, Fault> {
    #[derive(Deserialize)]
    struct Replies<'a> {
        #[serde(borrow)]
        responses: Vec<&'a RawValue>,
    }
    let replies: Replies<'_> = typed(body, "the reply")?;
    if replies.responses.len() != asked {
        return Err(Fault::Wrong("the reply has not one search for each that was asked"));
    }
    Ok(replies.responses.into_iter().enumerate().map(|(index, reply)| search(index, reply.get())).collect())
}

/// Reads JSON of a form. What it says instead is in no error, only where.
pub(crate) fn typed<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| error.path().to_string());
    let read = read.and_then(|value| json.end().map(|()| value).map_err(|_| "its end".to_owned()));
    read.map_err(|path| Fault::Form { at: format!("{what}: {}", path.chars().take(80).collect::<String>()) })
}

/// One search.
fn search(index: usize, reply: &str) -> Outcome<SearchReply> {
    let reply: SearchBody<'_> = typed(reply.as_bytes(), &format!("responses[{index}]"))?;
    let status = reply.status.ok_or(Fault::Wrong("a search has no status"))?;
    if let Some(error) = reply.error {
        return Err(Error::read(error).fault(if status == 200 { 500 } else { status }));
    }
    if status != 200 {
        return Err(Error::default().fault(status));
    }
    let shards = reply.shards.ok_or(Fault::Wrong("a search does not say how its shards went"))?;
    let timed_out = reply.timed_out.ok_or(Fault::Wrong("a search does not say whether it timed out"))?;
    if shards.total == 0 {
        // A missing, closed or hidden index looks like this, and its numbers are zeros.
        return Err(Fault::Changed("nothing was searched"));
    }
    if shards.successful == 0 {
        let kind = shards.kind();
        return Err(if is_busy(&kind) { Fault::Busy } else { Fault::Failing { status, kind } });
    }
    let known = shards.successful.checked_add(shards.failed);
    if known.is_none_or(|known| known > shards.total) {
        return Err(Fault::Wrong("more shards answered than there are"));
    }
    let total = reply.hits.ok_or(Fault::Wrong("a search does not say how many it found"))?.total;
    if total.relation != "eq" {
        return Err(Fault::Wrong("a search found at least so many, not how many"));
    }
    let aggregations = reply.aggregations.unwrap_or_default();
    Ok(SearchReply {
        total: total.value,
        partial: timed_out || shards.any_failed() || shards.successful < shards.total,
        failed: shards.any_failed(),
        shards: shards.total,
        users: aggregations.users.or(aggregations.named.map(|group| group.users)).map(|count| count.value),
        sessions: aggregations.anonymous.map(|group| group.sessions.value),
        series: [aggregations.hours, aggregations.hours_1, aggregations.hours_2, aggregations.hours_3].map(|group| {
            group.map(|group| CellCounts {
                total: group.doc_count,
                buckets: group.each.buckets.into_iter().map(|bucket| (bucket.key, bucket.doc_count)).collect(),
            })
        }),
        activities: aggregations.activities.map(Groups::counts).transpose()?,
        units: aggregations.units.map(|units| units.buckets.iter().map(|bucket| bucket.doc_count).collect()),
        newest: aggregations.newest.and_then(|newest| newest.value),
    })
}

#[derive(Deserialize)]
struct SearchBody<'a> {
    status: Option<u16>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    timed_out: Option<bool>,
    #[serde(rename = "_shards")]
    shards: Option<Shards>,
    hits: Option<Hits>,
    aggregations: Option<Aggregations>,
}

#[derive(Deserialize)]
struct Shards {
    total: u64,
    successful: u64,
    failed: u64,
    #[serde(default)]
    failures: Failures,
}

impl Shards {
    fn kind(&self) -> Kind {
        self.failures.first_type.as_deref().map_or_else(Kind::default, Kind::new)
    }

    fn any_failed(&self) -> bool {
        self.failed > 0 || self.failures.any
    }
}

/// A list of why shards failed, of which only the first type that is told is held.
#[derive(Default)]
struct Failures {
    any: bool,
    first_type: Option<String>,
}

impl<'de> Deserialize<'de> for Failures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FailureList)
    }
}

#[derive(Deserialize)]
struct ShardFailure {
    #[serde(default)]
    reason: Option<Reason>,
}

struct FailureList;

impl<'de> Visitor<'de> for FailureList {
    type Value = Failures;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of failures of shards")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Failures, A::Error> {
        let mut read = Failures::default();
        while let Some(failure) = list.next_element::<ShardFailure>()? {
            read.any = true;
            read.first_type = read.first_type.or_else(|| failure.reason?.r#type);
        }
        Ok(read)
    }
}

#[derive(Deserialize)]
struct Hits {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
    relation: String,
}

#[derive(Deserialize, Default)]
struct Aggregations {
    users: Option<Count>,
    named: Option<Named>,
    anonymous: Option<Anonymous>,
    hours: Option<CellGroup>,
    hours_1: Option<CellGroup>,
    hours_2: Option<CellGroup>,
    hours_3: Option<CellGroup>,
    activities: Option<Groups>,
    units: Option<Buckets>,
    newest: Option<Newest>,
}

#[derive(Deserialize)]
struct Count {
    value: u64,
}

#[derive(Deserialize)]
struct Named {
    users: Count,
}

#[derive(Deserialize)]
struct Anonymous {
    sessions: Count,
}

#[derive(Deserialize)]
struct CellGroup {
    doc_count: u64,
    each: Buckets,
}

#[derive(Deserialize)]
struct Buckets {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    key: Option<f64>,
    doc_count: u64,
}

#[derive(Deserialize)]
struct Newest {
    value: Option<f64>,
}

/// Counts by activity: of a `terms` aggregation, or of one filter for each.
#[derive(Deserialize)]
struct Groups {
    doc_count_error_upper_bound: Option<i64>,
    sum_other_doc_count: Option<i64>,
    buckets: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    key: Option<Id>,
    doc_count: u64,
}

/// An id as the mapping has it: a whole number, one with a point, or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Whole(u64),
    Decimal(f64),
    Text(String),
}

impl Groups {
    fn counts(self) -> Result<Vec<(Option<u64>, u64)>, Fault> {
        if self.doc_count_error_upper_bound.unwrap_or(0) != 0 || self.sum_other_doc_count.unwrap_or(0) != 0 {
            return Err(Fault::Wrong("the counts by activity are not exact"));
        }
        let id = |key: Option<Id>| match key {
            None => Ok(None),
            Some(Id::Whole(id)) => Ok(Some(id)),
            Some(Id::Decimal(id)) if id.fract() == 0.0 => id.to_string().parse().map(Some).map_err(|_| ()),
            Some(Id::Text(id)) => id.parse().map(Some).map_err(|_| ()),
            Some(Id::Decimal(_)) => Err(()),
        };
        let count = |group: Group| id(group.key).map(|id| (id, group.doc_count));
        let counts: Result<_, ()> = self.buckets.into_iter().map(count).collect();
        counts.map_err(|()| Fault::Wrong("a key of the counts by activity is no id"))
    }
}

#[derive(Deserialize, Default)]
struct Reason {
    r#type: Option<String>,
    reason: Option<String>,
}

/// An error as Elasticsearch writes it: an object, or a plain sentence.
#[derive(Deserialize, Default)]
struct Error {
    #[serde(flatten)]
    reason: Reason,
    #[serde(default)]
    root_cause: Vec<Reason>,
    caused_by: Option<Reason>,
}

impl Error {
    fn read(error: &RawValue) -> Self {
        fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
            serde_json::from_str(text).ok()
        }
        read(error.get()).unwrap_or_default()
    }

    /// What the store calls it: the root cause, since what is above it only says that shards failed.
    fn kind(&self) -> Kind {
        let causes = self.root_cause.iter().chain(&self.caused_by).chain([&self.reason]);
        causes.filter_map(|cause| cause.r#type.as_deref()).map(Kind::new).next().unwrap_or_default()
    }

    fn fault(&self, status: u16) -> Fault {
        let kind = self.kind();
        match status {
            429 => Fault::Busy,
            _ if is_busy(&kind) => Fault::Busy,
            401 => Fault::Denied("credentials that Elasticsearch accepts".to_owned()),
            403 => Fault::Denied(privilege(self.reason.reason.as_deref().unwrap_or_default())),
            404 if kind.is(MISSING_INDEX) => Fault::Rejected { status, kind },
            400 if kind.is("index_closed_exception") => Fault::Changed("an index is closed"),
            408 | 500.. => Fault::Failing { status, kind },
            _ => Fault::Rejected { status, kind },
        }
    }
}

const MISSING_INDEX: &str = "index_not_found_exception";

fn is_busy(kind: &Kind) -> bool {
    ["es_rejected_execution_exception", "circuit_breaking_exception"].iter().any(|name| kind.is(name))
}

/// Whether a search failed since its index is not there.
pub(crate) fn is_missing_index(fault: &Fault) -> bool {
    matches!(fault, Fault::Rejected { status: 404, kind } if kind.is(MISSING_INDEX))
}

/// The privilege that Elasticsearch names as missing. Its sentence names the user and the roles too, which are left out.
fn privilege(reason: &str) -> String {
    let granting = reason.split_once("index privileges [").and_then(|(_, rest)| rest.split_once(']'));
    let is_list = |text: &str| {
        !text.is_empty() && text.len() <= 80 && text.bytes().all(|b| b.is_ascii_lowercase() || b"_,-".contains(&b))
    };
    match granting {
        Some((names, _)) if is_list(names) => format!("one of the index privileges [{names}] on a configured index"),
        _ => "a privilege on a configured index".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_privilege_is_named_and_the_user_is_not() {
        let reason = "action [indices:data/read/search] is unauthorized for user [u_a] with effective roles [r] on indices \
            [other-secret], this action is granted by the index privileges [read,all]";
        assert_eq!(privilege(reason), "one of the index privileges [read,all] on a configured index");
        assert_eq!(privilege("no such text"), "a privilege on a configured index");
        assert_eq!(privilege("index privileges [u ser]"), "a privilege on a configured index");
    }
}

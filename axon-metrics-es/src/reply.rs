//! Reads replies of Elasticsearch strictly: a number is accepted only with all the members that qualify it.
//! Lives here: the form of a reply, and the meaning of a failure in it. Lives elsewhere: the requests (`query`,
//! `probe`), the use of the numbers (`answer`).
//!
//! A reply can fail in three layers: the HTTP status, the status of each search, and the shards of a search. A search
//! that lost shards or ran out of time has smaller numbers with status 200. They are passed on as partial, never as
//! whole.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::{Block, Fault, Kind},
    transport::Reply,
};

/// The most series of one search. A reply has names for as many.
pub(crate) const MAX_SERIES: usize = 4;

/// The members of a reply that the server sends. Must name every member that is read below: others arrive as missing.
pub(crate) const FILTER: &str = "responses.status,responses.error.type,responses.error.reason,\
    responses.error.root_cause.type,responses.error.caused_by.type,responses._shards,responses.timed_out,\
    responses.hits.total,responses.aggregations";

/// The result of one search.
pub(crate) type Outcome<T> = Result<T, Fault>;

/// A valid reply to one search. It may be partial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SearchReply {
    pub(crate) total: u64,
    /// Some shards failed or did not answer, or the search timed out.
    pub(crate) partial: bool,
    /// Some shards failed.
    pub(crate) failed: bool,
    pub(crate) shards: u64,
    pub(crate) users: Option<u64>,
    pub(crate) sessions: Option<u64>,
    pub(crate) series: [Option<CellCounts>; MAX_SERIES],
    /// Id and count of each bucket. Buckets of filters have no id and come in the order of the filters.
    pub(crate) activities: Option<Vec<(Option<u64>, u64)>>,
    /// Records per time unit, of a probe.
    pub(crate) units: Option<Vec<u64>>,
    /// The newest stored time, of a probe.
    pub(crate) newest: Option<f64>,
    /// Records with an ignored field, and purchases, of a probe.
    pub(crate) checks: Option<Vec<u64>>,
    /// Records that cannot be used, of a probe.
    pub(crate) losses: Option<Vec<u64>>,
}

/// Counts per cell of a series. A bucket of a histogram has a key, a bucket of filters has none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellCounts {
    pub(crate) total: u64,
    pub(crate) buckets: Vec<(Option<f64>, u64)>,
}

/// The body of a reply with status 200; any other status is an error.
pub(crate) fn ok_body(reply: Reply) -> Result<Vec<u8>, Fault> {
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

/// The results of the searches, in the order of the request. `count` is the number of searches in the request.
pub(crate) fn searches(body: &[u8], count: usize) -> Result<Vec<Outcome<SearchReply>>, Fault> {
    #[derive(Deserialize)]
    struct Replies<'a> {
        #[serde(borrow)]
        responses: Vec<&'a RawValue>,
    }
    let replies: Replies<'_> = parse(body, "the reply")?;
    if replies.responses.len() != count {
        return Err(Fault::Wrong("the number of search replies differs from the number of searches"));
    }
    Ok(replies.responses.into_iter().enumerate().map(|(index, reply)| search(index, reply.get())).collect())
}

/// Parses JSON. An error names the place in the JSON and quotes nothing of it. `what` names the JSON in the error.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, Fault> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| error.path().to_string());
    let value = value.and_then(|value| json.end().map(|()| value).map_err(|_| "its end".to_owned()));
    value.map_err(|path| Fault::Form { at: format!("{what}: {}", path.chars().take(80).collect::<String>()) })
}

fn search(index: usize, reply: &str) -> Outcome<SearchReply> {
    let reply: SearchBody<'_> = parse(reply.as_bytes(), &format!("responses[{index}]"))?;
    let status = reply.status.ok_or(Fault::Wrong("a search reply lacks its status"))?;
    if let Some(error) = reply.error {
        return Err(Error::read(error).fault(if status == 200 { 500 } else { status }));
    }
    if status != 200 {
        return Err(Error::default().fault(status));
    }
    let shards = reply.shards.ok_or(Fault::Wrong("a search reply lacks its shard counts"))?;
    let timed_out = reply.timed_out.ok_or(Fault::Wrong("a search reply lacks its time-out flag"))?;
    if shards.total == 0 {
        // A missing, closed or hidden index looks like this, and all its counts are 0.
        return Err(Fault::Changed("no shard was searched: the index is missing, closed or hidden"));
    }
    if shards.successful == 0 {
        let kind = shards.kind();
        return Err(if is_busy(&kind) { Fault::Busy } else { Fault::Failing { status, kind } });
    }
    let answers = shards.successful.checked_add(shards.failed);
    if answers.is_none_or(|answers| answers > shards.total) {
        return Err(Fault::Wrong("a search reply counts more shards than there are"));
    }
    let total = reply.hits.ok_or(Fault::Wrong("a search reply lacks its total"))?.total;
    if total.relation != "eq" {
        return Err(Fault::Wrong("a search reply has a lower bound instead of an exact total"));
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
        units: aggregations.units.map(Buckets::counts),
        newest: aggregations.newest.and_then(|newest| newest.value),
        checks: aggregations.checks.map(Buckets::counts),
        losses: aggregations.losses.map(Buckets::counts),
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

/// The failures of shards. Only the first error type is kept, so that a long list takes no memory.
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
        f.write_str("a list of shard failures")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Failures, A::Error> {
        let mut failures = Failures::default();
        while let Some(failure) = list.next_element::<ShardFailure>()? {
            failures.any = true;
            failures.first_type = failures.first_type.or_else(|| failure.reason?.r#type);
        }
        Ok(failures)
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
    checks: Option<Buckets>,
    losses: Option<Buckets>,
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

impl Buckets {
    fn counts(self) -> Vec<u64> {
        self.buckets.iter().map(|bucket| bucket.doc_count).collect()
    }
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

/// Counts per activity: of a `terms` aggregation, or of one filter per activity.
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

/// An id in the form of its mapping: an integer, a decimal, or a text.
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
            return Err(Fault::Wrong("the counts per activity are not exact"));
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
        counts.map_err(|()| Fault::Wrong("a key of the counts per activity is not an id"))
    }
}

#[derive(Deserialize, Default)]
struct Reason {
    r#type: Option<String>,
    reason: Option<String>,
}

/// An error of Elasticsearch. One that is a plain sentence instead of an object is read as empty.
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
        fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
            serde_json::from_str(text).ok()
        }
        parse(error.get()).unwrap_or_default()
    }

    /// The type of the root cause, since the outer types only say that shards failed.
    fn kind(&self) -> Kind {
        let causes = self.root_cause.iter().chain(&self.caused_by).chain([&self.reason]);
        causes.filter_map(|cause| cause.r#type.as_deref()).map(Kind::new).next().unwrap_or_default()
    }

    fn block(&self) -> Block {
        let reasons = self.root_cause.iter().chain([&self.reason]).filter_map(|cause| cause.reason.as_deref());
        let is_closed = reasons.into_iter().any(|reason| reason.contains("/index closed]"));
        if is_closed { Block::Closed } else { Block::Reading }
    }

    fn fault(&self, status: u16) -> Fault {
        let kind = self.kind();
        match status {
            429 => Fault::Busy,
            _ if is_busy(&kind) => Fault::Busy,
            401 => Fault::Denied(CREDENTIALS.to_owned()),
            // A closed index is refused with the status of a missing right.
            _ if kind.is("cluster_block_exception") && status < 500 => Fault::Blocked(self.block()),
            400 if kind.is("index_closed_exception") => Fault::Blocked(Block::Closed),
            403 => Fault::Denied(privilege(self.reason.reason.as_deref().unwrap_or_default())),
            404 if kind.is(MISSING_INDEX) => Fault::Rejected { status, kind },
            408 | 500.. => Fault::Failing { status, kind },
            _ => Fault::Rejected { status, kind },
        }
    }
}

/// What is missing where the server does not know the user.
pub(crate) const CREDENTIALS: &str = "valid credentials";

const MISSING_INDEX: &str = "index_not_found_exception";

fn is_busy(kind: &Kind) -> bool {
    ["es_rejected_execution_exception", "circuit_breaking_exception"].iter().any(|name| kind.is(name))
}

/// Whether a search failed because its index does not exist.
pub(crate) fn is_missing_index(fault: &Fault) -> bool {
    matches!(fault, Fault::Rejected { status: 404, kind } if kind.is(MISSING_INDEX))
}

/// The privilege that Elasticsearch reports as missing, without the user and the roles that its message names, too.
fn privilege(reason: &str) -> String {
    let list = reason.split_once("index privileges [").and_then(|(_, rest)| rest.split_once(']'));
    let is_privilege_list = |text: &str| {
        !text.is_empty() && text.len() <= 80 && text.bytes().all(|b| b.is_ascii_lowercase() || b"_,-".contains(&b))
    };
    match list {
        Some((names, _)) if is_privilege_list(names) => {
            format!("one of the index privileges [{names}] on a configured index")
        }
        _ => "a privilege on a configured index".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_not_taken_for_a_missing_privilege() {
        let fault = |block: &str| {
            let reason = format!("index [events] blocked by: [FORBIDDEN/{block}];");
            let cause = serde_json::json!({"type": "cluster_block_exception", "reason": reason});
            let body = serde_json::json!({"error": {"root_cause": [cause], "reason": reason}, "status": 403});
            ok_body(Reply { status: 403, body: body.to_string().into() }).unwrap_err()
        };
        assert_eq!(fault("4/index closed]"), Fault::Blocked(Block::Closed));
        assert_eq!(fault("7/index read (api)]"), Fault::Blocked(Block::Reading));
    }

    #[test]
    fn a_missing_privilege_is_named_and_the_user_is_not() {
        let reason = "action [indices:data/read/search] is unauthorized for user [u_a] with effective roles [r] on indices \
            [other-secret], this action is granted by the index privileges [read,all]";
        assert_eq!(privilege(reason), "one of the index privileges [read,all] on a configured index");
        assert_eq!(privilege("no such text"), "a privilege on a configured index");
        assert_eq!(privilege("index privileges [u ser]"), "a privilege on a configured index");
    }
}

//! The requests that the platform's own dashboard sends for its activity page, in its order, one after the other.
//! Two generations of it: the older filters on page addresses with a leading wildcard, the newer on activity ids.

use chrono::{DateTime, FixedOffset};

const WEEK: i64 = 7 * 86_400;
/// The offset of the database's local times from UTC, in seconds.
const SEOUL: i32 = 9 * 3_600;

/// A version of the platform's dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// December 2025.
    First,
    /// August 2026.
    Second,
}

impl Generation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "dashboard of December 2025",
            Self::Second => "dashboard of August 2026",
        }
    }
}

/// One request of the page.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// A search of `axon.event.*`.
    Search(String),
    /// A statement in the text protocol.
    Sql(String),
    /// A key of Redis.
    Get(String),
}

/// A window in seconds since 1970.
type Seconds = (i64, i64);

/// The requests of one activity's page for seven days up to `end`. With `people`, each step also counts distinct users and the
/// sessions without a user, which the platform's dashboard never did.
pub(crate) fn page(generation: Generation, activity: u64, end: i64, people: bool) -> Vec<Request> {
    let sql = |text: &str| Request::Sql(text.to_owned());
    let (current, previous) = ((end - WEEK, end), (end - 2 * WEEK, end - WEEK));
    let steps = |window| steps(generation, activity, window, people);
    let catalog = catalog(generation, activity);
    let mut requests = vec![sql("SELECT 1"), sql("SET SESSION TRANSACTION READ ONLY"), sql("SET autocommit=0")];
    match generation {
        Generation::First => {
            requests.extend(steps(current));
            requests.push(catalog);
        }
        Generation::Second => {
            requests.push(catalog);
            requests.extend(steps(current));
        }
    }
    requests.extend(steps(previous));
    requests.extend(steps(current));
    requests.push(hourly(generation, activity, current));
    requests.push(Request::Get(format!("campaign:{activity}:counter")));
    requests.extend([sql("COMMIT"), sql("SET autocommit=1"), sql("SET SESSION TRANSACTION READ WRITE")]);
    requests
}

fn steps(generation: Generation, activity: u64, window: Seconds, people: bool) -> Vec<Request> {
    let mut requests: Vec<Request> = ["PAGE_VIEW", "CLICK", "APPROVED"]
        .iter()
        .map(|step| search(generation, activity, step, window, people))
        .collect();
    requests.push(match generation {
        Generation::First => search(generation, activity, "PURCHASE", window, people),
        Generation::Second => purchases(activity, window),
    });
    requests
}

fn of_activity(generation: Generation, activity: u64) -> String {
    match generation {
        Generation::First => {
            format!(r#"{{"wildcard":{{"pageUrl.keyword":{{"value":"*/campaign-activity/{activity}/*"}}}}}}"#)
        }
        Generation::Second => format!(r#"{{"term":{{"properties.activityId":{{"value":{activity}}}}}}}"#),
    }
}

fn range(generation: Generation, (from, to): Seconds) -> String {
    let end = if generation == Generation::First { "lte" } else { "lt" };
    format!(r#"{{"range":{{"occurredAt":{{"gte":{from},"{end}":{to}}}}}}}"#)
}

fn search(generation: Generation, activity: u64, trigger: &str, window: Seconds, people: bool) -> Request {
    let (activity, range) = (of_activity(generation, activity), range(generation, window));
    let users = if people {
        r#","aggregations":{"users":{"cardinality":{"field":"userId","precision_threshold":40000}},"anonymous":{"missing":{"field":"userId"},"aggregations":{"sessions":{"cardinality":{"field":"sessionId.keyword","precision_threshold":40000}}}}}"#
    } else {
        ""
    };
    Request::Search(format!(
        r#"{{"query":{{"bool":{{"filter":[{activity},{{"term":{{"triggerType.keyword":{{"value":"{trigger}"}}}}}},{range}]}}}},"size":0,"track_total_hits":true{users}}}"#
    ))
}

fn hourly(generation: Generation, activity: u64, window: Seconds) -> Request {
    let (activity, range) = (of_activity(generation, activity), range(generation, window));
    Request::Search(format!(
        r#"{{"aggregations":{{"hourly_traffic":{{"date_histogram":{{"field":"occurredAt","fixed_interval":"1h"}}}}}},"query":{{"bool":{{"filter":[{{"bool":{{"should":[{activity}]}}}},{range}]}}}},"size":0}}"#
    ))
}

fn catalog(generation: Generation, activity: u64) -> Request {
    let synced = if generation == Generation::Second { "synced_count," } else { "" };
    Request::Sql(format!(
        "select id,activity_type,budget,campaign_id,coupon_id,created_at,end_date,filters,image_url,limit_count,name,price,\
         product_id,quantity,start_date,status,{synced}updated_at from campaign_activities where id={activity}"
    ))
}

fn purchases(activity: u64, (from, to): Seconds) -> Request {
    let (from, to) = (wall_clock(from), wall_clock(to));
    Request::Sql(format!(
        "select count(id),coalesce(sum((price*quantity)),0) from purchases where campaign_activity_id={activity} and \
         status='CONFIRMED' and purchase_at>='{from}' and purchase_at<'{to}'"
    ))
}

fn wall_clock(seconds: i64) -> String {
    let zone = FixedOffset::east_opt(SEOUL).expect("nine hours are an offset");
    let instant = DateTime::from_timestamp(seconds, 0).expect("an instant of this century");
    instant.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

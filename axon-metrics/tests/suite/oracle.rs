//! Compares answers over the memory store with an oracle: a second implementation that counts record by record.
//!
//! `ORACLE_CASES=100000 cargo test -p axon-metrics --test suite oracle` runs more cases.

#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, reason = "helpers of a test may fail it as the test itself may")]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use axon_metrics::{AnswerError, DashboardRequest, Mode, Period, Widget, period};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;
use world::{Bound, PeriodChoice, World};

const CASES: u32 = 10_000;
const SEED: [u8; 16] = *b"the same worlds.";

#[test]
fn the_memory_store_answers_as_a_count_record_by_record() {
    let cases = std::env::var("ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &SEED));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let outcome = runner.run(&world::world(), |world| {
        let dashboard = world::dashboard(&world);
        let answer = runtime.block_on(dashboard.answer(&request(&world), world.now.instant()));
        compare(&world, answer.map(|answer| serde_json::to_value(answer).expect("an answer is JSON")))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn request(world: &World) -> DashboardRequest {
    let question = &world.question;
    let request = match question.activity {
        Some(id) => DashboardRequest::activity(id),
        None => DashboardRequest::campaign(123),
    };
    let widgets = if question.activity.is_some() { &Widget::DEFAULT[..] } else { &Widget::ALL[..] };
    let bound = |bound: Bound| match bound {
        Bound::Day(day) => period::Bound::Date(day),
        Bound::Local(wall) => period::Bound::Local(wall),
        Bound::At(at) => period::Bound::At(at.instant()),
    };
    let request = request.widgets(widgets.iter().copied()).period(match question.period {
        PeriodChoice::LastDays(1) => Period::Today,
        PeriodChoice::LastDays(7) => Period::Last7Days,
        PeriodChoice::LastDays(_) => Period::Last30Days,
        PeriodChoice::Custom(start, end) => Period::Custom { start: bound(start), end: bound(end) },
    });
    let request = request.mode(if question.unique { Mode::Unique } else { Mode::Count });
    if question.compare { request.compare_previous() } else { request }
}

/// Compares an answer with the oracle.
fn compare(world: &World, answer: Result<Value, AnswerError>) -> Result<(), TestCaseError> {
    let (answer, (head, widgets)) = match (answer, world::expected(world)) {
        (Ok(answer), Some(expected)) => (answer, expected),
        (Err(AnswerError::Invalid(_)), None) => return Ok(()),
        (answer, expected) => {
            return Err(TestCaseError::fail(format!("expected {expected:?}, the answer is {answer:?}")));
        }
    };
    let mut differences = Differences::default();
    for (name, expected) in head.as_object().expect("a head") {
        differences.compare(name, expected, &answer[name]);
    }
    differences.compare("activityId", head.get("activityId").unwrap_or(&Value::Null), &answer["activityId"]);
    let names = |object: &Value| object.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let requested: BTreeSet<String> = widgets.keys().map(|name| (*name).to_owned()).collect();
    differences.compare("widgets", &requested, &names(&answer["data"]));
    differences.compare("widgets", &requested, &names(&answer["widgets"]));
    for (name, expected) in widgets {
        let (data, state) = (&answer["data"][name], &answer["widgets"][name]);
        let data = if data.is_array() { serde_json::json!({ "rows": data }) } else { data.clone() };
        differences.compare(name, &Value::from(expected.data), &data);
        let status = if expected.has_gap { "partial" } else { "fresh" };
        differences.compare(&format!("{name} status"), status, state["status"].as_str().unwrap_or("none"));
        differences.compare(&format!("{name} warnings"), &expected.warnings, &warnings(&state["warnings"]));
        differences.compare(&format!("{name} missing"), &reasons(&expected.missing), &missing(&state["missing"]));
    }
    if differences.0.is_empty() { Ok(()) } else { Err(TestCaseError::fail(differences.0.join("\n"))) }
}

fn warnings(list: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let all = list.as_array().expect("a list").iter();
    all.map(|warning| format!("{} {}", text(&warning["code"]), text(&warning["field"]))).collect()
}

fn missing(list: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let why = |figure: &Value| format!("{}:{}", text(&figure["reason"]), text(&figure["detail"]));
    let all = list.as_array().expect("a list").iter();
    all.map(|figure| (text(&figure["field"]), why(figure).trim_end_matches(':').to_owned())).collect()
}

fn reasons(missing: &BTreeMap<String, &str>) -> BTreeMap<String, String> {
    missing.iter().map(|(field, why)| (field.clone(), (*why).to_owned())).collect()
}

/// The differences, each with the deepest path to it.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: Compare + ?Sized>(&mut self, path: &str, expected: &T, actual: &T) {
        expected.compare(actual, path, &mut self.0);
    }
}

trait Compare: std::fmt::Debug + PartialEq {
    fn compare(&self, actual: &Self, path: &str, differences: &mut Vec<String>) {
        if self != actual {
            differences.push(format!("{path}: expected {self:?}, the answer says {actual:?}"));
        }
    }
}

impl Compare for str {}
impl Compare for BTreeSet<String> {}
impl Compare for BTreeMap<String, String> {}
impl Compare for Value {
    fn compare(&self, actual: &Self, path: &str, differences: &mut Vec<String>) {
        match (self, actual) {
            (Self::Object(expected), Self::Object(fields)) => {
                let names: BTreeSet<&String> = expected.keys().chain(fields.keys()).collect();
                for name in names {
                    let [expected, value] = [self, actual].map(|object| object.get(name).unwrap_or(&Self::Null));
                    expected.compare(value, &format!("{path}.{name}"), differences);
                }
            }
            (Self::Array(expected), Self::Array(items)) if expected.len() == items.len() => {
                for (index, (expected, item)) in expected.iter().zip(items).enumerate() {
                    expected.compare(item, &format!("{path}[{index}]"), differences);
                }
            }
            _ if self != actual => {
                differences.push(format!("{path}: expected {self}, the answer says {actual}"));
            }
            _ => {}
        }
    }
}

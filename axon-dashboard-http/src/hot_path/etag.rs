//! The tag of a body: equal while the content is equal, whatever the clock shows. And whether a caller has that tag.

use std::fmt::Write as _;

use axon_metrics::{
    DashboardAnswer, Widget,
    answer::{DefinitionState, ScopeState, WidgetStatus},
    widget::{MissingFigure, Warning},
};
use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{problem::Problem, reply};

/// The part of an answer that its tag depends on: everything except its clocks.
#[derive(Serialize)]
struct EtagContent<'a> {
    /// The hash of each widget's data without their clocks.
    data: &'a [(Widget, [u8; 16])],
    phase: axon_metrics::Phase,
    scope: &'a ScopeState,
    states: Vec<State<'a>>,
    definition: &'a DefinitionState,
    from: DateTime<Utc>,
    /// `None` while the range is in progress: its end then moves with the clock.
    to: Option<DateTime<Utc>>,
    days: (NaiveDate, NaiveDate),
    zone: &'a str,
    previous_from: Option<DateTime<Utc>>,
    previous_to: Option<DateTime<Utc>>,
    warnings: &'a [Warning],
}

/// A widget's status, with what explains it.
#[derive(Serialize)]
struct State<'a> {
    widget: Widget,
    status: WidgetStatus,
    missing: &'a [MissingFigure],
    warnings: &'a [Warning],
}

/// The tag of an answer. It is weak, since two answers with one tag may differ in their clocks, and so in their bytes.
pub(super) fn of(answer: &DashboardAnswer, data: &[(Widget, [u8; 16])]) -> Result<HeaderValue, Problem> {
    let range = &answer.range;
    let fixed_end = |to| (!range.in_progress).then_some(to);
    let content = EtagContent {
        data,
        phase: answer.phase,
        scope: &answer.scope,
        states: answer
            .widgets
            .iter()
            .map(|(widget, state)| State {
                widget: *widget,
                status: state.status,
                missing: &state.missing,
                warnings: &state.warnings,
            })
            .collect(),
        definition: &answer.definition,
        from: range.from,
        to: fixed_end(range.to),
        days: (range.start_date, range.end_date),
        zone: &range.zone,
        previous_from: range.previous.map(|previous| previous.from),
        previous_to: range.previous.and_then(|previous| fixed_end(previous.to)),
        warnings: &answer.warnings,
    };
    of_content(&reply::encode(&content)?)
}

/// The tag of this content. It is weak, since a body is the same in each coding.
pub(crate) fn of_content(content: &[u8]) -> Result<HeaderValue, Problem> {
    let mut text = String::from("W/\"");
    for byte in Sha256::digest(content).iter().take(12) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('"');
    HeaderValue::try_from(text).map_err(|_| Problem::internal())
}

/// Whether `If-None-Match` names this tag, compared weakly (RFC 9110, 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = opaque(etag.as_bytes());
    let names = |value: &HeaderValue| {
        let value = value.as_bytes();
        value == b"*" || value.split(|byte| *byte == b',').any(|given| opaque(given.trim_ascii()) == etag)
    };
    headers.get_all(header::IF_NONE_MATCH).iter().any(names)
}

/// A tag without the prefix `W/` of weak tags.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_weak_or_strong_alone_or_in_a_list() {
        let etag = HeaderValue::from_static("W/\"5f0c\"");
        let known = |given: &[&str]| {
            let mut headers = HeaderMap::new();
            for given in given {
                headers.append(header::IF_NONE_MATCH, given.parse().unwrap());
            }
            is_known(&headers, &etag)
        };
        for given in ["W/\"5f0c\"", "\"5f0c\"", "*", "\"a\", W/\"5f0c\" ,\"b\"", "\"a\",\"5f0c\""] {
            assert!(known(&[given]), "{given}");
        }
        assert!(known(&["\"a\"", "\"5f0c\""]));
        for given in ["", "5f0c", "\"5f0\"", "w/\"5f0c\"", "\"5f0c", "\"*\"", "\"a\", *"] {
            assert!(!known(&[given]), "{given}");
        }
        assert!(!known(&[]));
    }
}

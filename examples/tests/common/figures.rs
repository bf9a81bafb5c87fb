//! Comparison of the figures of an answer with the expected ones. Pure.

#![allow(dead_code, reason = "each test file uses a part")]

use axon_metrics::{answer::WidgetState, widget::MissingDetail};
use serde_json::Value;

/// Whether figures are missing because the history is being loaded for the first time.
pub(crate) fn is_history_loading(state: &WidgetState) -> bool {
    state.missing.iter().any(|missing| missing.detail == Some(MissingDetail::HistoryLoading))
}

/// Checks that every number of `actual` equals that of the whole answer. A missing number is no difference.
/// # Errors
/// The first path with another number.
pub(crate) fn same_numbers(actual: &Value, expected: &Value, path: &str) -> Result<(), String> {
    match (actual, expected) {
        (Value::Null, _) => Ok(()),
        (Value::Object(actual), Value::Object(_)) => {
            actual.iter().try_for_each(|(key, value)| same_numbers(value, &expected[key], &format!("{path}.{key}")))
        }
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            let mut pairs = actual.iter().zip(expected).enumerate();
            pairs
                .try_for_each(|(index, (actual, expected))| same_numbers(actual, expected, &format!("{path}[{index}]")))
        }
        (actual, expected) if actual == expected => Ok(()),
        (actual, expected) => Err(format!("{path} is {actual} instead of {expected}")),
    }
}

#[test]
fn a_zero_in_place_of_a_number_is_a_difference() {
    let expected = serde_json::json!({"steps": [{"value": 5}, {"value": 2}], "sum": 7});
    let lost = serde_json::json!({"steps": [{"value": null}, {"value": 2}], "sum": null});
    let fake = serde_json::json!({"steps": [{"value": 0}, {"value": 2}], "sum": null});
    assert_eq!(same_numbers(&lost, &expected, ""), Ok(()));
    assert_eq!(same_numbers(&fake, &expected, ""), Err(".steps[0].value is 0 instead of 5".to_owned()));
}

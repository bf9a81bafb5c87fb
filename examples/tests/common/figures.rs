//! What an answer shows against what it should. Pure.

#![allow(dead_code, reason = "each test file uses a part")]

use axon_metrics::{answer::WidgetState, widget::MissingDetail};
use serde_json::Value;

/// Whether figures are missing only because they are being read for the first time.
pub(crate) fn is_reading(state: &WidgetState) -> bool {
    state.missing.iter().any(|missing| missing.detail == Some(MissingDetail::HistoryLoading))
}

/// Every number that is there is the one of the whole answer.
/// # Errors
/// Where it is another one.
pub(crate) fn same_numbers(said: &Value, good: &Value, path: &str) -> Result<(), String> {
    match (said, good) {
        (Value::Null, _) => Ok(()),
        (Value::Object(said), Value::Object(_)) => {
            said.iter().try_for_each(|(key, value)| same_numbers(value, &good[key], &format!("{path}.{key}")))
        }
        (Value::Array(said), Value::Array(good)) if said.len() == good.len() => {
            let mut pairs = said.iter().zip(good).enumerate();
            pairs.try_for_each(|(index, (said, good))| same_numbers(said, good, &format!("{path}[{index}]")))
        }
        (said, good) if said == good => Ok(()),
        (said, good) => Err(format!("{path} is {said}, and was {good}")),
    }
}

#[test]
fn a_zero_in_place_of_a_number_is_seen() {
    let good = serde_json::json!({"steps": [{"value": 5}, {"value": 2}], "sum": 7});
    let lost = serde_json::json!({"steps": [{"value": null}, {"value": 2}], "sum": null});
    let fake = serde_json::json!({"steps": [{"value": 0}, {"value": 2}], "sum": null});
    assert_eq!(same_numbers(&lost, &good, ""), Ok(()));
    assert_eq!(same_numbers(&fake, &good, ""), Err(".steps[0].value is 0, and was 5".to_owned()));
}

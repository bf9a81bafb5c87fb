//! Mappings of the platform's indices.

use serde_json::{Value, json};

/// What Elasticsearch makes of a typical first document: texts with a keyword beside each, and times, which the sink writes
/// as seconds with a point, as float. Said beforehand, so that a first document with an id in quotes does not decide otherwise;
/// everything else stays dynamic.
#[must_use]
pub fn dynamic() -> Value {
    let number = json!({"type": "long"});
    json!({"properties": {
        "eventId": number, "userId": number, "occurredAt": {"type": "float"},
        "properties": {"properties": {"activityId": number, "campaignId": number, "productId": number}},
    }})
}

/// The template of August 2026: times are dates, ids are numbers, and `properties` takes nothing that it does not list.
#[must_use]
pub fn template() -> Value {
    let (number, keyword) = (json!({"type": "long"}), json!({"type": "keyword"}));
    let address = json!({"type": "keyword", "ignore_above": 2048});
    json!({"dynamic": true, "properties": {
        "eventId": number, "userId": number, "eventName": keyword, "triggerType": keyword, "sessionId": keyword,
        "pageUrl": address, "referrer": address, "userAgent": {"type": "keyword", "ignore_above": 1024},
        "occurredAt": {"type": "date"},
        "properties": {"dynamic": "strict", "properties": {
            "activityId": number, "campaignId": number, "productId": number,
            "depth": number, "durationSec": number, "order": number, "source": keyword,
        }},
        "attributes": {"type": "flattened"},
    }})
}

//! Mappings of the platform's indices.

use serde_json::{Value, json};

/// The mapping that Elasticsearch derives from a typical first document: texts with a `.keyword` field, and times, which the
/// sink writes as seconds with a fraction, as float. Ids and times are mapped explicitly, so that a first document with a
/// quoted id does not map them as text; everything else stays dynamic.
#[must_use]
pub fn dynamic() -> Value {
    let number = json!({"type": "long"});
    json!({"properties": {
        "eventId": number, "userId": number, "occurredAt": {"type": "float"},
        "properties": {"properties": {"activityId": number, "campaignId": number, "productId": number}},
    }})
}

/// The template of August 2026: times are dates, ids are numbers, and `properties` refuses fields that it does not list.
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

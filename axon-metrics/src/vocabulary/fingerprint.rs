//! What the catalog says of a scope, in a few bytes: kept figures are of use only while it says the same.

use sha2::{Digest, Sha256};

use super::{
    campaign::{Activity, Campaign},
    timestamp::Timestamp,
};

/// Equal for equal scopes.
pub(crate) type Fingerprint = [u8; 16];

/// Over everything that a widget can show or depend on.
pub(super) fn fingerprint(currency: &str, campaign: &Campaign, activities: &[Activity]) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut text = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    // Of a campaign, no widget shows the budget; its activities are those of the scope.
    let Campaign { id, name, start, end, budget: _, activities: _ } = campaign;
    text(currency);
    text(&id.to_string());
    text(name);
    text(&dates(*start, *end));
    for Activity { id, name, kind, start, end, limit, product } in activities {
        text(&id.to_string());
        text(name);
        text(kind.as_str());
        text(&dates(*start, *end));
        text(&format!("{limit:?} {product:?}"));
    }
    let digest = hash.finalize();
    std::array::from_fn(|byte| digest[byte])
}

fn dates(start: Option<Timestamp>, end: Option<Timestamp>) -> String {
    let micros = |date: Option<Timestamp>| date.map(|date| date.timestamp_micros());
    format!("{:?} {:?}", micros(start), micros(end))
}

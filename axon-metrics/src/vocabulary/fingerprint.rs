//! A hash of the catalog's data for a scope. A cached widget is valid only while it is unchanged.

use sha2::{Digest, Sha256};

use super::{
    campaign::{Activity, Campaign},
    timestamp::Timestamp,
};

/// Equal for equal data of a scope.
pub(crate) type Fingerprint = [u8; 16];

/// Hashes everything of a scope that a widget can show or depend on.
pub(super) fn fingerprint(currency: &str, campaign: &Campaign, activities: &[Activity]) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut text = |text: &str| {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    };
    // No widget shows the budget of a campaign. Its activities come from the scope.
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

//! Cache keys of widgets: `dashboard:{c|a}{id}:{widget}:{from}-{to|open}:{hash}`. Readable, and equal only for figures
//! with the same meaning. They never hold the id of a user or a session.
//!
//! The widget `realtime` has no range: its key holds `now` in place of a start.

use sha2::{Digest, Sha256};

use super::lifetimes::{Jitter, RangeState};
use crate::{
    vocabulary::{Fingerprint, Range, Scope, Timestamp},
    widget::{LifetimeClass, Widget},
};

/// The version of an entry's form. An entry of another form has another key, and is a miss.
pub(crate) const SCHEMA: u32 = 3;

/// Part of each key, so that a release never uses entries of another release, which may have computed something else.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything but the widget that a key depends on.
#[derive(Debug, Clone)]
pub(crate) struct KeyInputs<'a> {
    pub(crate) tenant: &'a str,
    /// The definition's hash, which names mode, funnel, step rules and sources.
    pub(crate) definition: &'a str,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) baseline_weeks: u32,
    pub(crate) scope: Scope,
    /// The hash of the scope's catalog entry.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) range: Range,
    pub(crate) compare: bool,
}

/// The keys of one request's widgets.
#[derive(Debug, Clone)]
pub(crate) struct CacheKeys {
    scope: String,
    span: String,
    ranged: Hash,
    /// Of the whole range, the part that is yet to come included.
    whole: Hash,
    live: Hash,
}

type Hash = [u8; 16];

impl CacheKeys {
    pub(crate) fn new(inputs: KeyInputs<'_>) -> Self {
        let Range { whole, .. } = inputs.range;
        let (from, to) = (compact(whole.from), compact(whole.to));
        let end = if inputs.range.in_progress() { "open" } else { &to };
        let live = hash(&inputs, "");
        // The previous window of an open range depends on the range's end, which `span` does not hold.
        let of_whole = hash(&inputs, &format!("{from}-{to}"));
        Self {
            scope: match inputs.scope {
                Scope::Campaign(id) => format!("c{id}"),
                Scope::Activity(id) => format!("a{id}"),
            },
            span: format!("{from}-{end}"),
            ranged: if inputs.compare { of_whole } else { live },
            whole: of_whole,
            live,
        }
    }

    pub(crate) fn of(&self, widget: Widget) -> String {
        let Self { scope, span, ranged, whole, live } = self;
        let name = widget.name();
        match widget.lifetime() {
            LifetimeClass::Now => format!("dashboard:{scope}:{name}:now-open:{}", hex(live)),
            LifetimeClass::Range | LifetimeClass::RangeAndStock => {
                let hash = if widget.shows_whole_range() { whole } else { ranged };
                format!("dashboard:{scope}:{name}:{span}:{}", hex(hash))
            }
        }
    }

    /// Equal for all widgets that are loaded together, and different between scopes.
    pub(crate) fn jitter(&self, range: RangeState) -> Jitter {
        let hash = match range {
            RangeState::Live => self.live,
            RangeState::Over { .. } => self.ranged,
        };
        Jitter(u64::from_be_bytes(std::array::from_fn(|byte| hash[byte])))
    }
}

/// A hash over the inputs. The length of each goes before it, so that no two lists of inputs are the same bytes.
fn hash(inputs: &KeyInputs<'_>, comparison: &str) -> Hash {
    // The scope and the range are readable parts of the key. `comparison` is the rest of the range, where it matters.
    let KeyInputs { tenant, definition, zone, baseline_weeks, scope: _, fingerprint, range: _, compare: _ } = inputs;
    let mut hash = Sha256::new();
    let (schema, weeks) = (SCHEMA.to_string(), baseline_weeks.to_string());
    for part in [VERSION, &schema, tenant, definition, zone.name(), &weeks, comparison] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update(fingerprint);
    let digest = hash.finalize();
    std::array::from_fn(|byte| digest[byte])
}

fn hex(hash: &Hash) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// An instant without separators, and without a fraction where it has none: `20241105T150000Z`.
fn compact(instant: Timestamp) -> String {
    instant.format("%Y%m%dT%H%M%S%.fZ").to_string()
}

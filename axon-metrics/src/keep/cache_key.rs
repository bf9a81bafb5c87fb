//! Under which names finished widgets are kept: `dashboard:{c|a}{id}:{widget}:{from}-{to|open}:{hash}`. Readable, and equal
//! only for figures that mean the same. No id of a user or session is ever in one.
//!
//! What is true this second is about no range: there `now` stands for its start.

use sha2::{Digest, Sha256};

use super::lifetimes::{About, Jitter};
use crate::{
    vocabulary::{Fingerprint, Range, Scope, Timestamp},
    widget::{LifetimeClass, Widget},
};

/// Changes with the form of an entry: entries of another form are never found.
pub(crate) const SCHEMA: u32 = 2;

/// A release that computes something else finds nothing of the one before it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What decides a key, but for the widget.
#[derive(Debug, Clone)]
pub(crate) struct KeyInputs<'a> {
    pub(crate) tenant: &'a str,
    /// The definition's hash, which names mode, funnel, step rules and sources.
    pub(crate) definition: &'a str,
    pub(crate) zone: chrono_tz::Tz,
    pub(crate) baseline_weeks: u32,
    pub(crate) scope: Scope,
    /// What the catalog says of the scope.
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
    live: Hash,
}

type Hash = [u8; 16];

impl CacheKeys {
    pub(crate) fn new(inputs: KeyInputs<'_>) -> Self {
        let Range { whole, .. } = inputs.range;
        let end = if inputs.range.in_progress() { "open".to_owned() } else { compact(whole.to) };
        let live = hash(&inputs, "");
        // The end of an open range decides what it is compared with.
        let compared = || hash(&inputs, &format!("{}-{}", compact(whole.from), compact(whole.to)));
        Self {
            scope: match inputs.scope {
                Scope::Campaign(id) => format!("c{id}"),
                Scope::Activity(id) => format!("a{id}"),
            },
            span: format!("{}-{end}", compact(whole.from)),
            ranged: if inputs.compare { compared() } else { live },
            live,
        }
    }

    pub(crate) fn of(&self, widget: Widget) -> String {
        let Self { scope, span, ranged, live } = self;
        let name = widget.name();
        match widget.lifetime() {
            LifetimeClass::Now => format!("dashboard:{scope}:{name}:now-open:{}", hex(live)),
            LifetimeClass::Range | LifetimeClass::RangeAndStock => {
                format!("dashboard:{scope}:{name}:{span}:{}", hex(ranged))
            }
        }
    }

    /// The same for all widgets that are loaded together, and another for other scopes.
    pub(crate) fn jitter(&self, about: About) -> Jitter {
        let hash = match about {
            About::Live => self.live,
            About::Over { .. } => self.ranged,
        };
        Jitter(u64::from_be_bytes(std::array::from_fn(|byte| hash[byte])))
    }
}

/// Over parts that are each preceded by their length, so that no two lists of parts read the same.
fn hash(inputs: &KeyInputs<'_>, compared: &str) -> Hash {
    // The scope and the range stand in the key as they are; `compared` has what else of the range matters.
    let KeyInputs { tenant, definition, zone, baseline_weeks, scope: _, fingerprint, range: _, compare: _ } = inputs;
    let mut hash = Sha256::new();
    let (schema, weeks) = (SCHEMA.to_string(), baseline_weeks.to_string());
    for part in [VERSION, &schema, tenant, definition, zone.name(), &weeks, compared] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.update(fingerprint);
    let digest = hash.finalize();
    std::array::from_fn(|byte| digest[byte])
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An instant without separators, and without a fraction where it has none: `20241105T150000Z`.
fn compact(instant: Timestamp) -> String {
    instant.format("%Y%m%dT%H%M%S%.fZ").to_string()
}

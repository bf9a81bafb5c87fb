//! A finished widget, and its form in a shared cache. What comes out of one is believed only if it is whole, of this form
//! and of the key that was asked for.

use serde::{Deserialize, Serialize};

use super::cache_key::SCHEMA;
use crate::{
    vocabulary::Timestamp,
    widget::{Data, Widget},
    wire::{MissingFigure, SourceState, WidgetState, WidgetStatus},
};

/// The most bytes of an entry that are looked at.
const MAX_BYTES: usize = 8 << 20;

/// A widget as it was loaded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WidgetSnapshot {
    /// This widget's data alone.
    pub(crate) data: Data,
    /// Without its age.
    pub(crate) state: WidgetState,
    /// The sources it was made of.
    pub(crate) sources: Vec<SourceState>,
    /// The instant it was loaded for.
    pub(crate) as_of: Timestamp,
    /// Names the load: widgets of one load were computed from the same facts.
    pub(crate) load: u64,
    /// Until when it is shared although it is not whole; `None` if it is.
    pub(crate) not_whole_until: Option<Timestamp>,
}

impl WidgetSnapshot {
    /// Whether figures were lost because a source failed.
    pub(crate) fn lost_figures(&self) -> bool {
        self.state.missing.iter().any(MissingFigure::is_lost)
    }

    /// Whether figures have nothing to be measured from that may be there soon: an index that is made anew is first gone, and
    /// then empty.
    pub(crate) fn may_be_measured_soon(&self) -> bool {
        self.state.missing.iter().any(MissingFigure::may_be_measured_soon)
    }
}

#[derive(Serialize, Deserialize)]
struct Entry<K, D, S, O> {
    v: u32,
    key: K,
    load: u64,
    as_of: Timestamp,
    data: D,
    state: S,
    sources: O,
}

type Written<'a> = Entry<&'a str, &'a Data, &'a WidgetState, &'a [SourceState]>;
type Read = Entry<String, Data, WidgetState, Vec<SourceState>>;

/// A whole widget as text; `None` for one that is not whole.
pub(crate) fn encode(key: &str, finished: &WidgetSnapshot) -> Option<Vec<u8>> {
    let WidgetSnapshot { data, state, sources, as_of, load, .. } = finished;
    let entry: Written<'_> = Entry { v: SCHEMA, key, load: *load, as_of: *as_of, data, state, sources };
    let whole = finished.not_whole_until.is_none() && state.status == WidgetStatus::Fresh;
    whole.then(|| serde_json::to_vec(&entry).ok()).flatten()
}

/// The widget of an entry; `None` for anything that is not a whole widget of this form and key, from `now` or before.
pub(crate) fn decode(bytes: &[u8], key: &str, widget: Widget, now: Timestamp) -> Option<WidgetSnapshot> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let Read { v, key: its_key, load, as_of, mut data, mut state, sources } = serde_json::from_slice(bytes).ok()?;
    let believed = v == SCHEMA
        && its_key == key
        && as_of <= now
        && state.status == WidgetStatus::Fresh
        && state.as_of.is_none_or(|complete_to| complete_to <= as_of)
        && widget.is_in(&data);
    if !believed {
        return None;
    }
    let all = std::mem::take(&mut data);
    widget.copy(&all, &mut data);
    state.age_ms = None;
    let finished = WidgetSnapshot { data, state, sources, as_of, load, not_whole_until: None };
    (!finished.lost_figures()).then_some(finished)
}

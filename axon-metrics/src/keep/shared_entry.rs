//! The form of a widget in a shared cache. An entry is used only if it is whole, of this form and of the key that was asked
//! for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    cache_key::SCHEMA,
    widget_snapshot::{WidgetJson, WidgetSnapshot},
};
use crate::{
    vocabulary::Timestamp,
    widget::Widget,
    wire::{SourceState, WidgetState, WidgetStatus},
};

/// The most bytes of an entry that are read.
const MAX_BYTES: usize = 8 << 20;

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

type Written<'a> = Entry<&'a str, &'a RawValue, &'a WidgetState, &'a [SourceState]>;
type Read = Entry<String, Box<RawValue>, WidgetState, Vec<SourceState>>;

/// A whole widget as text; `None` for one that is not whole.
pub(crate) fn encode(key: &str, snapshot: &WidgetSnapshot) -> Option<Vec<u8>> {
    let WidgetSnapshot { state, sources, as_of, load, .. } = snapshot;
    if snapshot.not_whole_until.is_some() || !may_be_whole(state.status) {
        return None;
    }
    let data = &*snapshot.json()?.data;
    let entry: Written<'_> = Entry { v: SCHEMA, key, load: *load, as_of: *as_of, data, state, sources };
    serde_json::to_vec(&entry).ok()
}

/// Whether a widget with this status may be whole: one that is partial for what the stores hold is.
fn may_be_whole(status: WidgetStatus) -> bool {
    matches!(status, WidgetStatus::Fresh | WidgetStatus::Partial)
}

/// The widget of an entry; `None` for anything that is not a whole widget of this form and key, from `now` or before.
pub(crate) fn decode(bytes: &[u8], key: &str, widget: Widget, now: Timestamp) -> Option<WidgetSnapshot> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let Read { v, key: its_key, load, as_of, data: raw, mut state, sources } = serde_json::from_slice(bytes).ok()?;
    let is_valid = v == SCHEMA
        && its_key == key
        && as_of <= now
        && may_be_whole(state.status)
        && state.as_of.is_none_or(|complete_to| complete_to <= as_of)
        // Its bytes are sent as they are: an answer is one line, and a line of a stream of events.
        && !raw.get().bytes().any(|byte| byte.is_ascii_control());
    if !is_valid {
        return None;
    }
    let data = widget.read(raw.get())?;
    state.age_ms = None;
    let json = WidgetJson::from_raw(widget, &data, raw)?;
    let mut snapshot = WidgetSnapshot::new(widget, data, state, as_of, load);
    snapshot.sources = sources;
    (!snapshot.lost_figures()).then(|| snapshot.with_json(json))
}

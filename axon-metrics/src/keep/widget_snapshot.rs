//! A computed widget as it is cached: its data, and their JSON, which is written once.

use std::sync::OnceLock;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{
    vocabulary::Timestamp,
    widget::{Data, Widget},
    wire::{MissingFigure, SourceState, WidgetState},
};

/// What a missing figure, a warning and a source take as JSON, roughly. They are only weighed.
const ROUGH_BYTES: usize = 160;

/// A widget as it was loaded.
#[derive(Debug)]
pub(crate) struct WidgetSnapshot {
    pub(crate) widget: Widget,
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
    /// `None` if no figure was lost; else when to load it again.
    pub(crate) not_whole_until: Option<Timestamp>,
    json: OnceLock<Option<WidgetJson>>,
}

/// A widget's data as JSON.
#[derive(Debug, Clone)]
pub(crate) struct WidgetJson {
    pub(crate) data: Box<RawValue>,
    /// Equal for data that differ in nothing but their clocks.
    pub(crate) content: ContentHash,
}

/// The hash of a widget's content.
pub(crate) type ContentHash = [u8; 16];

impl WidgetJson {
    /// The JSON of a widget's data; `None` if the data are not there.
    pub(crate) fn of(widget: Widget, data: &Data) -> Option<Self> {
        Self::from_raw(widget, data, widget.write(data)?)
    }

    /// JSON that is there already.
    pub(super) fn from_raw(widget: Widget, data: &Data, raw: Box<RawValue>) -> Option<Self> {
        // Only a widget with clocks is written once more, without them.
        let content = if widget.has_clocks() {
            let mut timeless = data.clone();
            timeless.clear_clocks();
            hash(&widget.write(&timeless)?)
        } else {
            hash(&raw)
        };
        Some(Self { data: raw, content })
    }
}

impl WidgetSnapshot {
    pub(crate) fn new(widget: Widget, data: Data, state: WidgetState, as_of: Timestamp, load: u64) -> Self {
        let (sources, json) = (Vec::new(), OnceLock::new());
        Self { widget, data, state, sources, as_of, load, not_whole_until: None, json }
    }

    /// The same with JSON that is there already.
    pub(super) fn with_json(self, json: WidgetJson) -> Self {
        Self { json: OnceLock::from(Some(json)), ..self }
    }

    /// Its data as JSON, written when first asked for; `None` if the data are not there.
    pub(crate) fn json(&self) -> Option<&WidgetJson> {
        self.json.get_or_init(|| WidgetJson::of(self.widget, &self.data)).as_ref()
    }

    /// About how many bytes it takes in a cache.
    pub(super) fn weight(&self) -> usize {
        let WidgetState { missing, warnings, .. } = &self.state;
        let rows = 1 + missing.len() + warnings.len() + self.sources.len();
        self.json().map_or(0, |json| json.data.get().len()) + rows * ROUGH_BYTES
    }

    /// Whether figures were lost because a source failed.
    pub(crate) fn lost_figures(&self) -> bool {
        self.state.missing.iter().any(MissingFigure::is_lost)
    }

    /// Whether figures have nothing to be measured from that may be there soon: an index that is made anew is first missing,
    /// and then empty.
    pub(crate) fn may_be_measured_soon(&self) -> bool {
        self.state.missing.iter().any(MissingFigure::may_be_measured_soon)
    }
}

fn hash(json: &RawValue) -> ContentHash {
    let digest = Sha256::digest(json.get());
    std::array::from_fn(|byte| digest[byte])
}

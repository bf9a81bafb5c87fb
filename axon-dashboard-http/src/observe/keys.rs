//! The metric keys of a route's requests. They are made once per route, since making a key allocates and hashes its name.

use metrics::{IntoF64, Key, Label, Level, Metadata, SharedString};
use tokio::time::Instant;

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

#[derive(Debug)]
pub(super) struct Keys {
    /// The route as it is registered. A router that is nested twice has two of them.
    route: SharedString,
    duration: Key,
    ok: Key,
    not_modified: Key,
}

impl Keys {
    pub(super) fn of(route: &str) -> Self {
        let route = SharedString::from(route.to_owned());
        let duration = Key::from_parts("axon_http_request_duration_seconds", vec![Label::new("route", route.clone())]);
        let [ok, not_modified] = ["200", "304"].map(|status| requests(&route, status.into()));
        Self { route, duration, ok, not_modified }
    }

    pub(super) fn are_of(&self, route: &str) -> bool {
        *self.route == *route
    }

    /// Counts and times a request that began at `began`, with the recorder that is installed now.
    pub(super) fn record(&self, status: u16, began: Instant) {
        let count =
            |key: &Key| metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(1));
        match status {
            200 => count(&self.ok),
            304 => count(&self.not_modified),
            other => count(&requests(&self.route, other.to_string().into())),
        }
        let duration = metrics::with_recorder(|recorder| recorder.register_histogram(&self.duration, &METADATA));
        duration.record(Since(began));
    }
}

/// The seconds since an instant. The clock is read only if there is a recorder.
struct Since(Instant);

impl IntoF64 for Since {
    fn into_f64(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

fn requests(route: &SharedString, status: SharedString) -> Key {
    Key::from_parts("axon_http_requests_total", vec![Label::new("route", route.clone()), Label::new("status", status)])
}

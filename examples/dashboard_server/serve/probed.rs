//! What each store was found to be when the server started, once, for who reads the log.

use axon_metrics::{
    Dashboard, Timestamp,
    answer::{SourceHealth, SourceStatus},
};

/// How adapters begin or mark a finding that somebody should look at.
const TROUBLE: [&str; 6] = ["WRONG", "IN DOUBT", "MISSING", "not readable", "cannot be read", "no such"];

/// Asks each store, and logs one line for it, and one for each finding that is a trouble.
pub(super) async fn log(dashboard: Dashboard, now: Timestamp) {
    for store in dashboard.health(now).await.sources {
        let SourceHealth { name, kind, latency_ms, probed, .. } = &store;
        let seam = kind.name();
        if store.status != SourceStatus::Ok {
            let why = store.error.as_deref().unwrap_or("nothing is known of it");
            tracing::warn!(store = name, seam, "{name} ({seam}) does not answer at the start: {why}");
            continue;
        }
        let found: Vec<String> = probed.iter().map(|(what, finding)| format!("{what}: {finding}")).collect();
        tracing::info!(store = name, seam, latency_ms, "{name} ({seam}) answers; {}", found.join("; "));
        for trouble in found.iter().filter(|finding| TROUBLE.iter().any(|mark| finding.contains(mark))) {
            tracing::warn!(store = name, seam, "{name} ({seam}): {trouble}");
        }
    }
}

//! The probe of each store at the start of the server, for the log.

use axon_metrics::{
    Dashboard, Timestamp,
    answer::{LossState, SourceHealth, SourceStatus},
};

/// Parts of findings by which adapters mark a problem.
const PROBLEM_MARKS: [&str; 6] = ["WRONG", "IN DOUBT", "MISSING", "not readable", "cannot be read", "no such"];

/// Probes each store, and logs one line for it, and one for each finding that is a problem, for each sentence that says what
/// to do, and for each reason why records cannot be used.
pub(super) async fn log(dashboard: Dashboard, now: Timestamp) {
    for store in dashboard.health(now).await.sources {
        let SourceHealth { name, kind, latency_ms, probed, .. } = &store;
        let kind = kind.name();
        if store.status != SourceStatus::Ok {
            let why = store.error.as_deref().unwrap_or("unknown cause");
            tracing::warn!(store = name, seam = kind, "{name} ({kind}) does not answer at the start: {why}");
            continue;
        }
        let findings: Vec<String> = probed.iter().map(|(what, finding)| format!("{what}: {finding}")).collect();
        tracing::info!(store = name, seam = kind, latency_ms, "{name} ({kind}) answers; {}", findings.join("; "));
        for problem in findings.iter().filter(|finding| PROBLEM_MARKS.iter().any(|mark| finding.contains(mark))) {
            tracing::warn!(store = name, seam = kind, "{name} ({kind}): {problem}");
        }
        for problem in &store.problems {
            tracing::warn!(store = name, seam = kind, "{name} ({kind}): {problem}");
        }
        for LossState { reason, what, records, of, examples, advice, .. } in &store.losses {
            let (reason, examples) = (reason.code(), examples.join(", "));
            let text = format!("{records} of {of} {what} cannot be used ({reason}): {examples}. {advice}");
            tracing::warn!(store = name, seam = kind, "{name} ({kind}): {text}");
        }
    }
}

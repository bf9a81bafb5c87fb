//! A server that stops answering costs one question its budget. The next question is answered.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant as Clock},
};

use axon_metrics::{SourceError, source::BehaviorSource as _};
use axon_metrics_es::EsOptions;
use common::{
    question::clicks,
    scripted::{CannedReply, IndexStub, ScriptedServer, shards},
};
use serde_json::json;

#[tokio::test]
async fn a_dead_connection_fails_one_question_and_no_more() {
    let good = json!({"responses": [{
        "status": 200, "timed_out": false, "_shards": shards(1), "hits": {"total": {"value": 5, "relation": "eq"}},
    }]});
    let faults = [
        (CannedReply::Silence(Duration::from_secs(60)), false),
        (CannedReply::Raw(Vec::new()), true),
        (CannedReply::Cut(200, 500, good.to_string().into()), true),
        (CannedReply::Raw(b"\0\0garbage\r\n\r\n".to_vec()), false),
    ];
    let mut question = clicks();
    question.budget = Duration::from_millis(300);
    for (fault, lost) in faults {
        let (number, fault_reply, good) = (AtomicUsize::new(0), fault.clone(), good.clone());
        let indices = vec![IndexStub::template("axon.event.behavior"), IndexStub::template("axon.event.commerce")];
        let server = ScriptedServer::over(indices, move |_| match number.fetch_add(1, Ordering::Relaxed) {
            1 => fault_reply.clone(),
            _ => CannedReply::json(&good),
        })
        .await;
        let source = server.source(EsOptions::default());
        let count =
            async || source.behavior(&question).await.map(|facts| facts.steps.current[0].as_ref().unwrap().value);
        assert_eq!(count().await.unwrap(), 5);
        let began = Clock::now();
        let result = count().await;
        let is_expected = match &result {
            Err(SourceError::Lost { .. }) => lost,
            Err(SourceError::Unavailable { .. }) => !lost,
            _ => false,
        };
        assert!(is_expected, "{fault:?}: {result:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{fault:?}: {:?}", began.elapsed());
        assert_eq!(count().await.unwrap(), 5, "{fault:?}");
        assert_eq!(server.requests().len(), 5, "nothing is retried");
    }
}

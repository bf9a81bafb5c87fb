//! Shared by the tests: a source over indices of a real server that a test creates, fills and drops.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod cases;
pub(crate) mod question;
pub(crate) mod scripted;

use std::{
    fmt,
    io::{Read as _, Write as _},
    net::TcpStream,
    ops::Deref,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use axon_examples::stores::elasticsearch::{self as store, Bulk, mapping};
use axon_metrics::{
    SourceError, Timestamp,
    facts::BehaviorFacts,
    source::{BehaviorQuestion, BehaviorSource, Probe},
    testing::{EventRecord, server_url},
};
use axon_metrics_es::{EsBehavior, EsOptions};
use elasticsearch::Elasticsearch;
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub(crate) const SERVER: &str = "AXON_TEST_ELASTICSEARCH_URL";

/// A source over indices that are dropped with it.
pub(crate) struct OwnedSource {
    pub(crate) source: EsBehavior,
    pub(crate) indices: Vec<String>,
    pub(crate) client: Elasticsearch,
    url: String,
}

impl OwnedSource {
    pub(crate) fn new(source: EsBehavior, indices: Vec<String>, client: Elasticsearch, url: String) -> Self {
        Self { source, indices, client, url }
    }
}

impl fmt::Debug for OwnedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Deref for OwnedSource {
    type Target = EsBehavior;
    fn deref(&self) -> &EsBehavior {
        &self.source
    }
}

#[async_trait]
impl BehaviorSource for OwnedSource {
    fn name(&self) -> &'static str {
        self.source.name()
    }
    async fn behavior(&self, question: &BehaviorQuestion) -> Result<BehaviorFacts, SourceError> {
        self.source.behavior(question).await
    }
    async fn probe(&self, as_of: Timestamp, budget: Duration) -> Result<Probe, SourceError> {
        self.source.probe(as_of, budget).await
    }
}

impl Drop for OwnedSource {
    fn drop(&mut self) {
        let Some(address) = self.url.strip_prefix("http://") else { return };
        let address = address.rsplit('@').next().unwrap_or(address).trim_end_matches('/');
        let Ok(mut stream) = TcpStream::connect(address) else { return };
        let names = self.indices.join(",");
        let request =
            format!("DELETE /{names}?ignore_unavailable=true HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        if stream.write_all(request.as_bytes()).is_ok() {
            let _ = stream.read(&mut [0; 64]);
        }
    }
}

/// An index name that no other test uses. It ends with `name`.
pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    format!("axon-test-{now:x}-{}-{}.{name}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An index for a test. If its mappings are null it is configured but not created.
pub(crate) struct Index<'a> {
    pub(crate) mappings: Value,
    pub(crate) documents: Vec<Value>,
    pub(crate) events: bool,
    pub(crate) purchases: bool,
    pub(crate) name: &'a str,
}

impl<'a> Index<'a> {
    pub(crate) fn of_events(name: &'a str, mappings: Value, documents: Vec<Value>) -> Self {
        Self { mappings, documents, events: true, purchases: false, name }
    }
    pub(crate) fn of_purchases(name: &'a str, mappings: Value, documents: Vec<Value>) -> Self {
        Self { mappings, documents, events: false, purchases: true, name }
    }
    pub(crate) fn of_both(name: &'a str, mappings: Value, documents: Vec<Value>) -> Self {
        Self { mappings, documents, events: true, purchases: true, name }
    }
}

/// Creates and fills the indices. A source over them; `None` without a server.
pub(crate) async fn source_over(indices: Vec<Index<'_>>) -> Option<OwnedSource> {
    source_with(indices, |options| options).await
}

/// The same with other options.
pub(crate) async fn source_with(
    indices: Vec<Index<'_>>,
    options: impl FnOnce(EsOptions) -> EsOptions,
) -> Option<OwnedSource> {
    let url = server_url(SERVER)?;
    let client = store::client(&url).unwrap();
    let (mut events, mut purchases, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let mut creations = JoinSet::new();
    for index in indices {
        let name = unique(index.name);
        if index.events {
            events.push(name.clone());
        }
        if index.purchases {
            purchases.push(name.clone());
        }
        if !index.mappings.is_null() {
            let (client, name) = (client.clone(), name.clone());
            creations.spawn(async move {
                store::create_index(&client, &name, index.mappings).await.unwrap();
                write(&client, &name, &index.documents).await;
            });
        }
        names.push(name);
    }
    creations.join_all().await;
    let options = options(EsOptions::default().with_event_indices(events).with_purchase_indices(purchases));
    let source = EsBehavior::with_options(client.clone(), options).unwrap();
    Some(OwnedSource { source, indices: names, client, url })
}

/// Writes documents and refreshes the index, so that searches see them.
pub(crate) async fn write(client: &Elasticsearch, index: &str, documents: &[Value]) {
    for chunk in documents.chunks(20_000) {
        let mut bulk = Bulk::default();
        for document in chunk {
            bulk.document(index, None, |out| out.extend_from_slice(document.to_string().as_bytes()));
        }
        bulk.send(client, |_, _| false).await.unwrap();
    }
    store::refresh(client, [index]).await.unwrap();
}

/// The time encoding of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// Float seconds, as a dynamic mapping has them.
    Float,
    /// The template's date, from ISO texts.
    Date,
    /// Double seconds.
    Double,
    /// LongBody milliseconds.
    Millis,
    /// Milliseconds stored as seconds: dates in the year 58143.
    Late,
    /// Seconds stored as milliseconds: dates in 1970.
    Early,
}

impl Time {
    pub(crate) fn mappings(self) -> Value {
        let of = |kind: Value| {
            let mut mappings = mapping::dynamic();
            mappings["properties"]["occurredAt"] = kind;
            mappings
        };
        match self {
            Self::Float => mapping::dynamic(),
            Self::Date => mapping::template(),
            Self::Double => of(json!({"type": "double"})),
            Self::Millis => of(json!({"type": "long"})),
            Self::Late => of(json!({"type": "date", "format": "epoch_second||epoch_millis"})),
            Self::Early => of(json!({"type": "date"})),
        }
    }

    pub(crate) fn value(self, at: Timestamp) -> Value {
        match self {
            Self::Float | Self::Double => json!(at.timestamp_millis() as f64 / 1e3),
            Self::Date => json!(at.to_rfc3339()),
            Self::Millis | Self::Late => json!(at.timestamp_millis()),
            Self::Early => json!(at.timestamp()),
        }
    }
}

/// The document of an event, as the platform's messages have it.
pub(crate) fn document(event: &EventRecord, time: Time) -> Value {
    let mut properties = json!({});
    if let Some(activity) = event.activity {
        properties["activityId"] = json!(activity.0);
    }
    json!({
        "eventId": event.definition, "triggerType": event.trigger, "occurredAt": time.value(event.at),
        "userId": event.user, "sessionId": event.session, "properties": properties,
    })
}

/// A source over two indices with these events: one for behaviour, one for purchases. A forged purchase is in the
/// first.
pub(crate) async fn platform(events: &[EventRecord], time: Time) -> Option<OwnedSource> {
    platform_of(events, &time.mappings(), |event| document(event, time)).await
}

/// The same with other mappings and documents.
pub(crate) async fn platform_of(
    events: &[EventRecord],
    mappings: &Value,
    document: impl Fn(&EventRecord) -> Value,
) -> Option<OwnedSource> {
    let documents = |purchases: bool| -> Vec<Value> {
        let belongs = |event: &&EventRecord| (event.trigger == "PURCHASE" && !event.forged) == purchases;
        events.iter().filter(belongs).map(&document).collect()
    };
    source_over(vec![
        Index::of_events("behavior", mappings.clone(), documents(false)),
        Index::of_purchases("commerce", mappings.clone(), documents(true)),
    ])
    .await
}

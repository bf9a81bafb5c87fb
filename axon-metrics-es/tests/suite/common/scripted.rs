//! A server with scripted replies that records its requests.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axon_examples::stores::elasticsearch::client;
use axon_metrics::testing::server;
use axon_metrics_es::{EsBehavior, EsOptions};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter},
    net::TcpStream,
};

/// A scripted reply: a status and a body, or raw bytes.
#[derive(Debug, Clone)]
pub(crate) enum CannedReply {
    /// With its `content-length`.
    Sized(u16, Vec<u8>),
    /// In chunks, without a length.
    Chunked(u16, Vec<u8>),
    /// With this `content-length`, whatever the length of the body. Then the connection is closed.
    Cut(u16, usize, Vec<u8>),
    LongBody(LongBody),
    Raw(Vec<u8>),
    /// No reply for this time. Then the connection is closed.
    Silence(Duration),
}

impl CannedReply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::Chunked(200, body.to_string().into())
    }
}

/// A long body that is never in memory as a whole: one part of it is sent repeatedly.
#[derive(Debug, Clone)]
pub(crate) struct LongBody {
    pub(crate) start: String,
    pub(crate) part: String,
    pub(crate) times: usize,
    pub(crate) end: String,
}

impl LongBody {
    pub(crate) fn bytes(&self) -> usize {
        self.start.len() + self.part.len() * self.times + self.end.len()
    }

    async fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let mut out = BufWriter::new(stream);
        out.write_all(&head_of(200, &format!("content-length: {}", self.bytes()))).await?;
        out.write_all(self.start.as_bytes()).await?;
        for _ in 0..self.times {
            out.write_all(self.part.as_bytes()).await?;
        }
        out.write_all(self.end.as_bytes()).await?;
        out.flush().await
    }
}

/// A request: its path with the query, and its body.
pub(crate) type Request = (String, String);

pub(crate) struct ScriptedServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl ScriptedServer {
    /// A server whose replies depend on the number, path and body of the request.
    pub(crate) async fn start(answer: impl Fn(usize, &str, &str) -> CannedReply + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        let address = server::start(move |stream| serve(stream, Arc::clone(&log), Arc::clone(&answer))).await;
        Self { url: format!("http://{address}"), requests }
    }

    /// A server that answers probes by these indices, and questions by `answer`. The first two requests of a source are
    /// a probe.
    pub(crate) async fn over(
        indices: Vec<IndexStub>,
        answer: impl Fn(&str) -> CannedReply + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |_, path, body| {
            if path.contains("_field_caps") {
                CannedReply::json(&field_caps(&indices))
            } else if body.contains("\"losses\"") {
                CannedReply::json(&losses(&indices, body))
            } else if body.contains("\"units\"") || !body.contains("\"query\"") {
                CannedReply::json(&counts(&indices))
            } else {
                answer(body)
            }
        })
        .await
    }

    pub(crate) fn source(&self, options: EsOptions) -> EsBehavior {
        EsBehavior::with_options(client(&self.url).unwrap(), options).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The bodies of the questions, without the requests of probes.
    pub(crate) fn questions(&self) -> Vec<String> {
        let searches =
            self.requests().into_iter().filter(|(path, body)| path.contains("_msearch") && body.contains("\"query\""));
        let is_of_probe = |body: &String| ["\"units\"", "\"losses\""].iter().any(|name| body.contains(name));
        searches.map(|(_, body)| body).filter(|body| !is_of_probe(body)).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: Arc<Mutex<Vec<Request>>>,
    answer: Arc<impl Fn(usize, &str, &str) -> CannedReply + Send + Sync + 'static>,
) {
    let mut buffer = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let length = text
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next().and_then(|length| length.parse::<usize>().ok()));
        let end = head + length.unwrap_or(0);
        while buffer.len() < end {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let body = String::from_utf8_lossy(&buffer[head..end]).into_owned();
        buffer.drain(..end);
        let number = {
            let mut log = log.lock().unwrap();
            log.push((path.clone(), body.clone()));
            log.len() - 1
        };
        let (bytes, close) = match answer(number, &path, &body) {
            CannedReply::Raw(bytes) => (bytes, true),
            CannedReply::Sized(status, body) => {
                ([head_of(status, &format!("content-length: {}", body.len())), body].concat(), false)
            }
            CannedReply::Cut(status, length, body) => {
                ([head_of(status, &format!("content-length: {length}")), body].concat(), true)
            }
            CannedReply::Chunked(status, body) => {
                let mut bytes = head_of(status, "transfer-encoding: chunked");
                for chunk in body.chunks(16 << 10) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
                (bytes, false)
            }
            CannedReply::LongBody(long) => match long.send(&mut stream).await {
                Ok(()) => continue,
                Err(_) => return,
            },
            CannedReply::Silence(time) => {
                tokio::time::sleep(time).await;
                return;
            }
        };
        if stream.write_all(&bytes).await.is_err() || close {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

fn head_of(status: u16, length: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Some\r\ncontent-type: application/json\r\n{length}\r\n\r\n").into_bytes()
}

/// An index of a scripted server.
#[derive(Debug, Clone)]
pub(crate) struct IndexStub {
    pub(crate) name: &'static str,
    /// Fields and their types.
    pub(crate) types: Vec<(&'static str, &'static str)>,
    pub(crate) shards: u64,
    pub(crate) records: u64,
    /// Records whose times are in seconds, milliseconds, microseconds.
    pub(crate) units: [u64; 3],
    /// Purchases in an index that is not one of purchases.
    pub(crate) purchases: u64,
    /// Records without a time, with an implausible one, and those of which the trigger, the activity, the user, the session,
    /// the definition and the page were ignored.
    pub(crate) losses: [u64; 8],
}

const TEXTS: [&str; 3] = ["triggerType", "sessionId", "pageUrl"];

impl IndexStub {
    /// IndexStub dynamically by its first document, with times of this type.
    pub(crate) fn dynamic(name: &'static str, time: &'static str) -> Self {
        let mut types = vec![("occurredAt", time), ("userId", "long"), ("eventId", "long")];
        types.extend([("properties", "object"), ("properties.activityId", "long")]);
        types.extend(TEXTS.map(|text| (text, "text")));
        types.extend([
            ("triggerType.keyword", "keyword"),
            ("sessionId.keyword", "keyword"),
            ("pageUrl.keyword", "keyword"),
        ]);
        Self { name, types, shards: 1, records: 1_000, units: [1_000, 0, 0], purchases: 0, losses: [0; 8] }
    }

    /// IndexStub by the platform's template.
    pub(crate) fn template(name: &'static str) -> Self {
        let mut types = vec![("occurredAt", "date"), ("userId", "long"), ("eventId", "long")];
        types.extend([("properties", "object"), ("properties.activityId", "long")]);
        types.extend(TEXTS.map(|text| (text, "keyword")));
        Self { name, types, shards: 1, records: 1_000, units: [0, 1_000, 0], purchases: 0, losses: [0; 8] }
    }

    pub(crate) fn with_units(mut self, units: [u64; 3]) -> Self {
        self.units = units;
        self
    }

    pub(crate) fn with_purchases(mut self, purchases: u64) -> Self {
        self.purchases = purchases;
        self
    }

    pub(crate) fn with_losses(mut self, losses: [u64; 8]) -> Self {
        self.losses = losses;
        self
    }

    pub(crate) fn with_shards(mut self, shards: u64) -> Self {
        self.shards = shards;
        self
    }
}

/// The reply to the first request of a probe: the mapped types of the indices.
pub(crate) fn field_caps(indices: &[IndexStub]) -> Value {
    let mut fields = json!({});
    let names: Vec<_> = indices.iter().map(|index| index.name).collect();
    for index in indices {
        for (field, kind) in &index.types {
            let entry = &mut fields[*field][*kind];
            if entry.is_null() {
                *entry = json!({"type": kind, "indices": []});
            }
            entry["indices"].as_array_mut().unwrap().push(json!(index.name));
        }
    }
    json!({"indices": names, "fields": fields})
}

/// The buckets of a `filters` aggregation.
fn buckets(counts: &[u64]) -> Value {
    json!({"buckets": counts.iter().map(|count| json!({"doc_count": count})).collect::<Vec<_>>()})
}

/// The reply to the second request of a probe: the records of each index, and the units of their times.
pub(crate) fn counts(indices: &[IndexStub]) -> Value {
    let count = |index: &IndexStub| {
        let most = index.units.iter().zip([1, 1_000, 1_000_000_i64]).rfind(|(count, _)| **count > 0);
        json!({
            "status": 200, "timed_out": false, "_shards": shards(index.shards),
            "hits": {"total": {"value": index.records, "relation": "eq"}},
            "aggregations": {
                "units": buckets(&index.units),
                "checks": buckets(&[index.losses[2..].iter().sum(), index.purchases]),
                "newest": {"value": most.map(|(_, unit)| 1_731_400_000 * unit)},
            },
        })
    };
    // In the order of the request, which sorts the names.
    let mut indices = indices.to_vec();
    indices.sort_by_key(|index| index.name);
    json!({"responses": indices.iter().map(count).collect::<Vec<_>>()})
}

/// The reply to the third request of a probe: the records of each index of the request that cannot be used.
pub(crate) fn losses(indices: &[IndexStub], body: &str) -> Value {
    let count = |header: &str| {
        let header: Value = serde_json::from_str(header).unwrap();
        let index = indices.iter().find(|index| header["index"][0] == index.name).unwrap();
        json!({
            "status": 200, "timed_out": false, "_shards": shards(index.shards),
            "hits": {"total": {"value": index.records, "relation": "eq"}},
            "aggregations": {"losses": buckets(&index.losses)},
        })
    };
    json!({"responses": body.lines().step_by(2).map(count).collect::<Vec<_>>()})
}

/// The member `_shards` of a reply in which all of this many shards answered.
pub(crate) fn shards(total: u64) -> Value {
    json!({"total": total, "successful": total, "skipped": 0, "failed": 0})
}

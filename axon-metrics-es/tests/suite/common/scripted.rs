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
        searches.map(|(_, body)| body).filter(|body| !body.contains("\"units\"")).collect()
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
        Self { name, types, shards: 1, records: 1_000, units: [1_000, 0, 0] }
    }

    /// IndexStub by the platform's template.
    pub(crate) fn template(name: &'static str) -> Self {
        let mut types = vec![("occurredAt", "date"), ("userId", "long"), ("eventId", "long")];
        types.extend([("properties", "object"), ("properties.activityId", "long")]);
        types.extend(TEXTS.map(|text| (text, "keyword")));
        Self { name, types, shards: 1, records: 1_000, units: [0, 1_000, 0] }
    }

    pub(crate) fn with_units(mut self, units: [u64; 3]) -> Self {
        self.units = units;
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

/// The reply to the second request of a probe: the records of each index, and the units of their times.
pub(crate) fn counts(indices: &[IndexStub]) -> Value {
    let count = |index: &IndexStub| {
        let units: Vec<_> = index.units.iter().map(|count| json!({"doc_count": count})).collect();
        json!({
            "status": 200, "timed_out": false, "_shards": shards(index.shards),
            "hits": {"total": {"value": index.records, "relation": "eq"}}, "aggregations": {"units": {"buckets": units}},
        })
    };
    // In the order of the request, which sorts the names.
    let mut indices = indices.to_vec();
    indices.sort_by_key(|index| index.name);
    json!({"responses": indices.iter().map(count).collect::<Vec<_>>()})
}

/// The member `_shards` of a reply in which all of this many shards answered.
pub(crate) fn shards(total: u64) -> Value {
    json!({"total": total, "successful": total, "skipped": 0, "failed": 0})
}

//! Bulk requests. The server's outcome of each document is counted.

use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap},
};
use serde::Deserialize;

use super::StoreError;

/// The documents of one request.
#[derive(Debug, Default)]
pub struct Bulk {
    lines: Vec<u8>,
    documents: u64,
}

/// The outcomes of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Documents that were stored. One of an existing id replaces the stored document.
    pub taken: u64,
    /// Documents that the index refused, as the layout expects.
    pub rejected: u64,
}

impl Bulk {
    /// Adds a document. `write` appends its JSON, on one line, to the buffer. Without an id the server generates one.
    pub fn document(&mut self, index: &str, id: Option<&str>, write: impl FnOnce(&mut Vec<u8>)) {
        let id = id.map(|id| format!(",\"_id\":\"{id}\"")).unwrap_or_default();
        self.lines.extend_from_slice(format!("{{\"index\":{{\"_index\":\"{index}\"{id}}}}}\n").as_bytes());
        write(&mut self.lines);
        self.lines.push(b'\n');
        self.documents += 1;
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// Documents so far.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Sends the documents. A refused document is an error, unless `expected` is true of its index and the type of the error.
    /// Without documents nothing is sent.
    /// # Errors
    /// [`StoreError::Refused`] with the first refusal that was not expected.
    pub async fn send(
        self,
        client: &Elasticsearch,
        expected: impl Fn(&str, &str) -> bool,
    ) -> Result<WriteCounts, StoreError> {
        #[derive(Deserialize)]
        struct Reply {
            items: Vec<Item>,
        }
        #[derive(Deserialize)]
        struct Item {
            index: Outcome,
        }
        #[derive(Deserialize)]
        struct Outcome {
            #[serde(rename = "_index")]
            index: String,
            status: u16,
            error: Option<Refusal>,
        }
        #[derive(Deserialize, Default)]
        struct Refusal {
            r#type: String,
            #[serde(default)]
            reason: String,
        }
        let mut written = WriteCounts::default();
        if self.documents == 0 {
            return Ok(written);
        }
        let query = [("filter_path", "items.*._index,items.*.status,items.*.error.type,items.*.error.reason")];
        let transport = client.transport();
        let response =
            transport.send(Method::Post, "/_bulk", HeaderMap::new(), Some(&query), Some(self.lines), None).await?;
        let status = response.status_code().as_u16();
        let text = response.text().await?;
        let refused = |reason: &str| StoreError::Refused {
            what: "write documents".to_owned(),
            reason: reason.chars().take(300).collect(),
        };
        if status != 200 {
            return Err(refused(&text));
        }
        let reply: Reply = serde_json::from_str(&text).map_err(|error| refused(&error.to_string()))?;
        if u64::try_from(reply.items.len()) != Ok(self.documents) {
            return Err(refused("the reply does not have an item for each document"));
        }
        for Item { index: Outcome { index, status, error } } in reply.items {
            if error.is_none() && (200..300).contains(&status) {
                written.taken += 1;
                continue;
            }
            let error = error.unwrap_or_default();
            if !expected(&index, &error.r#type) {
                return Err(refused(&format!("{status} {}: {}", error.r#type, error.reason)));
            }
            written.rejected += 1;
        }
        Ok(written)
    }
}

//! Documents, written many at a time. Every one is looked at: what the server did with it is counted.

use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap},
};
use serde::Deserialize;

use super::StoreError;

/// Documents for one request.
#[derive(Debug, Default)]
pub struct Bulk {
    lines: Vec<u8>,
    documents: u64,
}

/// What became of documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteCounts {
    /// Taken; one of an id that was there already replaced it.
    pub taken: u64,
    /// Refused, as the layout has it.
    pub rejected: u64,
}

impl Bulk {
    /// Adds a document. `write` puts its JSON, on one line, to the end of the buffer; without an id the server makes one.
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

    /// Writes them. A document that is refused is an error, unless `expected` says of its index and of the kind of the error
    /// that it is as it should be.
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
        let sent =
            transport.send(Method::Post, "/_bulk", HeaderMap::new(), Some(&query), Some(self.lines), None).await?;
        let status = sent.status_code().as_u16();
        let text = sent.text().await?;
        let refused = |reason: &str| StoreError::Refused {
            what: "write documents".to_owned(),
            reason: reason.chars().take(300).collect(),
        };
        if status != 200 {
            return Err(refused(&text));
        }
        let reply: Reply = serde_json::from_str(&text).map_err(|error| refused(&error.to_string()))?;
        if u64::try_from(reply.items.len()) != Ok(self.documents) {
            return Err(refused("the reply does not name every document"));
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

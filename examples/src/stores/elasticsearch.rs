//! Elasticsearch as the platform fills it: the indices of each layout, and events written to them as the sink would.
//! Lives here: creating and dropping indices. Lives in the modules below: their mappings, writing documents.

mod bulk;
mod loader;
pub mod mapping;

pub use bulk::{Bulk, WriteCounts};
pub use loader::EventLoader;

use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap, transport::Transport},
};
use serde_json::{Value, json};

use super::Layout;
use crate::generator::{Event, Topic};

/// The failure of an operation on an index, or of writing documents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The server did not answer.
    #[error("Elasticsearch did not answer")]
    Unreachable(#[from] elasticsearch::Error),
    /// The server refused.
    #[error("Elasticsearch refused to {what}: {reason}")]
    Refused {
        /// The operation, after "refused to".
        what: String,
        /// The server's reason.
        reason: String,
    },
    /// The task that writes documents has ended early.
    #[error("the task that writes to Elasticsearch ended before its input")]
    BrokeOff,
}

/// The names of a layout's indices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indices {
    /// The index of everything but purchases.
    pub behavior: String,
    /// The index of purchases; in the plan's layout the same one.
    pub commerce: String,
}

impl Indices {
    /// The platform's names.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        match layout {
            Layout::Plan => Self { behavior: "behavior-events".to_owned(), commerce: "behavior-events".to_owned() },
            _ => Self { behavior: "axon.event.behavior".to_owned(), commerce: "axon.event.commerce".to_owned() },
        }
    }

    /// The same names after a prefix, so that several data sets fit on one server.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        Self { behavior: format!("{prefix}{}", self.behavior), commerce: format!("{prefix}{}", self.commerce) }
    }

    /// The index in which an event is stored.
    #[must_use]
    pub fn of(&self, event: &Event) -> &str {
        match event.document.topic {
            Topic::Behavior => &self.behavior,
            Topic::Commerce => &self.commerce,
        }
    }

    /// Each name once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.behavior, &self.commerce]
            .into_iter()
            .enumerate()
            .filter_map(|(index, name)| (index == 0 || *name != self.behavior).then_some(name.as_str()))
    }
}

/// A client for one server. The URL may hold a user and a password.
/// # Errors
/// [`StoreError::Unreachable`] if it is no URL.
pub fn client(url: &str) -> Result<Elasticsearch, StoreError> {
    Ok(Elasticsearch::new(Transport::single_node(url)?))
}

/// Creates the indices of a layout. Existing ones of the same names are dropped first.
/// # Errors
/// The first refusal of the server.
pub async fn create(client: &Elasticsearch, layout: Layout, indices: &Indices) -> Result<(), StoreError> {
    let behavior = match layout {
        Layout::Dec2025 | Layout::Plan => mapping::dynamic(),
        Layout::Aug2026 | Layout::Rejected => mapping::template(),
    };
    create_index(client, &indices.behavior, behavior).await?;
    if indices.commerce != indices.behavior {
        create_index(client, &indices.commerce, mapping::dynamic()).await?;
    }
    Ok(())
}

/// Creates one index with these mappings. An existing one of the same name is dropped first.
/// # Errors
/// The first refusal of the server.
pub async fn create_index(client: &Elasticsearch, name: &str, mappings: Value) -> Result<(), StoreError> {
    drop_index(client, name).await?;
    let settings = json!({"number_of_shards": 1, "number_of_replicas": 0});
    let body = json!({"settings": settings, "mappings": mappings}).to_string();
    call(client, Method::Put, &format!("/{name}"), body, &[200]).await.map(|_| ())
}

/// Drops one index, if it exists.
/// # Errors
/// The refusal of the server.
pub async fn drop_index(client: &Elasticsearch, name: &str) -> Result<(), StoreError> {
    call(client, Method::Delete, &format!("/{name}"), String::new(), &[200, 404]).await.map(|_| ())
}

/// Drops the indices, if they exist.
/// # Errors
/// The first refusal of the server.
pub async fn drop_all(client: &Elasticsearch, indices: &Indices) -> Result<(), StoreError> {
    for name in indices.names() {
        drop_index(client, name).await?;
    }
    Ok(())
}

/// Makes written documents visible to searches.
/// # Errors
/// The first refusal of the server.
pub async fn refresh(client: &Elasticsearch, names: impl IntoIterator<Item = &str>) -> Result<(), StoreError> {
    for name in names {
        call(client, Method::Post, &format!("/{name}/_refresh"), String::new(), &[200]).await?;
    }
    Ok(())
}

/// Sends one request. A status that is not in `statuses` is a refusal.
async fn call(
    client: &Elasticsearch,
    method: Method,
    path: &str,
    body: String,
    statuses: &[u16],
) -> Result<Value, StoreError> {
    let body = Some(body).filter(|body| !body.is_empty());
    let response = client.transport().send(method, path, HeaderMap::new(), None::<&()>, body, None).await?;
    let status = response.status_code().as_u16();
    let text = response.text().await?;
    if statuses.contains(&status) {
        return Ok(serde_json::from_str(&text).unwrap_or_default());
    }
    Err(StoreError::Refused { what: format!("change {path}"), reason: text.chars().take(300).collect() })
}

//! The existing contents of the stores that are to be loaded. This module only reads.

use elasticsearch::{
    Elasticsearch,
    http::{Method, headers::HeaderMap},
};
use redis::{Client, RedisResult};
use sqlx::{Connection as _, MySqlConnection};

use super::{
    elasticsearch::{Indices, StoreError},
    load::{LoadError, SqlTarget, Targets},
    redis::Keys,
    sql::TABLES,
};
use crate::generator::Catalog;

/// The existing contents of the stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// What loading replaces: indices, a database, keys.
    pub replaced: Vec<String>,
    /// Tables that are not the platform's. Loading would drop them with the database, and must not.
    pub foreign: Vec<String>,
}

impl Targets {
    /// Reads the existing contents of the stores.
    /// # Errors
    /// The first store that cannot be read.
    pub async fn contents(&self, catalog: &Catalog) -> Result<StoreContents, LoadError> {
        let mut contents = StoreContents::default();
        if let Some((client, indices)) = &self.elasticsearch {
            let existing = existing_indices(client, indices).await?;
            contents.replaced.extend(existing.into_iter().map(|name| format!("index {name}")));
        }
        if let Some(SqlTarget { url, database, .. }) = &self.sql {
            let tables = existing_tables(url, database).await?;
            let (ours, foreign): (Vec<_>, Vec<_>) =
                tables.into_iter().partition(|table| TABLES.contains(&table.as_str()));
            if !ours.is_empty() {
                contents.replaced.push(format!("database {database}"));
            }
            contents.foreign.extend(foreign.into_iter().map(|table| format!("table {database}.{table}")));
        }
        if let Some((client, keys)) = &self.redis {
            let existing = existing_keys(client, keys, catalog).await?;
            contents.replaced.extend(existing.first().map(|first| format!("{} keys such as {first}", existing.len())));
        }
        Ok(contents)
    }
}

/// The names that exist as an index or as an alias.
async fn existing_indices(client: &Elasticsearch, indices: &Indices) -> Result<Vec<String>, StoreError> {
    let mut existing = Vec::new();
    for name in indices.names() {
        let path = format!("/{name}");
        let request = client.transport().send(Method::Head, &path, HeaderMap::new(), None::<&()>, None::<String>, None);
        match request.await?.status_code().as_u16() {
            200 => existing.push(name.to_owned()),
            404 => {}
            status => {
                let what = format!("check whether the index {name} exists");
                return Err(StoreError::Refused { what, reason: format!("status {status}") });
            }
        }
    }
    Ok(existing)
}

/// The tables of a database; empty if the database does not exist.
async fn existing_tables(url: &str, database: &str) -> Result<Vec<String>, sqlx::Error> {
    // One connection, not a pool: a pool retries until its time-out, and returns that instead of the reason.
    let mut connection = MySqlConnection::connect(url).await?;
    let tables = sqlx::query_scalar(
        "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables WHERE table_schema = ? ORDER BY name",
    );
    let tables = tables.bind(database).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(tables)
}

/// The keys of a catalog's activities that exist.
async fn existing_keys(client: &Client, keys: &Keys, catalog: &Catalog) -> RedisResult<Vec<String>> {
    let mut names = Vec::new();
    for activity in catalog.activities() {
        let id = activity.id.to_string();
        names.extend([keys.counter(), keys.members()].map(|name| name.replace("{activityId}", &id)));
    }
    let mut pipeline = redis::Pipeline::new();
    for name in &names {
        pipeline.cmd("EXISTS").arg(name);
    }
    let mut connection = client.get_multiplexed_async_connection().await?;
    let exists: Vec<bool> = pipeline.query_async(&mut connection).await?;
    Ok(names.into_iter().zip(exists).filter_map(|(name, exists)| exists.then_some(name)).collect())
}

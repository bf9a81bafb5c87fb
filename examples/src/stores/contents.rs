//! What lies where records are to go. Lives here: looking. Nothing is changed.

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

/// What is there already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// What loading puts itself in the place of: indices, a database, keys.
    pub replaced: Vec<String>,
    /// What loading would drop with its database, and must not: tables that are not the platform's.
    pub foreign: Vec<String>,
}

impl Targets {
    /// Looks for what is there already.
    /// # Errors
    /// The first store that cannot be asked.
    pub async fn contents(&self, catalog: &Catalog) -> Result<StoreContents, LoadError> {
        let mut contents = StoreContents::default();
        if let Some((client, indices)) = &self.elasticsearch {
            let found = indices_of(client, indices).await?;
            contents.replaced.extend(found.into_iter().map(|name| format!("index {name}")));
        }
        if let Some(SqlTarget { url, database, .. }) = &self.sql {
            let tables = tables_of(url, database).await?;
            let (ours, foreign): (Vec<_>, Vec<_>) =
                tables.into_iter().partition(|table| TABLES.contains(&table.as_str()));
            if !ours.is_empty() {
                contents.replaced.push(format!("database {database}"));
            }
            contents.foreign.extend(foreign.into_iter().map(|table| format!("table {database}.{table}")));
        }
        if let Some((client, keys)) = &self.redis {
            let found = keys_of(client, keys, catalog).await?;
            contents.replaced.extend(found.first().map(|first| format!("{} keys such as {first}", found.len())));
        }
        Ok(contents)
    }
}

/// Those of the indices that are there, or whose name is that of an alias.
async fn indices_of(client: &Elasticsearch, indices: &Indices) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for name in indices.names() {
        let path = format!("/{name}");
        let asked = client.transport().send(Method::Head, &path, HeaderMap::new(), None::<&()>, None::<String>, None);
        match asked.await?.status_code().as_u16() {
            200 => found.push(name.to_owned()),
            404 => {}
            status => {
                let what = format!("say whether there is an index {name}");
                return Err(StoreError::Refused { what, reason: format!("status {status}") });
            }
        }
    }
    Ok(found)
}

/// The tables of a database; none where there is no such database.
async fn tables_of(url: &str, database: &str) -> Result<Vec<String>, sqlx::Error> {
    // One connection, not a pool: a pool tries again until its time is over, and says that instead of the reason.
    let mut connection = MySqlConnection::connect(url).await?;
    let tables = sqlx::query_scalar(
        "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables WHERE table_schema = ? ORDER BY name",
    );
    let tables = tables.bind(database).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(tables)
}

/// Those keys of a catalog's activities that are there.
async fn keys_of(client: &Client, keys: &Keys, catalog: &Catalog) -> RedisResult<Vec<String>> {
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
    let there: Vec<bool> = pipeline.query_async(&mut connection).await?;
    Ok(names.into_iter().zip(there).filter_map(|(name, there)| there.then_some(name)).collect())
}

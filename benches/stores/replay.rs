//! Replays the requests of the platform's dashboard on its stores.

use elasticsearch::http::{Method, headers::HeaderMap, transport::Transport};
use redis::AsyncCommands as _;
use sqlx::{Executor as _, MySqlPool, mysql::MySqlPoolOptions};

use crate::{
    peer::Request,
    platform::{Addresses, Platform},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A client that the stores cannot tell from the platform's dashboard.
pub(crate) struct Peer {
    search: Transport,
    indices: String,
    sql: MySqlPool,
    redis: redis::aio::MultiplexedConnection,
    prefix: String,
}

impl Peer {
    pub(crate) async fn connect(platform: &Platform, at: &Addresses) -> Result<Self, Error> {
        let indices: Vec<&str> = platform.indices.names().collect();
        let sql = platform.options(at);
        Ok(Self {
            search: Transport::single_node(&format!("http://{}", at.elasticsearch))?,
            indices: indices.join(","),
            sql: MySqlPoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(sql).await?,
            redis: redis::Client::open(format!("redis://{}/", at.redis))?.get_multiplexed_async_connection().await?,
            prefix: platform.keys.counter().replace("campaign:{activityId}:counter", ""),
        })
    }

    /// Sends the requests of a page, each one after the response to the one before.
    pub(crate) async fn load(&self, page: Vec<Request>) -> Result<(), Error> {
        for request in page {
            match request {
                Request::Search(body) => {
                    let path = format!("/{}/_search", self.indices);
                    let query = Some(&[("typed_keys", "true")]);
                    let mut headers = HeaderMap::new();
                    headers.insert("content-type", "application/json".parse()?);
                    let reply = self.search.send(Method::Post, &path, headers, query, Some(body), None).await?;
                    if !reply.status_code().is_success() {
                        return Err(reply.text().await?.into());
                    }
                    reply.bytes().await?;
                }
                Request::Sql(statement) => {
                    let rows = self.sql.fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await?;
                    std::hint::black_box(rows.len());
                }
                Request::Get(key) => {
                    let value: Option<i64> = self.redis.clone().get(format!("{}{key}", self.prefix)).await?;
                    std::hint::black_box(value);
                }
            }
        }
        Ok(())
    }
}

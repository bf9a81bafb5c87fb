//! What a connection leads to, and the exchange of commands: a pipeline with a single server, single commands at the
//! same time with a cluster.
//!
//! Workaround: the driver rejects a cluster pipeline over several slots (redis-rs issue 1348), so a cluster gets single
//! commands. Shown by `tests/suite/cluster.rs`, whose keys are in many slots. Can go once a cluster pipeline may span
//! slots.

use std::time::Duration;

use redis::{Client, Pipeline, Value, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout, timeout_at};
#[cfg(feature = "cluster")]
use {
    futures_util::future::join_all,
    redis::{
        cluster::{ClusterClient, ClusterConfig},
        cluster_async::ClusterConnection,
    },
};

use super::{
    sentinels::Sentinels,
    server::{Server, check},
};
use crate::{
    address::{AddressError, Kind, RedisAddress},
    command::Command,
    error::Fault,
    reply::Reply,
};

/// The server or cluster to connect to.
pub(crate) struct Endpoint {
    target: Target,
    timeout: Duration,
}

enum Target {
    Single(Box<Server>),
    Master(Box<Sentinels>),
    #[cfg(feature = "cluster")]
    Cluster(Box<ClusterClient>),
}

impl Endpoint {
    pub(crate) fn single(client: &Client, timeout: Duration) -> Self {
        Self { target: Target::Single(Box::new(Server::new(client))), timeout }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(client: ClusterClient, timeout: Duration) -> Self {
        Self { target: Target::Cluster(Box::new(client)), timeout }
    }

    /// What an address leads to.
    pub(crate) fn at(address: &RedisAddress, timeout: Duration) -> Result<Self, AddressError> {
        address.check()?;
        Ok(match address.kind() {
            Kind::Server(node) => Self::single(&address.client(node)?, timeout),
            Kind::Socket(path) => Self::single(&address.socket_client(path.clone())?, timeout),
            Kind::Sentinels { sentinels, service } => {
                let sentinels = Sentinels::new(address, sentinels, service, timeout)?;
                Self { target: Target::Master(Box::new(sentinels)), timeout }
            }
            #[cfg(feature = "cluster")]
            Kind::Cluster(nodes) => Self::cluster(address.cluster_client(nodes)?, timeout),
            #[cfg(not(feature = "cluster"))]
            Kind::Cluster(_) => return Err(AddressError::Feature("cluster")),
        })
    }

    /// The text of the endpoint in a health report.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.target {
            Target::Single(server) if server.is_resp3() => "one server, RESP3",
            Target::Single(_) => "one server, RESP2",
            Target::Master(_) => "the master that sentinels name",
            #[cfg(feature = "cluster")]
            Target::Cluster(_) => "cluster",
        }
    }

    /// Whether keys are on several servers.
    pub(crate) fn is_cluster(&self) -> bool {
        match &self.target {
            Target::Single(_) | Target::Master(_) => false,
            #[cfg(feature = "cluster")]
            Target::Cluster(_) => true,
        }
    }

    /// Whether it is time for [`has_moved`](Self::has_moved).
    pub(crate) fn is_check_due(&self) -> bool {
        match &self.target {
            Target::Master(sentinels) => sentinels.is_check_due(),
            _ => false,
        }
    }

    /// Whether the last connection leads to a server that is not the right one any more, as far as is known.
    pub(crate) async fn has_moved(&self) -> bool {
        match &self.target {
            Target::Master(sentinels) => sentinels.name_another_master().await,
            _ => false,
        }
    }

    /// Connects within the connect timeout. The connection has answered once.
    pub(crate) async fn connect(&self) -> Result<Wire, Fault> {
        let connect = timeout(self.timeout, async {
            match &self.target {
                Target::Single(server) => server.connect().await.map(Wire::Single),
                Target::Master(sentinels) => sentinels.connect().await.map(Wire::Single),
                // The client reads the slots of the cluster, so the connection has answered, too.
                #[cfg(feature = "cluster")]
                Target::Cluster(client) => {
                    let config = ClusterConfig::new().set_connection_timeout(self.timeout);
                    Ok(Wire::Cluster(client.get_async_connection_with_config(config).await?))
                }
            }
        });
        connect.await.unwrap_or(Err(Fault::NotConnected))
    }
}

/// An open connection. Clones share it. It closes when the last clone is dropped.
#[derive(Clone)]
pub(crate) enum Wire {
    Single(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Wire {
    /// Sends all commands at once. One reply per command, in their order.
    /// # Errors
    /// If no command got an answer, or one reply on a single connection makes all of them doubtful.
    pub(crate) async fn ask(&mut self, commands: &[Command], deadline: Instant) -> Result<Vec<Reply>, Fault> {
        match self {
            Self::Single(connection) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                pipeline.ignore_errors();
                for command in commands {
                    pipeline.add_command(command.encoded());
                }
                let values: Vec<Value> =
                    timeout_at(deadline, pipeline.query_async(connection)).await.map_err(|_| Fault::TooSlow)??;
                if values.len() != commands.len() {
                    return Err(Fault::WrongReply);
                }
                let replies: Vec<_> =
                    commands.iter().zip(values).map(|(command, value)| check(command, value)).collect();
                // A part of the keys would be a part of the figures, and which part would be chance.
                if replies.iter().any(|reply| reply.as_ref().is_err_and(Fault::is_of_cluster)) {
                    return Err(Fault::ClusterNode);
                }
                // Replies come in the order of the commands: if one does not match, the others may belong to other
                // commands.
                let fault = replies.iter().find_map(|reply| reply.as_ref().err().filter(|it| it.requires_reconnect()));
                match fault {
                    Some(fault) => Err(fault.clone()),
                    None => Ok(replies),
                }
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                let exchanges = commands.iter().map(|command| {
                    let mut connection = connection.clone();
                    async move {
                        let encoded = command.encoded();
                        let exchange = timeout_at(deadline, encoded.query_async::<Value>(&mut connection));
                        let value = exchange.await.map_err(|_| Fault::TooSlow)??;
                        check(command, value)
                    }
                });
                let replies = join_all(exchanges).await;
                // A node that fails does not affect the replies of the others.
                let is_answer =
                    |reply: &Reply| reply.as_ref().map_or_else(|fault| !fault.requires_reconnect(), |_| true);
                match replies.first() {
                    Some(Err(fault)) if !replies.iter().any(is_answer) => Err(fault.clone()),
                    _ => Ok(replies),
                }
            }
        }
    }
}

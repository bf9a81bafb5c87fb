//! The handshake of a connection, and the exchange of commands: a pipeline with a single server, single commands at the
//! same time with a cluster.
//!
//! Workaround: the driver rejects a cluster pipeline over several slots (redis-rs issue 1348), so a cluster gets single
//! commands. Shown by `tests/suite/cluster.rs`, whose keys are in many slots. Can go once a cluster pipeline may span
//! slots.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisConnectionInfo, Value,
    aio::MultiplexedConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::{Instant, timeout, timeout_at};
#[cfg(feature = "cluster")]
use {
    futures_util::future::join_all,
    redis::{
        cluster::{ClusterClient, ClusterConfig},
        cluster_async::ClusterConnection,
    },
};

use crate::{command::Command, error::Fault, reply::Reply};

/// TCP keepalive: the idle time before the first probe, and the interval of further ones.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));

/// The server or cluster to connect to.
pub(crate) struct Endpoint {
    target: Target,
    timeout: Duration,
}

enum Target {
    Single(Box<Server>),
    #[cfg(feature = "cluster")]
    Cluster(Box<ClusterClient>),
}

struct Server {
    client: Client,
    /// The `AUTH` command of the handshake.
    ///
    /// Workaround: the driver reports every error reply to its own `AUTH` as `AuthenticationFailed`, also that of a
    /// server with too many clients (no public number known), so the handshake sends it. Shown by
    /// `tests/suite/hostile.rs`, `a_full_server_is_not_a_wrong_password`. Can go once the driver keeps the error reply.
    password: Option<Cmd>,
    /// The `SELECT` command of the handshake; `None` for database 0.
    database: Option<Cmd>,
}

impl Server {
    fn new(client: &Client) -> Self {
        let info = client.get_connection_info();
        let configured = info.redis_settings();
        // Without the driver's `CLIENT SETINFO`, which needs a right and a round trip.
        let settings = RedisConnectionInfo::default().set_protocol(configured.protocol()).set_skip_set_lib_name();
        let (settings, password) = match (configured.password(), configured.username()) {
            (None, _) => (settings, None),
            // In RESP3 the driver's `HELLO` contains the credentials.
            (Some(password), username) if configured.protocol().supports_resp3() => {
                let settings = settings.set_password(password);
                (username.into_iter().fold(settings, RedisConnectionInfo::set_username), None)
            }
            (Some(password), username) => {
                let mut auth = redis::cmd("AUTH");
                // Servers before version 6 have no user names, so `default` is left out.
                auth.arg(username.filter(|name| *name != "default")).arg(password);
                (settings, Some(auth))
            }
        };
        let database = (configured.db() != 0).then(|| {
            let mut select = redis::cmd("SELECT");
            select.arg(configured.db());
            select
        });
        let tcp = with_defaults(info.tcp_settings().clone());
        let info = info.clone().set_redis_settings(settings).set_tcp_settings(tcp);
        // A client's own configuration is always valid.
        Self { client: Client::open(info).unwrap_or_else(|_| client.clone()), password, database }
    }

    /// An open connection that has answered a `PING`: an open socket alone does not prove a working server.
    async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        // The deadlines of the questions apply instead.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut handshake = Pipeline::new();
        handshake.ignore_errors();
        for command in self.password.iter().chain(&self.database).cloned().chain([Command::Ping.encoded()]) {
            handshake.add_command(command);
        }
        let mut replies: Vec<Value> = handshake.query_async(&mut connection).await?;
        let ping = replies.pop().ok_or(Fault::WrongReply)?;
        let mut replies = replies.into_iter();
        for (command, rejected) in [(&self.password, Fault::Credentials), (&self.database, Fault::Database)] {
            if let Some(Value::ServerError(error)) = command.as_ref().and_then(|_| replies.next()) {
                return Err(match Fault::error_reply(&error) {
                    fault if ["ERR", "WRONGPASS", "NOPERM"].contains(&fault.code()) => rejected,
                    other => other,
                });
            }
        }
        match check(&Command::Ping, ping) {
            // The server answered, and questions do not need the right to `PING`.
            Err(fault) if fault.code() != "NOPERM" => Err(fault),
            _ => Ok(connection),
        }
    }
}

impl Endpoint {
    pub(crate) fn single(client: &Client, timeout: Duration) -> Self {
        Self { target: Target::Single(Box::new(Server::new(client))), timeout }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn cluster(client: ClusterClient, timeout: Duration) -> Self {
        Self { target: Target::Cluster(Box::new(client)), timeout }
    }

    /// The text of the endpoint in a health report.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.target {
            Target::Single(server)
                if server.client.get_connection_info().redis_settings().protocol().supports_resp3() =>
            {
                "one server, RESP3"
            }
            Target::Single(_) => "one server, RESP2",
            #[cfg(feature = "cluster")]
            Target::Cluster(_) => "cluster",
        }
    }

    /// Whether keys are on several servers.
    pub(crate) fn is_cluster(&self) -> bool {
        match &self.target {
            Target::Single(_) => false,
            #[cfg(feature = "cluster")]
            Target::Cluster(_) => true,
        }
    }

    /// Connects within the connect timeout. The connection has answered once.
    pub(crate) async fn connect(&self) -> Result<Wire, Fault> {
        let connect = timeout(self.timeout, async {
            match &self.target {
                Target::Single(server) => server.connect().await.map(Wire::Single),
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

/// Adds `TCP_NODELAY`, and keepalive unless the caller has set it.
fn with_defaults(tcp: TcpSettings) -> TcpSettings {
    let tcp = tcp.set_nodelay(true);
    if tcp.keepalive().is_some() {
        return tcp;
    }
    let (time, interval) = KEEPALIVE;
    tcp.set_keepalive(TcpKeepalive::new().with_time(time).with_interval(interval))
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

/// A reply that fits its command, or the fault.
fn check(command: &Command, value: Value) -> Reply {
    match value {
        Value::ServerError(error) => Err(Fault::error_reply(&error)),
        value if command.fits(&value) => Ok(value),
        _ => Err(Fault::WrongReply),
    }
}

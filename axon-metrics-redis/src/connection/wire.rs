//! How a connection is made, and what travels over it: a pipeline to a single server, single commands at the same time to a
//! cluster, whose driver refuses a pipeline over several slots.

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

use crate::{command::Command, error::Trouble, reply::Reply};

/// After which time of silence the kernel asks whether the other end is there, and how often then.
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
    /// What is said first. The driver says it too, but then tells a server that is full from a wrong password no more.
    password: Option<Cmd>,
    database: Option<Cmd>,
}

impl Server {
    fn new(client: &Client) -> Self {
        let info = client.get_connection_info();
        let asked = info.redis_settings();
        // The driver would name itself at each connection, too, which needs a right and a round trip.
        let settings = RedisConnectionInfo::default().set_protocol(asked.protocol()).set_skip_set_lib_name();
        let (settings, password) = match (asked.password(), asked.username()) {
            (None, _) => (settings, None),
            // A greeting in the newer protocol has the password in it.
            (Some(password), username) if asked.protocol().supports_resp3() => {
                let settings = settings.set_password(password);
                (username.into_iter().fold(settings, RedisConnectionInfo::set_username), None)
            }
            (Some(password), username) => {
                let mut auth = redis::cmd("AUTH");
                // Servers before version 6 know no users but this one.
                auth.arg(username.filter(|name| *name != "default")).arg(password);
                (settings, Some(auth))
            }
        };
        let database = (asked.db() != 0).then(|| {
            let mut select = redis::cmd("SELECT");
            select.arg(asked.db());
            select
        });
        let tcp = with_defaults(info.tcp_settings().clone());
        let info = info.clone().set_redis_settings(settings).set_tcp_settings(tcp);
        // What a client was made of makes another one.
        Self { client: Client::open(info).unwrap_or_else(|_| client.clone()), password, database }
    }

    /// A connection that has answered: one that is merely open proves nothing.
    async fn connect(&self) -> Result<MultiplexedConnection, Trouble> {
        // Deadlines are set for each question, by its budget.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut greeting = Pipeline::new();
        greeting.ignore_errors();
        for command in self.password.iter().chain(&self.database).cloned().chain([Command::Ping.encoded()]) {
            greeting.add_command(command);
        }
        let mut replies: Vec<Value> = greeting.query_async(&mut connection).await?;
        let ping = replies.pop().ok_or(Trouble::Unreadable)?;
        let mut replies = replies.into_iter();
        for (command, refused) in [(&self.password, Trouble::Credentials), (&self.database, Trouble::Database)] {
            if let Some(Value::ServerError(error)) = command.as_ref().and_then(|_| replies.next()) {
                return Err(match Trouble::error_reply(&error) {
                    trouble if ["ERR", "WRONGPASS", "NOPERM"].contains(&trouble.code()) => refused,
                    other => other,
                });
            }
        }
        match read(&Command::Ping, ping) {
            // Somebody is there, and a ping is not needed.
            Err(trouble) if trouble.code() != "NOPERM" => Err(trouble),
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

    /// What is connected to, in a few words.
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

    /// Whether keys lie on several servers.
    pub(crate) fn is_cluster(&self) -> bool {
        match &self.target {
            Target::Single(_) => false,
            #[cfg(feature = "cluster")]
            Target::Cluster(_) => true,
        }
    }

    /// A connection that is known to work.
    pub(crate) async fn connect(&self) -> Result<Wire, Trouble> {
        let connected = timeout(self.timeout, async {
            match &self.target {
                Target::Single(server) => server.connect().await.map(Wire::Single),
                // It has told its slots.
                #[cfg(feature = "cluster")]
                Target::Cluster(client) => {
                    let config = ClusterConfig::new().set_connection_timeout(self.timeout);
                    Ok(Wire::Cluster(client.get_async_connection_with_config(config).await?))
                }
            }
        });
        connected.await.unwrap_or(Err(Trouble::NotConnected))
    }
}

/// What the caller has not set.
fn with_defaults(tcp: TcpSettings) -> TcpSettings {
    let tcp = tcp.set_nodelay(true);
    if tcp.keepalive().is_some() {
        return tcp;
    }
    let (time, interval) = KEEPALIVE;
    tcp.set_keepalive(TcpKeepalive::new().with_time(time).with_interval(interval))
}

/// A connection. Clones share it; it is closed when the last one is dropped.
#[derive(Clone)]
pub(crate) enum Wire {
    Single(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Wire {
    /// Asks all at once: one reply for each command, of the shape that fits it, or why there is none.
    /// # Errors
    /// If nothing was answered, or nothing that was answered can be trusted.
    pub(crate) async fn ask(&mut self, commands: &[Command], deadline: Instant) -> Result<Vec<Reply>, Trouble> {
        match self {
            Self::Single(connection) => {
                let mut pipeline = Pipeline::with_capacity(commands.len());
                pipeline.ignore_errors();
                for command in commands {
                    pipeline.add_command(command.encoded());
                }
                let values: Vec<Value> =
                    timeout_at(deadline, pipeline.query_async(connection)).await.map_err(|_| Trouble::Slow)??;
                if values.len() != commands.len() {
                    return Err(Trouble::Unreadable);
                }
                let replies: Vec<_> =
                    commands.iter().zip(values).map(|(command, value)| read(command, value)).collect();
                // All came one after the other: if one is in doubt, so are the others.
                let doubt = replies.iter().find_map(|reply| reply.as_ref().err().filter(|it| it.doubts_connection()));
                match doubt {
                    Some(trouble) => Err(trouble.clone()),
                    None => Ok(replies),
                }
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => {
                let asked = commands.iter().map(|command| {
                    let mut connection = connection.clone();
                    async move {
                        let encoded = command.encoded();
                        let asked = timeout_at(deadline, encoded.query_async::<Value>(&mut connection));
                        let value = asked.await.map_err(|_| Trouble::Slow)??;
                        read(command, value)
                    }
                });
                let replies = join_all(asked).await;
                // Nodes fail one by one; the rest is of use.
                let heard =
                    |reply: &Reply| reply.as_ref().map_or_else(|trouble| !trouble.doubts_connection(), |_| true);
                match replies.first() {
                    Some(Err(trouble)) if !replies.iter().any(heard) => Err(trouble.clone()),
                    _ => Ok(replies),
                }
            }
        }
    }
}

fn read(command: &Command, value: Value) -> Reply {
    match value {
        Value::ServerError(error) => Err(Trouble::error_reply(&error)),
        value if command.fits(&value) => Ok(value),
        _ => Err(Trouble::Unreadable),
    }
}

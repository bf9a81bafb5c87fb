//! One server, and the handshake of a connection to it.

use redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, RedisConnectionInfo, Value,
    aio::MultiplexedConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

use std::time::Duration;

use crate::{command::Command, error::Fault, reply::Reply};

/// TCP keepalive: the idle time before the first probe, and the interval of further ones.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));

pub(super) struct Server {
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
    pub(super) fn new(client: &Client) -> Self {
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

    pub(super) fn is_resp3(&self) -> bool {
        self.client.get_connection_info().redis_settings().protocol().supports_resp3()
    }

    /// An open connection that has answered a `PING`: an open socket alone does not prove a working server.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        self.connect_and_ask(None).await.map(|(connection, _)| connection)
    }

    /// The same, with one more command in the handshake, and its reply: nil without a command.
    pub(super) async fn connect_and_ask(&self, command: Option<&Cmd>) -> Result<(MultiplexedConnection, Value), Fault> {
        let handshake = self.handshake(command).await;
        match handshake {
            Err(fault) if fault.lost_connection() && self.has_tls() => Err(self.why_closed(fault).await),
            other => other,
        }
    }

    async fn open(&self) -> Result<MultiplexedConnection, Fault> {
        // The deadlines of the questions apply instead.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    async fn handshake(&self, command: Option<&Cmd>) -> Result<(MultiplexedConnection, Value), Fault> {
        let mut connection = self.open().await?;
        let ping = Command::Ping.encoded();
        let mut handshake = Pipeline::new();
        handshake.ignore_errors();
        for command in self.password.iter().chain(&self.database).chain(command).chain([&ping]) {
            handshake.add_command(command.clone());
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
            _ => Ok((connection, replies.next().unwrap_or(Value::Nil))),
        }
    }

    fn has_tls(&self) -> bool {
        matches!(self.client.get_connection_info().addr(), redis::ConnectionAddr::TcpTls { .. })
    }

    /// Why a server with TLS closed a connection during the handshake: it may refuse the client's certificate, which it
    /// says after its own part of the handshake.
    ///
    /// Workaround: the driver loses the error of a connection that ends during a pipeline (no public number known), and
    /// gives that of a single command. Shown by `tests/suite/tls.rs`, `a_missing_client_certificate_is_said`. Can go once
    /// a pipeline fails with the error of its connection.
    async fn why_closed(&self, found: Fault) -> Fault {
        let result = match self.open().await {
            Ok(mut connection) => {
                Command::Ping.encoded().query_async::<Value>(&mut connection).await.map_err(Fault::from)
            }
            Err(fault) => Err(fault),
        };
        match result {
            Err(fault @ Fault::Tls(_)) => fault,
            _ => found,
        }
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

/// A reply that fits its command, or the fault.
pub(super) fn check(command: &Command, value: Value) -> Reply {
    match value {
        Value::ServerError(error) => Err(Fault::error_reply(&error)),
        value if command.fits(&value) => Ok(value),
        _ => Err(Fault::WrongReply),
    }
}

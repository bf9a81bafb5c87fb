//! The master that sentinels name. All sentinels are asked at the same time, for each new connection and once a second while
//! there are questions. What most of them name counts, so that one which is cut off from the others does not lead to a
//! server that is no master any more.
//!
//! Workaround: the driver's `SentinelClient` (redis 1.8) waits for the first sentinel of the list before it believes
//! another one, and keeps its connections to sentinels while they do not answer within a short time-out (no public number
//! known). With the 200 ms that connecting may take, one sentinel that hangs would end all connections. Shown by
//! `tests/suite/sentinels.rs`, `a_sentinel_that_hangs_does_not_delay_the_others`. Can go once it takes the first answer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{Cmd, Value, aio::MultiplexedConnection};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::server::Server;
use crate::{
    address::{AddressError, Node, RedisAddress},
    error::{Fault, SentinelFault},
};

/// How often the sentinels are asked whether the master is still the same, while there are questions. After a failover the
/// old master goes on answering for some ten seconds, until a sentinel makes a replica of it.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The sentinels of one service.
pub(super) struct Sentinels {
    sentinels: Vec<Arc<Sentinel>>,
    service: Arc<str>,
    /// For the login and the certificates of the master.
    address: RedisAddress,
    /// The longest time that sentinels are waited for, if some of them have answered already.
    patience: Duration,
    master: Mutex<Master>,
}

/// The master that the last connection leads to.
#[derive(Default)]
struct Master {
    node: Option<Node>,
    /// When the sentinels were last asked whether it is still the master.
    checked: Option<Instant>,
}

impl Sentinels {
    pub(super) fn new(
        address: &RedisAddress,
        nodes: &[Node],
        service: &str,
        timeout: Duration,
    ) -> Result<Self, AddressError> {
        let sentinel = |node: &Node| {
            let server = Server::new(&address.sentinel_client(node)?);
            Ok(Arc::new(Sentinel { server, connection: Mutex::default() }))
        };
        let sentinels = nodes.iter().map(sentinel).collect::<Result<_, _>>()?;
        let (address, service) = (address.clone(), service.into());
        Ok(Self { sentinels, service, address, patience: timeout / 2, master: Mutex::default() })
    }

    /// A connection to the master.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        let node = self.ask_all().await.result()?;
        let client = self.address.client(&node).map_err(|_| Fault::Client("configuration or address"))?;
        let role = redis::cmd("ROLE");
        let (connection, role) = Server::new(&client).connect_and_ask(Some(&role)).await?;
        is_master(role)?;
        *self.master() = Master { node: Some(node), checked: Some(Instant::now()) };
        Ok(connection)
    }

    /// Whether it is time to ask whether the master is still the same. Who is told so must ask.
    pub(super) fn is_check_due(&self) -> bool {
        let now = Instant::now();
        let mut master = self.master();
        let is_due = master.node.is_some() && master.checked.is_none_or(|checked| now - checked >= CHECK_EVERY);
        if is_due {
            master.checked = Some(now);
        }
        is_due
    }

    /// Whether most sentinels name another master than the one that the last connection leads to.
    pub(super) async fn name_another_master(&self) -> bool {
        let connected = self.master().node.clone();
        let named = self.ask_all().await.majority;
        named.is_some() && connected.is_some() && named != connected
    }

    /// Asks all sentinels, until most of them have named the same master.
    async fn ask_all(&self) -> Ballot {
        let mut lookups = JoinSet::new();
        for sentinel in &self.sentinels {
            let (sentinel, service) = (Arc::clone(sentinel), Arc::clone(&self.service));
            lookups.spawn(async move { sentinel.master_of(&service).await });
        }
        let mut ballot = Ballot::new(self.sentinels.len());
        let deadline = Instant::now() + self.patience;
        while let Ok(Some(answer)) = timeout_at(deadline, lookups.join_next()).await {
            // A lookup has no result only if it panics.
            ballot.count(answer.unwrap_or(Err(Fault::Closed)));
            if ballot.majority.is_some() {
                break;
            }
        }
        ballot
    }

    fn master(&self) -> MutexGuard<'_, Master> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sentinel.
struct Sentinel {
    server: Server,
    /// An open connection that nobody uses now.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Sentinel {
    /// The master that it names. A connection that gives no answer, or on which the caller does not wait for the answer, is not
    /// used again.
    async fn master_of(&self, service: &str) -> Result<Node, Fault> {
        let mut question = Cmd::new();
        question.arg("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(service);
        let unused = self.connection().take();
        if let Some(mut connection) = unused
            && let Ok(reply) = question.query_async::<Value>(&mut connection).await
        {
            *self.connection() = Some(connection);
            return node(reply);
        }
        let result = self.server.connect_and_ask(Some(&question)).await;
        let (connection, reply) = result.map_err(|fault| match fault {
            Fault::Credentials => Fault::Sentinel(SentinelFault::Credentials),
            fault if ["NOAUTH", "WRONGPASS"].contains(&fault.code()) => Fault::Sentinel(SentinelFault::Credentials),
            other => other,
        })?;
        let node = node(reply)?;
        *self.connection() = Some(connection);
        Ok(node)
    }

    fn connection(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node in a sentinel's reply.
fn node(reply: Value) -> Result<Node, Fault> {
    let texts = match reply {
        Value::Nil => return Err(Fault::Sentinel(SentinelFault::UnknownService)),
        Value::ServerError(error) => {
            return Err(Fault::Sentinel(match Fault::error_reply(&error) {
                Fault::UnknownCommand => SentinelFault::NoSentinel,
                fault if fault.code() == "NOPERM" => SentinelFault::Right,
                fault if fault.code() == "NOAUTH" => SentinelFault::Credentials,
                other => return Err(other),
            }));
        }
        Value::Array(values) => values.into_iter().map(text).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    let Some([host, port]) = texts.as_deref() else { return Err(Fault::WrongReply) };
    let port = port.parse().map_err(|_| Fault::WrongReply)?;
    Ok(Node { host: host.clone(), port })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// Checks the reply to `ROLE`. Who may not ask for it is believed what the sentinels say.
fn is_master(role: Value) -> Result<(), Fault> {
    match role {
        Value::ServerError(error) => match Fault::error_reply(&error) {
            fault if fault.code() == "NOPERM" || fault == Fault::UnknownCommand => Ok(()),
            other => Err(other),
        },
        Value::Array(values) => match values.into_iter().next().and_then(text).as_deref() {
            Some("master") => Ok(()),
            _ => Err(Fault::Sentinel(SentinelFault::NoMaster)),
        },
        _ => Err(Fault::WrongReply),
    }
}

/// The answers of sentinels.
struct Ballot {
    sentinels: usize,
    /// The masters that were named, with the number of sentinels that name them.
    named: Vec<(Node, usize)>,
    /// The master that most sentinels name.
    majority: Option<Node>,
    fault: Option<Fault>,
}

impl Ballot {
    fn new(sentinels: usize) -> Self {
        Self { sentinels, named: Vec::new(), majority: None, fault: None }
    }

    /// Adds an answer.
    fn count(&mut self, answer: Result<Node, Fault>) {
        let master = match answer {
            Ok(master) => master,
            Err(fault) => {
                // What an operator must mend says more than a sentinel that is down.
                let tells_more = matches!(fault, Fault::Tls(_) | Fault::Sentinel(_));
                if tells_more || self.fault.is_none() {
                    self.fault = Some(fault);
                }
                return;
            }
        };
        let place = self.named.iter().position(|(named, _)| *named == master).unwrap_or(self.named.len());
        if place == self.named.len() {
            self.named.push((master, 0));
        }
        let (master, votes) = &mut self.named[place];
        *votes += 1;
        if *votes * 2 > self.sentinels {
            self.majority = Some(master.clone());
        }
    }

    /// The master that was named most often, if not all sentinels have answered. Of two the one that was named first.
    fn result(self) -> Result<Node, Fault> {
        let most = self.named.into_iter().reduce(|most, next| if next.1 > most.1 { next } else { most });
        most.map(|(master, _)| master).ok_or(self.fault.unwrap_or(Fault::NotConnected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> Result<Node, Fault> {
        Ok(Node { host: host.to_owned(), port: 6379 })
    }

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_majority_is_believed_at_once() {
        let mut ballot = Ballot::new(3);
        for answer in [named("a"), Err(Fault::Closed)] {
            ballot.count(answer);
            assert_eq!(ballot.majority, None);
        }
        ballot.count(named("a"));
        assert_eq!(ballot.majority, named("a").ok());
    }

    #[test]
    fn a_sentinel_alone_is_believed_if_the_others_are_down() {
        let mut ballot = Ballot::new(3);
        for answer in [Err(Fault::Closed), named("a"), Err(Fault::Closed)] {
            ballot.count(answer);
        }
        assert_eq!((&ballot.majority, ballot.named.len()), (&None, 1));
        assert_eq!(ballot.result(), named("a"));
    }

    #[test]
    fn a_sentinel_that_was_cut_off_is_outvoted() {
        let mut ballot = Ballot::new(5);
        for answer in ["old", "new", "new"] {
            ballot.count(named(answer));
        }
        assert_eq!(ballot.majority, None);
        assert_eq!(ballot.result(), named("new"));
    }

    #[test]
    fn a_fault_that_an_operator_must_mend_is_told_first() {
        let unknown = Fault::Sentinel(SentinelFault::UnknownService);
        for order in [[Fault::Closed, unknown.clone()], [unknown.clone(), Fault::Closed]] {
            let mut ballot = Ballot::new(2);
            for fault in order {
                ballot.count(Err(fault));
            }
            assert_eq!(ballot.result(), Err(unknown.clone()));
        }
        assert_eq!(Ballot::new(2).result(), Err(Fault::NotConnected));
    }

    #[test]
    fn a_reply_of_a_sentinel_is_a_node_or_a_fault() {
        assert_eq!(
            node(reply("*2\r\n$8\r\n10.0.0.1\r\n$4\r\n6380\r\n")),
            Ok(Node { host: "10.0.0.1".into(), port: 6380 })
        );
        let sentinel = |fault| Err(Fault::Sentinel(fault));
        assert_eq!(node(reply("*-1\r\n")), sentinel(SentinelFault::UnknownService));
        assert_eq!(node(reply("-ERR unknown command 'SENTINEL', with args\r\n")), sentinel(SentinelFault::NoSentinel));
        assert_eq!(node(reply("-NOPERM no\r\n")), sentinel(SentinelFault::Right));
        assert_eq!(node(reply("-NOAUTH no\r\n")), sentinel(SentinelFault::Credentials));
        for wrong in
            ["*1\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$5\r\n99999\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "+OK\r\n", ":1\r\n"]
        {
            assert_eq!(node(reply(wrong)), Err(Fault::WrongReply), "{wrong:?}");
        }
    }

    #[test]
    fn a_server_that_is_no_master_any_more_is_refused() {
        assert_eq!(is_master(reply("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")), Ok(()));
        let slave = is_master(reply("*2\r\n$5\r\nslave\r\n$1\r\na\r\n"));
        assert_eq!(slave, Err(Fault::Sentinel(SentinelFault::NoMaster)));
        assert_eq!(is_master(reply("-NOPERM no\r\n")), Ok(()));
        assert!(is_master(reply("-LOADING soon\r\n")).is_err());
        assert_eq!(is_master(reply("+OK\r\n")), Err(Fault::WrongReply));
    }
}

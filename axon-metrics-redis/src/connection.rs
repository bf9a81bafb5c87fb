//! A connection that repairs itself: it opens with the first question, is replaced after every fault, and reconnects in
//! the background.
//! Lives here: sending commands. Lives elsewhere: when to connect and which questions wait (`lifecycle`), the handshake
//! (`server`), which server is the master (`sentinels`), the bytes (`wire`), the meaning of replies (`reply`).
//!
//! Workaround: the driver's `ConnectionManager` (redis 1.8) does not connect again after a reconnect that ended with
//! anything but an I/O error (a garbled reply, rejected credentials), and does not replace a connection that times out.
//! No public number known; redis-rs pull request 1051 fixed garbled replies on open connections only. Shown by
//! `tests/suite/healing.rs`: `garbage_heals`, `rejected_credentials_during_a_reconnect_heal`,
//! `a_half_open_connection_heals_while_the_fault_is_in_force`. Can go once the manager connects again after every
//! failed attempt and after time-outs.

mod lifecycle;
mod sentinels;
mod server;
mod wire;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};
use tracing::{debug, info};

pub(crate) use self::{lifecycle::Backoff, wire::Endpoint};
use self::{
    lifecycle::{Action, Lifecycle},
    wire::Wire,
};
use crate::{
    command::Command,
    error::{Fault, SentinelFault},
    reply::Reply,
};

/// The connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: Endpoint,
    lifecycle: watch::Sender<Lifecycle<Wire>>,
}

impl Connection {
    pub(crate) fn new(endpoint: Endpoint, backoff: Backoff) -> Self {
        Self { shared: Arc::new(Shared { endpoint, lifecycle: watch::Sender::new(Lifecycle::new(backoff)) }) }
    }

    /// Whether the connection is open.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.lifecycle.borrow().is_open()
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// Sends all commands at once. One reply per command, in their order. The exchange runs in a task of its own, so
    /// that a caller that gives up early does not keep a dead connection alive.
    /// # Errors
    /// If no command got an answer.
    pub(crate) async fn ask(&self, commands: Vec<Command>, budget: Duration) -> Result<Vec<Reply>, Fault> {
        if self.shared.endpoint.is_check_due() {
            let connection = self.clone();
            tokio::spawn(async move { connection.follow_master().await });
        }
        let (connection, deadline) = (self.clone(), Instant::now() + budget);
        let exchange = tokio::spawn(async move { connection.ask_until(&commands, deadline).await });
        // The task has no result only if it panics.
        exchange.await.unwrap_or(Err(Fault::Closed))
    }

    async fn ask_until(&self, commands: &[Command], deadline: Instant) -> Result<Vec<Reply>, Fault> {
        let mut is_retry = false;
        loop {
            let (mut wire, generation) = self.wire(deadline).await?;
            match wire.ask(commands, deadline).await {
                Ok(replies) => {
                    // On a cluster some nodes may have failed. The replies of the others are valid.
                    let fault =
                        replies.iter().find_map(|reply| reply.as_ref().err().filter(|it| it.requires_reconnect()));
                    match fault.cloned() {
                        Some(fault) => self.replace(generation, fault, true),
                        None => self.lifecycle(|lifecycle| lifecycle.on_answer(generation)),
                    }
                    return Ok(replies);
                }
                Err(fault) if !fault.requires_reconnect() => {
                    self.lifecycle(|lifecycle| lifecycle.on_answer(generation));
                    return Err(fault);
                }
                Err(fault) => {
                    self.replace(generation, fault.clone(), false);
                    if is_retry {
                        return Err(fault.after_retry());
                    }
                    if !fault.lost_connection() {
                        return Err(fault);
                    }
                    // Retries once: a connection that was closed while idle shows it only when it is used. All commands
                    // can be repeated: they read, or store the same value. In an outage the retry gets no connection.
                    is_retry = true;
                }
            }
        }
    }

    /// An open connection and its generation. Waits for a connect in progress.
    async fn wire(&self, deadline: Instant) -> Result<(Wire, u64), Fault> {
        // The second pass finds a connection or a fault. A third one is needed if a connect was abandoned.
        for _ in 0..3 {
            let mut changes = self.shared.lifecycle.subscribe();
            match self.lifecycle(|lifecycle| lifecycle.next_action(Instant::now())) {
                Action::Use(wire, generation) => return Ok((wire, generation)),
                Action::Fail(fault) => return Err(fault),
                Action::Connect => self.connect_after(Duration::ZERO),
                Action::Wait => {}
            }
            let change = timeout_at(deadline, changes.wait_for(Lifecycle::is_settled)).await;
            if change.is_err() {
                break;
            }
        }
        Err(Fault::NotConnected)
    }

    /// Replaces a connection after a fault. `is_usable`: some nodes of a cluster still answer, so it is used until the
    /// new one is open.
    fn replace(&self, generation: u64, fault: Fault, is_usable: bool) {
        let cause = fault.clone();
        let pause = self.lifecycle(|lifecycle| lifecycle.on_failure(generation, fault, is_usable, fastrand::f64()));
        if let Some(pause) = pause {
            debug!("redis connection failed, reconnecting: {cause}");
            self.connect_after(pause);
        }
    }

    /// Connects in the background, until it succeeds or there are no questions any more.
    fn connect_after(&self, pause: Duration) {
        let task = ConnectTask { shared: Arc::downgrade(&self.shared), ended: false };
        tokio::spawn(async move { task.until_connected(pause).await });
    }

    /// Replaces a connection that leads to a server which is not the master any more, by what sentinels say. Such a server
    /// may still answer, with old figures.
    async fn follow_master(&self) {
        let generation = self.lifecycle(|lifecycle| lifecycle.generation());
        if self.is_open() && self.shared.endpoint.has_moved().await {
            self.replace(generation, Fault::Sentinel(SentinelFault::NoMaster), false);
        }
    }

    /// Changes the state of the connection under its lock.
    fn lifecycle<T>(&self, change: impl FnOnce(&mut Lifecycle<Wire>) -> T) -> T {
        self.shared.lifecycle(change)
    }
}

impl Shared {
    fn lifecycle<T>(&self, change: impl FnOnce(&mut Lifecycle<Wire>) -> T) -> T {
        let mut result = None;
        self.lifecycle.send_modify(|lifecycle| result = Some(change(lifecycle)));
        // `send_modify` calls its closure exactly once, before it returns.
        result.expect("a result")
    }
}

/// The task that connects. If it ends early, by a panic or with its runtime, the next question starts a new one.
struct ConnectTask {
    shared: Weak<Shared>,
    /// The lifecycle knows the result.
    ended: bool,
}

impl ConnectTask {
    async fn until_connected(mut self, mut pause: Duration) {
        loop {
            sleep(pause).await;
            let Some(shared) = self.shared.upgrade() else { return };
            let result = shared.endpoint.connect().await;
            match result {
                Ok(wire) => {
                    // Set first: as soon as the connection is open, a question can find it broken and start the next
                    // task.
                    self.ended = true;
                    let failures = shared.lifecycle(|lifecycle| lifecycle.on_connected(wire));
                    info!(failures, "connected to redis");
                    return;
                }
                Err(fault) => {
                    let cause = fault.clone();
                    match shared
                        .lifecycle(|lifecycle| lifecycle.on_connect_failure(fault, Instant::now(), fastrand::f64()))
                    {
                        Some(next) => pause = next,
                        None => {
                            self.ended = true;
                            return;
                        }
                    }
                    // At debug level, since each question reports the fault, too.
                    debug!("connecting to redis failed: {cause}");
                }
            }
        }
    }
}

impl Drop for ConnectTask {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade().filter(|_| !self.ended) {
            shared.lifecycle(Lifecycle::on_abandoned);
        }
    }
}

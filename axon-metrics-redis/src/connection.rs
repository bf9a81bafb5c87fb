//! A connection that heals: opened when first needed, discarded whenever in doubt, reopened in the background.
//!
//! The driver's own manager never recovers from a garbled reply or from a password that was refused while it reconnected, and
//! never notices a connection that went dead without a sign. Here each of them is one more reason for a new connection.
//!
//! Lives here: asking. Lives elsewhere: when to connect and which questions wait (`lifecycle`), how to connect and what is sent
//! (`wire`), what replies mean (`reply`).

mod lifecycle;
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
use crate::{command::Command, error::Trouble, reply::Reply};

/// The one connection that all questions share. Clones share it too.
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

    /// Whether there is a connection now.
    pub(crate) fn is_open(&self) -> bool {
        self.shared.lifecycle.borrow().is_open()
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.shared.endpoint
    }

    /// Asks all at once, and waits for one reply to each. What becomes of the connection is seen to even if nobody waits for
    /// the replies any more, so that a caller that gives up early does not keep a dead connection alive.
    pub(crate) async fn ask(&self, commands: Vec<Command>, budget: Duration) -> Result<Vec<Reply>, Trouble> {
        let (connection, deadline) = (self.clone(), Instant::now() + budget);
        let asking = tokio::spawn(async move { connection.ask_until(&commands, deadline).await });
        // Only a panic ends it otherwise, and then nothing is known.
        asking.await.unwrap_or(Err(Trouble::Closed))
    }

    async fn ask_until(&self, commands: &[Command], deadline: Instant) -> Result<Vec<Reply>, Trouble> {
        let mut asked_before = false;
        loop {
            let (mut wire, generation) = self.connected(deadline).await?;
            match wire.ask(commands, deadline).await {
                Ok(replies) => {
                    // On a cluster some nodes may have failed: what the others said is good.
                    let doubt =
                        replies.iter().find_map(|reply| reply.as_ref().err().filter(|it| it.doubts_connection()));
                    match doubt.cloned() {
                        Some(trouble) => self.doubt(generation, trouble, true),
                        None => self.lifecycle(|lifecycle| lifecycle.on_answer(generation)),
                    }
                    return Ok(replies);
                }
                Err(trouble) => {
                    self.doubt(generation, trouble.clone(), false);
                    if asked_before {
                        return Err(trouble.twice());
                    }
                    if !trouble.lost_connection() {
                        return Err(trouble);
                    }
                    // Reads can be repeated, and so can putting the same value. A connection that was closed while idle is
                    // found out only by asking, and that is no reason to wait. This is the one time more: in an outage there
                    // is no new connection to ask on, and who is told that the connection is lost has asked once.
                    asked_before = true;
                }
            }
        }
    }

    /// A connection, and its generation.
    async fn connected(&self, deadline: Instant) -> Result<(Wire, u64), Trouble> {
        // The second time there is a connection, or it is known why not; unless a try was abandoned.
        for _ in 0..3 {
            let mut changes = self.shared.lifecycle.subscribe();
            match self.lifecycle(|lifecycle| lifecycle.next_action(Instant::now())) {
                Action::Use(wire, generation) => return Ok((wire, generation)),
                Action::Fail(trouble) => return Err(trouble),
                Action::Connect => self.connect_after(Duration::ZERO),
                Action::Wait => {}
            }
            let settled = timeout_at(deadline, changes.wait_for(Lifecycle::is_settled)).await;
            // Whether for good or bad is seen at the start.
            if settled.is_err() {
                break;
            }
        }
        Err(Trouble::NotConnected)
    }

    /// A connection is in doubt; while some of it is of use it serves until there is a new one.
    fn doubt(&self, generation: u64, trouble: Trouble, of_use: bool) {
        let cause = trouble.clone();
        let pause = self.lifecycle(|lifecycle| lifecycle.on_failure(generation, trouble, of_use, fastrand::f64()));
        if let Some(pause) = pause {
            debug!("connecting to redis anew: {cause}");
            self.connect_after(pause);
        }
    }

    /// Makes a connection in the background, trying until there is one or nobody wants it.
    fn connect_after(&self, pause: Duration) {
        let task = ConnectTask { shared: Arc::downgrade(&self.shared), ended: false };
        tokio::spawn(async move { task.until_connected(pause).await });
    }

    /// Reads and changes the state of the connection, under its lock.
    fn lifecycle<T>(&self, change: impl FnOnce(&mut Lifecycle<Wire>) -> T) -> T {
        self.shared.lifecycle(change)
    }
}

impl Shared {
    fn lifecycle<T>(&self, change: impl FnOnce(&mut Lifecycle<Wire>) -> T) -> T {
        let mut result = None;
        self.lifecycle.send_modify(|lifecycle| result = Some(change(lifecycle)));
        // `send_modify` calls what it is given exactly once, before it returns.
        result.expect("changed")
    }
}

/// The task that makes a connection. If it ends early, by a panic or with its runtime, the next question starts a new one.
struct ConnectTask {
    shared: Weak<Shared>,
    ended: bool,
}

impl ConnectTask {
    async fn until_connected(mut self, mut pause: Duration) {
        loop {
            sleep(pause).await;
            let Some(shared) = self.shared.upgrade() else { return };
            let made = shared.endpoint.connect().await;
            match made {
                Ok(wire) => {
                    // Before anybody can find the new connection broken, and have another one made.
                    self.ended = true;
                    let failures = shared.lifecycle(|lifecycle| lifecycle.on_connected(wire));
                    info!(failures, "connected to redis");
                    return;
                }
                Err(trouble) => {
                    let cause = trouble.clone();
                    match shared
                        .lifecycle(|lifecycle| lifecycle.on_connect_failure(trouble, Instant::now(), fastrand::f64()))
                    {
                        Some(next) => pause = next,
                        None => {
                            self.ended = true;
                            return;
                        }
                    }
                    // Each question says so too; what nobody asks about is of no interest.
                    debug!("no connection to redis: {cause}");
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

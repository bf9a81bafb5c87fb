//! Polling of answers, at a rate or by viewers.

use std::sync::{Arc, Mutex, PoisonError};

use std::time::Duration;

use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    connection::{Answer, Connections, Failure, TIMEOUT, exchange},
    record::Recorder,
    schedule::{Arrivals, evenly, viewer},
    target::{ResolvedTarget, target_index},
};

#[derive(Debug)]
pub(super) struct Poller {
    pub(super) targets: Arc<[ResolvedTarget]>,
    pub(super) timeout: Duration,
    pub(super) conditional: bool,
    pub(super) in_turn: bool,
    pub(super) seed: u64,
    pub(super) start: Instant,
    pub(super) end: Instant,
}

/// The tags of the last answers, by index of the target.
type Tags = Mutex<Vec<Option<String>>>;

impl Poller {
    /// Starts requests until the end, and waits for the last of them.
    pub(super) async fn run(self, arrivals: Arrivals, connections: &Arc<Connections>, recorder: &Arc<Recorder>) {
        let this = Arc::new(self);
        match arrivals {
            Arrivals::Rate(rate) => this.at_rate(rate, connections, recorder).await,
            Arrivals::Viewers { count, every } => {
                let mut viewers = JoinSet::new();
                for number in 0..count as u64 {
                    viewers.spawn(Arc::clone(&this).view(number, every, Arc::clone(recorder)));
                }
                while viewers.join_next().await.is_some() {}
            }
        }
    }

    async fn at_rate(self: Arc<Self>, rate: f64, connections: &Arc<Connections>, recorder: &Arc<Recorder>) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let tags = Arc::new(self.tags());
        let mut requests = JoinSet::new();
        for (number, after) in (0..).zip(evenly(rate)) {
            let intended = self.start + after;
            if intended >= self.end {
                break;
            }
            sleep_until(intended).await;
            let index = target_index(&self.targets, self.in_turn, number, &mut random);
            recorder.started(intended);
            let (this, connections, recorder, tags) =
                (Arc::clone(&self), Arc::clone(connections), Arc::clone(recorder), Arc::clone(&tags));
            requests.spawn(async move {
                let address = this.targets[index].address;
                let result = timeout_at(intended + this.timeout, async {
                    let (_permit, idle) = connections.take(address).await;
                    let (answer, stream) = this.ask(index, &tags, idle).await?;
                    connections.put_back(address, stream);
                    Ok(answer)
                });
                recorder.ended(intended, result.await.unwrap_or(Err(TIMEOUT)));
            });
            while requests.try_join_next().is_some() {}
        }
        while requests.join_next().await.is_some() {}
    }

    /// One viewer, who polls one page. If an answer is late, the next request is late as well; its latency counts from its intended
    /// start.
    async fn view(self: Arc<Self>, number: u64, every: Duration, recorder: Arc<Recorder>) {
        let mut random = fastrand::Rng::with_seed(self.seed.wrapping_add(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let index = target_index(&self.targets, self.in_turn, number, &mut random);
        let tags = self.tags();
        let mut idle = None;
        for after in viewer(every, random) {
            let intended = self.start + after;
            if intended >= self.end {
                break;
            }
            sleep_until(intended).await;
            recorder.started(intended);
            let result = timeout_at(Instant::now().max(intended) + self.timeout, self.ask(index, &tags, idle.take()));
            let answer = match result.await.unwrap_or(Err(TIMEOUT)) {
                Ok((answer, stream)) => {
                    idle = stream;
                    Ok(answer)
                }
                Err(why) => Err(why),
            };
            recorder.ended(intended, answer);
        }
    }

    async fn ask(
        &self,
        index: usize,
        tags: &Tags,
        idle: Option<TcpStream>,
    ) -> Result<(Answer, Option<TcpStream>), Failure> {
        let target = &self.targets[index];
        let mut request = target.poll.to_string();
        let lock = || tags.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tag) = lock()[index].as_ref().filter(|_| self.conditional) {
            request.push_str(&format!("if-none-match: {tag}\r\n"));
        }
        request.push_str("\r\n");
        let (answer, stream) = exchange(idle, target.address, request.as_bytes()).await?;
        if let Some(tag) = answer.head.etag.as_ref().filter(|_| self.conditional) {
            lock()[index] = Some(tag.clone());
        }
        Ok((answer, stream))
    }

    fn tags(&self) -> Tags {
        Mutex::new(vec![None; self.targets.len()])
    }
}

//! Reading event streams, and not reading them.

use std::{io, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{
    connection::{CLOSED, Failure, MALFORMED, TIMEOUT, connect, failure, receive, try_receive},
    events::{Event, Events, as_of, reason},
    record::{Recorder, StreamEnd},
    reply::Reply,
    target::{ResolvedTarget, place},
};

/// How long to wait before a new connection where the server does not say.
const RETRY: Duration = Duration::from_secs(2);

/// The receive buffer of who never reads: what a server can send ahead is little, so that it notices soon.
const STALLED_BUFFER: u32 = 4 << 10;

/// How often a connection that is not read is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What is done with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadMode {
    All,
    Nothing,
}

#[derive(Debug, Clone)]
pub(super) struct StreamReaders {
    pub(super) targets: Arc<[ResolvedTarget]>,
    pub(super) ramp: Duration,
    pub(super) timeout: Duration,
    pub(super) in_turn: bool,
    pub(super) seed: u64,
    pub(super) start: Instant,
    pub(super) end: Instant,
}

/// Why a stream is over.
enum Over {
    /// The server ended it, and gave a reason.
    Ended(String),
    /// Answered with another status, and when to come again.
    Refused(u16, Option<u64>),
    Failed(Failure),
}

impl StreamReaders {
    /// Opens so many streams over the ramp, and keeps them open until the end.
    pub(super) async fn run(&self, count: usize, reading: ReadMode, recorder: &Arc<Recorder>) {
        let mut readers = JoinSet::new();
        for number in 0..count {
            let mut random = fastrand::Rng::with_seed(self.seed.wrapping_mul(31).wrapping_add(number as u64));
            let place = place(&self.targets, self.in_turn, number as u64, &mut random);
            let intended = self.start + fraction(self.ramp, number, count);
            let (this, recorder) = (self.clone(), Arc::clone(recorder));
            readers.spawn(async move {
                sleep_until(intended).await;
                match reading {
                    ReadMode::All => {
                        let _ = timeout_at(this.end, this.read(place, intended, random, &recorder)).await;
                    }
                    ReadMode::Nothing => this.stall(place, &recorder).await,
                }
            });
        }
        while readers.join_next().await.is_some() {}
    }

    /// Reads a stream, and opens it anew whenever it is over.
    async fn read(&self, place: usize, intended: Instant, mut random: fastrand::Rng, recorder: &Recorder) {
        let mut began = intended;
        loop {
            let mut events = Events::default();
            let over = self.read_once(&self.targets[place], began, &mut events, recorder).await;
            let retry = match &over {
                Over::Refused(_, Some(seconds)) => Duration::from_secs(*seconds),
                _ => events.retry.map_or(RETRY, Duration::from_millis),
            };
            recorder.stream_over(match over {
                Over::Ended(reason) => StreamEnd::Ended(reason),
                Over::Refused(status, _) => StreamEnd::Refused(status),
                Over::Failed(why) => StreamEnd::Failed(why),
            });
            sleep(retry.mul_f64(1.0 + 0.5 * random.f64())).await;
            began = Instant::now();
        }
    }

    async fn read_once(
        &self,
        target: &ResolvedTarget,
        began: Instant,
        events: &mut Events,
        recorder: &Recorder,
    ) -> Over {
        let mut stream = match timeout(self.timeout, open(target, None)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Over::Failed(failure(&error)),
            Err(_) => return Over::Failed(TIMEOUT),
        };
        let mut reply = Reply::new();
        let mut watched =
            StreamWatch { began, last: None, longest: Duration::ZERO, counted: false, end: self.end, recorder };
        loop {
            let mut taken = Ok(());
            let mut last_word = None;
            let received = timeout(
                self.timeout,
                receive(&stream, |arrived| {
                    taken = reply.push(arrived, |piece| {
                        recorder.stream_bytes(piece.len());
                        events.push(piece, |event| {
                            if event.kind == "end" {
                                last_word = Some(reason(&event.data));
                            }
                            watched.event(&event);
                        });
                    });
                }),
            )
            .await;
            if taken.is_err() {
                return Over::Failed(MALFORMED);
            }
            if let Some(reason) = last_word {
                let _ = stream.shutdown().await;
                return Over::Ended(reason);
            }
            match received {
                Err(_) => return Over::Failed("silent"),
                Ok(Err(error)) => return Over::Failed(failure(&error)),
                Ok(Ok(read)) => match reply.head() {
                    Some(head) if head.status != 200 => return Over::Refused(head.status, head.retry_after),
                    _ if reply.is_done() || read == 0 => return Over::Failed(CLOSED),
                    Some(_) => watched.open(),
                    None => {}
                },
            }
        }
    }

    /// Opens a stream and never reads it. Whether the server ended it is looked for without reading, and at the end by
    /// reading.
    async fn stall(&self, place: usize, recorder: &Recorder) {
        let began = Instant::now();
        let stream = match open(&self.targets[place], Some(STALLED_BUFFER)).await {
            Ok(stream) => stream,
            Err(error) => return recorder.stream_over(StreamEnd::Failed(failure(&error))),
        };
        recorder.stalled();
        while Instant::now() < self.end {
            sleep_until(self.end.min(Instant::now() + LOOK)).await;
            if !matches!(stream.take_error(), Ok(None)) {
                return recorder.evicted(began.elapsed());
            }
        }
        if has_ended(&stream).await {
            recorder.evicted(began.elapsed());
        }
    }
}

/// Whether a connection is over, once all that lies in it is read.
async fn has_ended(stream: &TcpStream) -> bool {
    loop {
        match timeout(LOOK, stream.readable()).await {
            Err(_) => return false,
            Ok(Err(_)) => return true,
            Ok(Ok(())) => match try_receive(stream, &mut |_| {}) {
                Ok(0) => return true,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return true,
                _ => {}
            },
        }
    }
}

async fn open(target: &ResolvedTarget, receive_buffer: Option<u32>) -> io::Result<TcpStream> {
    let mut stream = connect(target.address, receive_buffer).await?;
    stream.write_all(format!("{}\r\n", target.stream).as_bytes()).await?;
    Ok(stream)
}

/// A part of a time: `number` of `count`.
fn fraction(time: Duration, number: usize, count: usize) -> Duration {
    let nanos = time.as_nanos() * number as u128 / count.max(1) as u128;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// What one reader sees of its stream, while it is open.
struct StreamWatch<'a> {
    began: Instant,
    last: Option<Instant>,
    longest: Duration,
    counted: bool,
    end: Instant,
    recorder: &'a Recorder,
}

impl StreamWatch<'_> {
    fn open(&mut self) {
        if !self.counted {
            self.counted = true;
            self.recorder.stream_open();
        }
    }

    fn event(&mut self, event: &Event) {
        self.open();
        let now = Instant::now();
        match self.last.replace(now) {
            None => self.recorder.first_event(now - self.began),
            Some(before) => {
                self.longest = self.longest.max(now - before);
                self.recorder.gap(now - before);
                if event.kind == "heartbeat" {
                    self.recorder.quiet(now - before);
                }
            }
        }
        let age = as_of(&event.data).map(|as_of| DateTime::<Utc>::from(std::time::SystemTime::now()) - as_of);
        self.recorder.event(&event.kind, age.map(|age| age.to_std().unwrap_or_default()));
    }
}

impl Drop for StreamWatch<'_> {
    fn drop(&mut self) {
        if !self.counted {
            return;
        }
        self.recorder.stream_closed();
        // A silence that lasts is none of the gaps yet. The shorter ones say nothing: something may have been about to come.
        let silence = self.last.map(|last| Instant::now().min(self.end).saturating_duration_since(last));
        if let Some(silence) = silence.filter(|silence| *silence > self.longest && !self.longest.is_zero()) {
            self.recorder.gap(silence);
        }
    }
}

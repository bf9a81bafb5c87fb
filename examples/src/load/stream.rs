//! Viewers of event streams, including those who never read.

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
    target::{ResolvedTarget, target_index},
};

/// The delay of a reconnect if the stream has no `retry`.
const RETRY: Duration = Duration::from_secs(2);

/// The receive buffer of a viewer who never reads, in bytes. It is small, so that the server soon notices.
const STALLED_BUFFER: u32 = 4 << 10;

/// The interval at which a connection that is not read is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Whether a stream is read.
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

/// Why a stream ended.
enum EndCause {
    /// The server ended it, and gave a reason.
    Ended(String),
    /// Answered with another status than 200, and its `Retry-After`.
    Refused(u16, Option<u64>),
    Failed(Failure),
}

impl StreamReaders {
    /// Opens streams over the ramp, and keeps them open until the end.
    pub(super) async fn run(&self, count: usize, reading: ReadMode, recorder: &Arc<Recorder>) {
        let mut readers = JoinSet::new();
        for number in 0..count {
            let mut random = fastrand::Rng::with_seed(self.seed.wrapping_mul(31).wrapping_add(number as u64));
            let index = target_index(&self.targets, self.in_turn, number as u64, &mut random);
            let intended = self.start + fraction(self.ramp, number, count);
            let (this, recorder) = (self.clone(), Arc::clone(recorder));
            readers.spawn(async move {
                sleep_until(intended).await;
                match reading {
                    ReadMode::All => {
                        let _ = timeout_at(this.end, this.read(index, intended, random, &recorder)).await;
                    }
                    ReadMode::Nothing => this.stall(index, &recorder).await,
                }
            });
        }
        while readers.join_next().await.is_some() {}
    }

    /// Reads a stream, and reconnects whenever it ends.
    async fn read(&self, index: usize, intended: Instant, mut random: fastrand::Rng, recorder: &Recorder) {
        let mut began = intended;
        loop {
            let mut events = Events::default();
            let cause = self.read_once(&self.targets[index], began, &mut events, recorder).await;
            let retry = match &cause {
                EndCause::Refused(_, Some(seconds)) => Duration::from_secs(*seconds),
                _ => events.retry.map_or(RETRY, Duration::from_millis),
            };
            recorder.stream_over(match cause {
                EndCause::Ended(reason) => StreamEnd::Ended(reason),
                EndCause::Refused(status, _) => StreamEnd::Refused(status),
                EndCause::Failed(why) => StreamEnd::Failed(why),
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
    ) -> EndCause {
        let mut stream = match timeout(self.timeout, open(target, None)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return EndCause::Failed(failure(&error)),
            Err(_) => return EndCause::Failed(TIMEOUT),
        };
        let mut reply = Reply::new();
        let mut watch =
            StreamWatch { began, last: None, longest: Duration::ZERO, counted: false, end: self.end, recorder };
        loop {
            let mut parsed = Ok(());
            let mut end_reason = None;
            let received = timeout(
                self.timeout,
                receive(&stream, |chunk| {
                    parsed = reply.push(chunk, |piece| {
                        recorder.stream_bytes(piece.len());
                        events.push(piece, |event| {
                            if event.kind == "end" {
                                end_reason = Some(reason(&event.data));
                            }
                            watch.event(&event);
                        });
                    });
                }),
            )
            .await;
            if parsed.is_err() {
                return EndCause::Failed(MALFORMED);
            }
            if let Some(reason) = end_reason {
                let _ = stream.shutdown().await;
                return EndCause::Ended(reason);
            }
            match received {
                Err(_) => return EndCause::Failed("silent"),
                Ok(Err(error)) => return EndCause::Failed(failure(&error)),
                Ok(Ok(read)) => match reply.head() {
                    Some(head) if head.status != 200 => return EndCause::Refused(head.status, head.retry_after),
                    _ if reply.is_done() || read == 0 => return EndCause::Failed(CLOSED),
                    Some(_) => watch.open(),
                    None => {}
                },
            }
        }
    }

    /// Opens a stream and never reads it. Whether the server has ended it is checked without reading, and at the end by reading.
    async fn stall(&self, index: usize, recorder: &Recorder) {
        let began = Instant::now();
        let stream = match open(&self.targets[index], Some(STALLED_BUFFER)).await {
            Ok(stream) => stream,
            Err(error) => return recorder.stream_over(StreamEnd::Failed(failure(&error))),
        };
        recorder.stalled();
        while Instant::now() < self.end {
            sleep_until(self.end.min(Instant::now() + CHECK_INTERVAL)).await;
            if !matches!(stream.take_error(), Ok(None)) {
                return recorder.evicted(began.elapsed());
            }
        }
        if has_ended(&stream).await {
            recorder.evicted(began.elapsed());
        }
    }
}

/// Whether a connection has ended, after reading all its buffered bytes.
async fn has_ended(stream: &TcpStream) -> bool {
    loop {
        match timeout(CHECK_INTERVAL, stream.readable()).await {
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

/// `time` times `number` over `count`.
fn fraction(time: Duration, number: usize, count: usize) -> Duration {
    let nanos = time.as_nanos() * number as u128 / count.max(1) as u128;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The measurements of one open stream.
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
        // The silence before the end counts as a gap only if it is the longest one: a shorter one may have been about to end.
        let silence = self.last.map(|last| Instant::now().min(self.end).saturating_duration_since(last));
        if let Some(silence) = silence.filter(|silence| *silence > self.longest && !self.longest.is_zero()) {
            self.recorder.gap(silence);
        }
    }
}

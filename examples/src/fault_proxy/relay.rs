//! One connection: bytes from the client to the server and back, as changed by the current fault.
//!
//! Replies are read and forwarded by two concurrent loops, so that latency delays them without reducing the throughput.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Fault,
    counts::Counters,
    door::Door,
    orders::{Ending, Orders},
    refusal::refusal,
};

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// The most chunks of replies that wait to be forwarded.
const MAX_PENDING_CHUNKS: usize = 64;

/// The longest time that a client may take to close its side of a closed connection.
const MAX_LINGER: Duration = Duration::from_secs(1);

/// Accepts connections for as long as it is polled; dropping it ends them.
pub(super) async fn accept(
    door: Arc<Door>,
    upstream: SocketAddr,
    orders: watch::Sender<Orders>,
    counters: Arc<Counters>,
) {
    let mut connections = JoinSet::new();
    loop {
        let client = door.accept().await;
        let mut number = 0;
        orders.send_if_modified(|orders| {
            number = orders.number();
            false
        });
        let (orders, counters) = (orders.subscribe(), Arc::clone(&counters));
        connections.spawn(async move {
            let _open = counters.connection();
            serve(client, upstream, number, orders, &counters).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Serves a connection until one side ends it, or the commands do.
async fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    number: u64,
    orders: watch::Receiver<Orders>,
    counters: &Counters,
) {
    // Without Nagle's algorithm, so that small requests do not wait for acknowledgements.
    let _ = client.set_nodelay(true);
    let mut commands = orders.clone();
    let ending = tokio::select! {
        biased;
        ending = ending_of(&mut commands, number, |_| true) => ending,
        result = relay(&mut client, upstream, orders, counters) => match result {
            Ok(()) => Ending::Close,
            Err(_) => Ending::Reset,
        },
    };
    match ending {
        Ending::Close => close(client).await,
        Ending::Reset => reset(&client),
        Ending::Silence => {
            tokio::select! {
                ending = ending_of(&mut commands, number, |ending| ending != Ending::Silence) => {
                    if ending == Ending::Reset { reset(&client) }
                }
                () = swallow(&mut client) => {}
            }
        }
    }
}

/// Waits until the connection must end in a way that matches.
async fn ending_of(orders: &mut watch::Receiver<Orders>, number: u64, matches: impl Fn(Ending) -> bool) -> Ending {
    loop {
        let now = orders.borrow_and_update().ending(number);
        if let Some(ending) = now.filter(|ending| matches(*ending)) {
            return ending;
        }
        if orders.changed().await.is_err() {
            return Ending::Close;
        }
    }
}

/// Ends with an RST.
fn reset(client: &TcpStream) {
    let _ = client.set_zero_linger();
}

/// Ends with a FIN. Bytes that the client still sends are read: for unread bytes, the kernel would send an RST.
async fn close(mut client: TcpStream) {
    if client.shutdown().await.is_ok() {
        let _ = timeout(MAX_LINGER, swallow(&mut client)).await;
    }
}

/// Reads and discards all bytes of the client.
async fn swallow(client: &mut TcpStream) {
    let mut nothing = [0; 4096];
    while matches!(client.read(&mut nothing).await, Ok(1..)) {}
}

/// Forwards bytes in both directions until both sides have ended, or a reply was cut.
async fn relay(
    client: &mut TcpStream,
    upstream: SocketAddr,
    mut orders: watch::Receiver<Orders>,
    counters: &Counters,
) -> io::Result<()> {
    // In a black hole, not even the connection reaches the server.
    passable(&mut orders).await;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let exchange = Exchange { counters, answered: AtomicBool::new(true), reply: AtomicU64::new(0) };
    let (sender, receiver) = mpsc::channel(MAX_PENDING_CHUNKS);
    tokio::select! {
        // Requests have priority, so that a pipeline in several parts is forwarded before its first reply.
        biased;
        error = requests(from_client, to_server, sender.downgrade(), orders.clone(), &exchange) => Err(error),
        (read, passed) = async {
            tokio::join!(
                biased;
                read_replies(from_server, sender),
                pass_replies(receiver, to_client, orders.clone(), &exchange),
            )
        } => passed.and(read),
    }
}

/// Waits until bytes may pass.
async fn passable(orders: &mut watch::Receiver<Orders>) {
    // An error means that the proxy is dropped, which also ends this task.
    let _ = orders.wait_for(|orders| orders.fault != Fault::Blackhole).await;
}

/// The state that both directions of a connection share.
struct Exchange<'a> {
    counters: &'a Counters,
    /// Whether the client has received any byte since it last sent one.
    answered: AtomicBool,
    /// The bytes of the current reply that were forwarded.
    reply: AtomicU64,
}

impl Exchange<'_> {
    fn client_spoke(&self) {
        if self.answered.swap(false, Relaxed) {
            self.counters.round_trip();
        }
        self.reply.store(0, Relaxed);
    }

    fn server_spoke(&self, bytes: usize) {
        self.answered.store(true, Relaxed);
        self.reply.fetch_add(bytes as u64, Relaxed);
        self.counters.passed_to_client(bytes);
    }
}

/// Forwards requests until the connection to the client fails. The end of the requests, or a server that does not read, does not end
/// it: replies may still come.
async fn requests(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    replies: mpsc::WeakSender<ReplyChunk>,
    mut orders: watch::Receiver<Orders>,
    exchange: &Exchange<'_>,
) -> io::Error {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match client.read(&mut chunk).await {
            Ok(read) => read,
            Err(error) => return error,
        };
        passable(&mut orders).await;
        if read == 0 {
            let _ = server.shutdown().await;
            return std::future::pending().await;
        }
        exchange.client_spoke();
        let fault = orders.borrow().fault;
        if let Fault::Unauthorized(protocol) = fault {
            if let Some(replies) = replies.upgrade() {
                let _ = replies.send((Instant::now(), refusal(protocol, &chunk[..read]))).await;
            }
            continue;
        }
        if server.write_all(&chunk[..read]).await.is_ok() {
            exchange.counters.passed_to_server(read);
        }
    }
}

/// A chunk of a reply, with its time of arrival.
type ReplyChunk = (Instant, Vec<u8>);

async fn read_replies(mut server: ReadHalf<'_>, replies: mpsc::Sender<ReplyChunk>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = server.read(&mut chunk) => read?,
            // The forwarding loop has ended, since it cut a reply.
            () = replies.closed() => return Ok(()),
        };
        if read == 0 || replies.send((Instant::now(), chunk[..read].to_vec())).await.is_err() {
            return Ok(());
        }
    }
}

async fn pass_replies(
    mut replies: mpsc::Receiver<ReplyChunk>,
    mut client: WriteHalf<'_>,
    mut orders: watch::Receiver<Orders>,
    exchange: &Exchange<'_>,
) -> io::Result<()> {
    let mut noise = Noise::default();
    while let Some((arrived, bytes)) = replies.recv().await {
        let mut left = &bytes[..];
        while !left.is_empty() {
            let fault = orders.borrow_and_update().fault;
            let (mut pass, mut pause) = (left.len(), Duration::ZERO);
            match fault {
                Fault::None | Fault::HalfOpen | Fault::Garbage | Fault::Unauthorized(_) => {}
                Fault::Latency(delay) if arrived.elapsed() >= delay => {}
                Fault::Latency(delay) => {
                    // Waits for the delay, or for another fault.
                    tokio::select! {
                        () = sleep_until(arrived + delay) => {}
                        _ = orders.changed() => {}
                    }
                    continue;
                }
                Fault::Cut { after_bytes } => {
                    let room = after_bytes.saturating_sub(exchange.reply.load(Relaxed));
                    pass = pass.min(usize::try_from(room).unwrap_or(usize::MAX));
                    if pass == 0 {
                        return Ok(());
                    }
                }
                Fault::Drip { bytes, every } => {
                    pass = pass.min(bytes.get());
                    pause = every;
                }
                // With the last three, this connection is ended in a moment.
                Fault::Blackhole | Fault::Reset | Fault::Close | Fault::Refuse => {
                    if orders.changed().await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
            }
            let (now, later) = left.split_at(pass);
            if fault == Fault::Garbage {
                client.write_all(&noise.bytes(pass)).await?;
            } else {
                client.write_all(now).await?;
            }
            exchange.server_spoke(pass);
            left = later;
            if !pause.is_zero() {
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = orders.changed() => {}
                }
            }
        }
    }
    // The server has ended the connection. In a black hole, the client does not notice it.
    passable(&mut orders).await;
    Ok(())
}

/// A fixed sequence of pseudo-random bytes (xorshift).
struct Noise(u64);

impl Default for Noise {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend_from_slice(&self.0.to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

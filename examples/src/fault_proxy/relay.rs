//! One connection: bytes from the client to the server and back, and what the fault in force makes of them.
//!
//! Replies are read apart from being passed on, so that latency delays them without thinning them out.

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

/// Replies that may wait to be passed on, in chunks.
const WAITING: usize = 64;

/// How long a client may take to notice that its connection was closed.
const FAREWELL: Duration = Duration::from_secs(1);

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

/// Serves a connection until one side is done with it or it is told to end.
async fn serve(
    mut client: TcpStream,
    upstream: SocketAddr,
    number: u64,
    orders: watch::Receiver<Orders>,
    counters: &Counters,
) {
    // Small requests must not wait for each other's acknowledgements.
    let _ = client.set_nodelay(true);
    let mut told = orders.clone();
    let ending = tokio::select! {
        biased;
        ending = told_to_end(&mut told, number, |_| true) => ending,
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
                ending = told_to_end(&mut told, number, |ending| ending != Ending::Silence) => {
                    if ending == Ending::Reset { reset(&client) }
                }
                () = swallow(&mut client) => {}
            }
        }
    }
}

/// Waits until the connection is told to end in such a way.
async fn told_to_end(orders: &mut watch::Receiver<Orders>, number: u64, such: impl Fn(Ending) -> bool) -> Ending {
    loop {
        let now = orders.borrow_and_update().ending(number);
        if let Some(ending) = now.filter(|ending| such(*ending)) {
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

/// Ends with a FIN. What the client still sends is read, else the kernel would send an RST.
async fn close(mut client: TcpStream) {
    if client.shutdown().await.is_ok() {
        let _ = timeout(FAREWELL, swallow(&mut client)).await;
    }
}

/// Reads all the client sends, and says nothing.
async fn swallow(client: &mut TcpStream) {
    let mut nothing = [0; 4096];
    while matches!(client.read(&mut nothing).await, Ok(1..)) {}
}

/// Passes bytes both ways until both sides are done, or a reply was cut.
async fn relay(
    client: &mut TcpStream,
    upstream: SocketAddr,
    mut orders: watch::Receiver<Orders>,
    counters: &Counters,
) -> io::Result<()> {
    // Nothing of a black hole reaches the server, not even a connection.
    passable(&mut orders).await;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let talk = Talk { counters, answered: AtomicBool::new(true), reply: AtomicU64::new(0) };
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::select! {
        // Requests first: a pipeline that arrives in parts is taken in whole before it is answered.
        biased;
        error = requests(from_client, to_server, sender.downgrade(), orders.clone(), &talk) => Err(error),
        (read, passed) = async {
            tokio::join!(
                biased;
                read_replies(from_server, sender),
                pass_replies(receiver, to_client, orders.clone(), &talk),
            )
        } => passed.and(read),
    }
}

/// Waits until bytes may pass.
async fn passable(orders: &mut watch::Receiver<Orders>) {
    // An error: the proxy is gone, and this task with it.
    let _ = orders.wait_for(|orders| orders.fault != Fault::Blackhole).await;
}

/// What both directions of a connection must know of each other.
struct Talk<'a> {
    counters: &'a Counters,
    /// Whether the client was sent anything since it last sent something itself.
    answered: AtomicBool,
    /// Bytes passed on of the reply in progress.
    reply: AtomicU64,
}

impl Talk<'_> {
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

/// Passes requests on until the client is gone. That it has nothing more to say, or the server does not listen, is no end:
/// there may be replies yet.
async fn requests(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    replies: mpsc::WeakSender<ReplyChunk>,
    mut orders: watch::Receiver<Orders>,
    talk: &Talk<'_>,
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
        talk.client_spoke();
        let fault = orders.borrow().fault;
        if let Fault::Unauthorized(protocol) = fault {
            if let Some(replies) = replies.upgrade() {
                let _ = replies.send((Instant::now(), refusal(protocol, &chunk[..read]))).await;
            }
            continue;
        }
        if server.write_all(&chunk[..read]).await.is_ok() {
            talk.counters.passed_to_server(read);
        }
    }
}

/// Some bytes of a reply, and when they came.
type ReplyChunk = (Instant, Vec<u8>);

async fn read_replies(mut server: ReadHalf<'_>, replies: mpsc::Sender<ReplyChunk>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = server.read(&mut chunk) => read?,
            // Nobody passes them on: a reply was cut.
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
    talk: &Talk<'_>,
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
                    // Until then, or until the fault is another one.
                    tokio::select! {
                        () = sleep_until(arrived + delay) => {}
                        _ = orders.changed() => {}
                    }
                    continue;
                }
                Fault::Cut { after_bytes } => {
                    let room = after_bytes.saturating_sub(talk.reply.load(Relaxed));
                    pass = pass.min(usize::try_from(room).unwrap_or(usize::MAX));
                    if pass == 0 {
                        return Ok(());
                    }
                }
                Fault::Drip { bytes, every } => {
                    pass = pass.min(bytes.get());
                    pause = every;
                }
                // The last three: this connection is about to be told that it is over.
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
            talk.server_spoke(pass);
            left = later;
            if !pause.is_zero() {
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = orders.changed() => {}
                }
            }
        }
    }
    // The server's last word; an idle connection is not ended by a black hole.
    passable(&mut orders).await;
    Ok(())
}

/// Bytes that look random, always the same ones (xorshift).
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

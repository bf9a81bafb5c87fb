//! TCP servers of a test, on free ports of the loopback interface: servers that misbehave, and one of the test's own. A server
//! runs until the test's runtime ends.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// How long a faulty server waits for a request. In some protocols the server sends first.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(50);

/// Starts a server that hands each connection to `serve`.
///
/// # Panics
/// If no port is free.
pub async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Accepts connections, and never answers.
pub async fn silent() -> SocketAddr {
    start(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await
}

/// Answers every request with the same bytes.
pub async fn garbled(reply: &'static [u8]) -> SocketAddr {
    start(move |mut stream| async move { while request(&mut stream).await && stream.write_all(reply).await.is_ok() {} })
        .await
}

/// Accepts connections, and closes each before an answer.
pub async fn cut() -> SocketAddr {
    start(|mut stream| async move {
        // Unread bytes would turn the close into a reset.
        request(&mut stream).await;
    })
    .await
}

/// Nothing listens: connections are refused.
pub async fn refused() -> SocketAddr {
    listen().await.1
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("the address of an open port");
    (listener, address)
}

/// Waits for a request, for a short time only. `false` if the connection has ended.
async fn request(stream: &mut TcpStream) -> bool {
    let read = timeout(REQUEST_TIMEOUT, stream.read(&mut [0; 4096])).await;
    matches!(read, Err(_) | Ok(Ok(1..)))
}

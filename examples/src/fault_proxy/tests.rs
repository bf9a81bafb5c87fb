//! Each fault in front of an echo server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use axon_metrics::testing::server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{Fault, FaultProxy};

const SOON: Duration = Duration::from_millis(100);
const LATE: Duration = Duration::from_secs(5);

/// An echo server, which never ends a connection by itself.
async fn echo() -> SocketAddr {
    server::start(|mut client| async move {
        let (mut from, mut to) = client.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

async fn proxy() -> FaultProxy {
    FaultProxy::start(echo().await).await.unwrap()
}

async fn connect(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends a text and waits for an answer of the same length.
async fn ask(client: &mut TcpStream, text: &str) -> io::Result<Vec<u8>> {
    client.write_all(text.as_bytes()).await?;
    answer(client, text.len()).await
}

async fn answer(client: &mut TcpStream, length: usize) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; length];
    timeout(LATE, client.read_exact(&mut answer)).await??;
    Ok(answer)
}

/// The result of reading from a connection that should have ended.
async fn read_end(client: &mut TcpStream) -> io::Result<usize> {
    timeout(LATE, client.read(&mut [0; 64])).await?
}

async fn is_silent(client: &mut TcpStream) -> bool {
    timeout(SOON, client.read(&mut [0; 64])).await.is_err()
}

#[tokio::test]
async fn without_a_fault_all_bytes_pass_and_are_counted() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    assert_eq!(ask(&mut client, "visit").await.unwrap(), b"visit");
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.open, counts.round_trips), (1, 1, 1));
    assert_eq!((counts.to_server, counts.to_clients), (5, 5));
}

#[tokio::test]
async fn a_round_trip_is_a_request_after_a_reply() {
    let proxy = proxy().await;
    let (mut one, mut two) = (connect(&proxy).await, connect(&proxy).await);
    for _ in 0..3 {
        ask(&mut one, "visit").await.unwrap();
    }
    ask(&mut two, "click").await.unwrap();
    assert_eq!(proxy.counts().round_trips, 4);
    proxy.reset_counts();
    ask(&mut one, "visit").await.unwrap();
    assert_eq!((proxy.counts().round_trips, proxy.counts().connections, proxy.counts().open), (1, 0, 2));
}

#[tokio::test]
async fn a_pipeline_is_one_round_trip_however_long() {
    let proxy = proxy().await;
    let (mut from, mut to) = connect(&proxy).await.into_split();
    let pipeline = "x".repeat(140_000);
    let sent = pipeline.clone();
    let writing = tokio::spawn(async move { to.write_all(sent.as_bytes()).await.map(|()| to) });
    let mut answer = vec![0; pipeline.len()];
    from.read_exact(&mut answer).await.unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(answer, pipeline.as_bytes());
    assert_eq!(proxy.counts().round_trips, 1);
}

#[tokio::test]
async fn latency_delays_every_reply_without_limiting_throughput() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Fault::Latency(Duration::from_millis(150)));
    let started = Instant::now();
    ask(&mut client, "visit").await.unwrap();
    ask(&mut client, "click").await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());

    let (mut from, mut to) = client.into_split();
    let started = Instant::now();
    let long = vec![7; 4 << 20];
    let writing = tokio::spawn(async move { to.write_all(&long).await.map(|()| to) });
    from.read_exact(&mut vec![0; 4 << 20]).await.unwrap();
    writing.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn after_latency_pending_replies_pass_at_once() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Fault::Latency(Duration::from_secs(60)));
    client.write_all(b"visit").await.unwrap();
    assert!(is_silent(&mut client).await);
    proxy.set(Fault::None);
    assert_eq!(answer(&mut client, 5).await.unwrap(), b"visit");
}

#[tokio::test]
async fn a_black_hole_holds_bytes_back_until_it_ends() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "visit").await.unwrap();
    proxy.set(Fault::Blackhole);
    let mut new = connect(&proxy).await;
    old.write_all(b"click").await.unwrap();
    new.write_all(b"click").await.unwrap();
    assert!(is_silent(&mut old).await);
    assert!(is_silent(&mut new).await);
    proxy.set(Fault::None);
    assert_eq!(answer(&mut old, 5).await.unwrap(), b"click");
    assert_eq!(answer(&mut new, 5).await.unwrap(), b"click");
}

#[tokio::test]
async fn half_open_connections_are_dead_for_good_and_new_ones_work() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "visit").await.unwrap();
    proxy.set(Fault::HalfOpen);
    let mut new = connect(&proxy).await;
    old.write_all(b"click").await.unwrap();
    assert!(is_silent(&mut old).await);
    assert_eq!(ask(&mut new, "click").await.unwrap(), b"click");
    proxy.set(Fault::None);
    old.write_all(b"click").await.unwrap();
    assert!(is_silent(&mut old).await);
    assert_eq!(proxy.counts().open, 2);
}

#[tokio::test]
async fn a_reset_ends_open_and_new_connections_with_an_rst() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "visit").await.unwrap();
    proxy.set(Fault::Reset);
    assert_eq!(read_end(&mut old).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut new = connect(&proxy).await;
    assert_eq!(read_end(&mut new).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    proxy.set(Fault::None);
    assert_eq!(ask(&mut connect(&proxy).await, "visit").await.unwrap(), b"visit");
}

#[tokio::test]
async fn a_close_ends_open_and_new_connections_with_a_fin() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "visit").await.unwrap();
    proxy.set(Fault::Close);
    assert_eq!(read_end(&mut old).await.unwrap(), 0);
    let mut new = connect(&proxy).await;
    new.write_all(b"click").await.unwrap();
    assert_eq!(read_end(&mut new).await.unwrap(), 0);
    proxy.set(Fault::None);
    assert_eq!(ask(&mut connect(&proxy).await, "visit").await.unwrap(), b"visit");
}

#[tokio::test]
async fn a_reply_is_cut_after_the_limit_and_shorter_ones_pass() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Fault::Cut { after_bytes: 7 });
    for _ in 0..3 {
        assert_eq!(ask(&mut client, "visit").await.unwrap(), b"visit");
    }
    client.write_all(b"purchases").await.unwrap();
    let mut rest = Vec::new();
    timeout(LATE, client.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"purchas");
}

#[tokio::test]
async fn a_drip_lets_a_few_bytes_through_at_a_time() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    proxy.set(Fault::Drip { bytes: NonZeroUsize::new(2).unwrap(), every: Duration::from_millis(40) });
    let started = Instant::now();
    assert_eq!(ask(&mut client, "purchase").await.unwrap(), b"purchase");
    assert!(started.elapsed() >= Duration::from_millis(120), "{:?}", started.elapsed());
}

#[tokio::test]
async fn garbage_has_the_reply_s_length_and_is_always_the_same() {
    let proxy = proxy().await;
    proxy.set(Fault::Garbage);
    let one = ask(&mut connect(&proxy).await, "visit, click").await.unwrap();
    let two = ask(&mut connect(&proxy).await, "visit, click").await.unwrap();
    assert_eq!(one, two);
    assert_ne!(one, b"visit, click");
}

#[tokio::test]
async fn a_closed_port_refuses_and_is_opened_again() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "visit").await.unwrap();
    for _ in 0..3 {
        proxy.set(Fault::Refuse);
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.set(Fault::None);
        assert_eq!(ask(&mut connect(&proxy).await, "visit").await.unwrap(), b"visit");
    }
    assert_eq!(read_end(&mut old).await.unwrap(), 0);
}

#[tokio::test]
async fn connections_can_be_dropped_without_a_fault() {
    let proxy = proxy().await;
    let mut client = connect(&proxy).await;
    ask(&mut client, "visit").await.unwrap();
    proxy.drop_connections();
    assert_eq!(read_end(&mut client).await.unwrap(), 0);
    assert_eq!(ask(&mut connect(&proxy).await, "visit").await.unwrap(), b"visit");
}

#[tokio::test]
async fn a_dropped_proxy_ends_everything() {
    let proxy = proxy().await;
    let address = proxy.address();
    let mut client = connect(&proxy).await;
    ask(&mut client, "visit").await.unwrap();
    drop(proxy);
    assert!(matches!(read_end(&mut client).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_server_that_is_down_is_a_reset() {
    let proxy = FaultProxy::start(server::refused().await).await.unwrap();
    let mut client = connect(&proxy).await;
    assert_eq!(read_end(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn bytes_before_the_end_of_a_server_are_forwarded() {
    let server = server::start(|mut client| async move {
        let _ = client.write_all(b"full").await;
    });
    let proxy = FaultProxy::start(server.await).await.unwrap();
    let mut received = Vec::new();
    timeout(LATE, connect(&proxy).await.read_to_end(&mut received)).await.unwrap().unwrap();
    assert_eq!(received, b"full");
}

#[tokio::test]
async fn unauthorized_refuses_new_connections_in_the_protocol() {
    let proxy = proxy().await;
    let mut old = connect(&proxy).await;
    ask(&mut old, "visit").await.unwrap();
    proxy.set(Fault::Unauthorized(super::Protocol::Redis));
    assert_eq!(read_end(&mut old).await.unwrap(), 0);
    let mut new = connect(&proxy).await;
    let before = proxy.counts().to_server;
    new.write_all(b"*1\r\n$4\r\nPING\r\n").await.unwrap();
    assert_eq!(answer(&mut new, 7).await.unwrap(), b"-NOAUTH");
    assert_eq!(proxy.counts().to_server, before);
    proxy.set(Fault::None);
    assert_eq!(ask(&mut connect(&proxy).await, "visit").await.unwrap(), b"visit");
}

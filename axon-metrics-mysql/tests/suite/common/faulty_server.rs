//! Servers that misbehave, each behind a pool.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axon_metrics_mysql::pool_options;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

/// A pool to a server that hands each connection to `serve`.
async fn pool<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> MySqlPool
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    pool_options().connect_lazy_with(MySqlConnectOptions::new().host("127.0.0.1").port(port).username("axon"))
}

/// Accepts connections and never answers.
pub(crate) async fn silent() -> MySqlPool {
    silent_with_count().await.0
}

/// The same, with a function for the number of accepted connections.
pub(crate) async fn silent_with_count() -> (MySqlPool, impl Fn() -> usize) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let pool = pool(move |stream| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            let _open = stream;
            std::future::pending::<()>().await;
        }
    });
    (pool.await, move || connections.load(Ordering::Relaxed))
}

/// Sends the same garbage repeatedly.
pub(crate) async fn garbled() -> MySqlPool {
    pool(|mut stream| async move {
        // The head of a packet of 32 bytes, with invalid content.
        let nonsense = [&[32_u8, 0, 0, 0][..], &[0x7f; 32]].concat();
        while stream.write_all(&nonsense).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Closes each connection without a byte.
pub(crate) async fn cut() -> MySqlPool {
    pool(|stream| async move { drop(stream) }).await
}

/// Refuses connections: the port is closed.
pub(crate) async fn refused() -> MySqlPool {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    pool_options().connect_lazy_with(MySqlConnectOptions::new().host("127.0.0.1").port(address.port()).username("axon"))
}

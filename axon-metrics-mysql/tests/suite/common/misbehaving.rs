//! Servers that accept connections and then do wrong.

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

/// Never says anything.
pub(crate) async fn silent() -> MySqlPool {
    silent_and_counted().await.0
}

/// The same, and how many connections it has accepted so far.
pub(crate) async fn silent_and_counted() -> (MySqlPool, impl Fn() -> usize) {
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    let pool = pool(move |stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let _open = stream;
            std::future::pending::<()>().await;
        }
    });
    (pool.await, move || accepted.load(Ordering::Relaxed))
}

/// Says the same bytes, again and again.
pub(crate) async fn garbled() -> MySqlPool {
    pool(|mut stream| async move {
        // A packet of 32 bytes by its head, and none of the protocol by what is in it.
        let nonsense = [&[32_u8, 0, 0, 0][..], &[0x7f; 32]].concat();
        while stream.write_all(&nonsense).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
}

/// Closes each connection before it has said anything.
pub(crate) async fn cut() -> MySqlPool {
    pool(|stream| async move { drop(stream) }).await
}

/// Does not listen.
pub(crate) async fn refused() -> MySqlPool {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    pool_options().connect_lazy_with(MySqlConnectOptions::new().host("127.0.0.1").port(nobody.port()).username("axon"))
}

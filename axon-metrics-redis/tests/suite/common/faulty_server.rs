//! Servers that misbehave.

use axon_examples::fault_proxy::{Fault, FaultProxy};
use redis::Client;
use tokio::net::TcpListener;

/// A client of a server with this fault.
pub(crate) async fn client(fault: Fault) -> Client {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(echo.local_addr().unwrap()).await.unwrap();
    proxy.set(fault);
    let client = Client::open(format!("redis://{}", proxy.address())).unwrap();
    tokio::spawn(async move {
        let _proxy = proxy;
        while let Ok((mut client, _)) = echo.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    client
}

//! A TLS listener before a server that has none: for tests of addresses with TLS, with the certificates of the tests.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The path of a file in `axon-metrics-es/tests/certificates`, such as `authority.pem`.
#[must_use]
pub fn certificate(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../axon-metrics-es/tests/certificates").join(name)
}

/// A running listener. Dropping it closes its port; open connections end with their peers.
#[derive(Debug)]
pub struct TlsProxy {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl TlsProxy {
    /// Starts a listener in front of a server, on a free port of the loopback interface, with one of the certificates
    /// (`valid.pem`). `asks_client`: it refuses clients without a certificate of the same authority.
    /// # Errors
    /// If no port can be opened, or a file cannot be read.
    pub async fn start(upstream: SocketAddr, certificate: &str, asks_client: bool) -> io::Result<Self> {
        let config = config(certificate, asks_client).map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(acceptor.clone(), client, upstream));
            }
        });
        Ok(Self { address, accepting })
    }

    /// The address for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn config(name: &str, asks_client: bool) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(certificate(name))?];
    let key = PrivateKeyDer::from_pem_file(certificate("server.key"))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if asks_client {
        let mut authorities = RootCertStore::empty();
        authorities.add(CertificateDer::from_pem_file(certificate("authority.pem"))?)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider).build()?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    Ok(builder.with_single_cert(chain, key)?)
}

async fn relay(acceptor: TlsAcceptor, client: TcpStream, upstream: SocketAddr) {
    let (Ok(mut client), Ok(mut server)) = (acceptor.accept(client).await, TcpStream::connect(upstream).await) else {
        return;
    };
    // The end of one connection ends the other one.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

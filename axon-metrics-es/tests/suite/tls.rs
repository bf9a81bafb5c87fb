//! Faults of certificates are said as such, and not as those of a connection.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axon_metrics::{
    SourceError,
    source::{BehaviorSource as _, ErrorChain},
    testing::server,
};
use axon_metrics_es::EsBehavior;
use common::question::clicks;
use elasticsearch::{
    Elasticsearch,
    cert::{Certificate, CertificateValidation},
    http::transport::{SingleNodeConnectionPool, TransportBuilder},
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::io::AsyncReadExt as _;
use tokio_rustls::TlsAcceptor;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name)
}

/// A server with this certificate, which never answers.
async fn tls_server(certificate: &str) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(file(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 4096]).await;
            }
        }
    })
    .await
}

/// The error of a source at this address, with its causes.
async fn error_at(address: &str, trusts_authority: bool) -> (SourceError, String) {
    let pool = SingleNodeConnectionPool::new(address.parse().unwrap());
    let mut transport = TransportBuilder::new(pool).disable_proxy();
    if trusts_authority {
        let authority = Certificate::from_pem(&std::fs::read(file("authority.pem")).unwrap()).unwrap();
        transport = transport.cert_validation(CertificateValidation::Full(authority));
    }
    let source = EsBehavior::new(Elasticsearch::new(transport.build().unwrap()));
    let error = source.behavior(&clicks()).await.unwrap_err();
    let text = ErrorChain(&error).to_string();
    (error, text)
}

#[tokio::test]
async fn a_fault_of_the_certificate_is_said_as_such() {
    for (certificate, trusts_authority, expected) in [
        ("valid.pem", false, "is not trusted"),
        ("expired.pem", true, "has expired"),
        ("other_name.pem", true, "is for another name"),
    ] {
        let address = tls_server(certificate).await;
        let (error, text) = error_at(&format!("https://{address}"), trusts_authority).await;
        assert!(matches!(error, SourceError::Unavailable { .. }), "{certificate}: {error:?}");
        assert!(text.contains(expected) && !text.contains("127.0.0.1"), "{certificate}: {text}");
    }
    // With this one the connection is made, and closed before a reply.
    let address = tls_server("valid.pem").await;
    let (_, text) = error_at(&format!("https://{address}"), true).await;
    assert!(!text.contains("certificate"), "{text}");
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_have_none() {
    let address = server::garbled(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let (_, text) = error_at(&format!("https://{address}"), true).await;
    assert!(text.contains("does not speak TLS"), "{text}");
}

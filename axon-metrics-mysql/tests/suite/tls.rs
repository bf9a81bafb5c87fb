//! TLS to a real server, by the certificates of the tests: `ca_file` alone checks the certificate with its name, and what is
//! wrong with it is said. Needs a server with the certificate `valid.pem`, also at 127.0.0.2, in `AXON_TEST_MYSQL_TLS_URL`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::tls_proxy::certificate;
use axon_metrics::{
    SourceError,
    source::{CatalogSource as _, ErrorChain},
    testing::server_url,
};
use axon_metrics_mysql::{MySqlCatalog, TlsPem, connect_options_with_tls, pool_options_with};
use sqlx::{AssertSqlSafe, mysql::MySqlPool};

use common::{PATIENT, unique};

fn url() -> Option<String> {
    server_url("AXON_TEST_MYSQL_TLS_URL")
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(certificate(name)).unwrap()
}

fn authority() -> TlsPem {
    TlsPem::default().with_authority(pem("authority.pem"))
}

fn pool(address: &str, tls: &TlsPem) -> MySqlPool {
    pool_options_with(PATIENT)
        .acquire_timeout(PATIENT)
        .connect_lazy_with(connect_options_with_tls(address, tls).unwrap())
}

/// The cipher of a connection; empty without TLS.
async fn cipher(pool: &MySqlPool) -> Result<String, sqlx::Error> {
    let (_, cipher): (String, String) = sqlx::query_as("SHOW SESSION STATUS LIKE 'Ssl_cipher'").fetch_one(pool).await?;
    Ok(cipher)
}

/// The error of a source at this address, with its causes.
async fn error_at(address: &str, tls: &TlsPem) -> (SourceError, String) {
    let source = MySqlCatalog::new(pool(address, tls));
    let error = source.probe("2024-11-12T10:30:00Z".parse().unwrap(), PATIENT).await.unwrap_err();
    let text = ErrorChain(&error).to_string();
    (error, text)
}

#[tokio::test]
async fn an_authority_alone_asks_for_tls_and_checks_the_name() {
    let Some(url) = url() else { return };
    assert!(!cipher(&pool(&url, &authority())).await.unwrap().is_empty());
    let other_name = url.replace("127.0.0.1", "127.0.0.2");
    let (error, text) = error_at(&other_name, &authority()).await;
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    assert!(text.contains("is for another name") && !text.contains("127.0.0"), "{text}");
    // Who asks for it gets the check of the authority alone.
    assert!(!cipher(&pool(&format!("{other_name}?ssl-mode=VERIFY_CA"), &authority())).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_said() {
    let Some(url) = url() else { return };
    for mode in ["VERIFY_CA", "VERIFY_IDENTITY"] {
        let (error, text) = error_at(&format!("{url}?ssl-mode={mode}"), &TlsPem::default()).await;
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        assert!(text.contains("is not trusted: give the authority that signed it (ca_file)"), "{text}");
    }
}

#[tokio::test]
async fn a_user_who_needs_a_certificate_has_one() {
    let Some(url) = url() else { return };
    // Not the recommended pool, whose sessions only read.
    let admin = MySqlPool::connect(&url).await.unwrap();
    let user = unique("x");
    sqlx::query(AssertSqlSafe(format!("CREATE USER '{user}'@'%' REQUIRE X509"))).execute(&admin).await.unwrap();
    let as_user = url.replace("root@", &format!("{user}@"));
    let refused = cipher(&pool(&as_user, &authority())).await;
    let accepted = cipher(&pool(&as_user, &authority().with_client(pem("valid.pem"), pem("server.key")))).await;
    sqlx::query(AssertSqlSafe(format!("DROP USER '{user}'@'%'"))).execute(&admin).await.unwrap();
    assert!(refused.is_err(), "{refused:?}");
    assert!(!accepted.unwrap().is_empty());
}

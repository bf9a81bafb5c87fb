//! TLS to real servers, by the certificates of the tests: what is wrong with a certificate is said as such, and not as a
//! connection that was lost. Needs the addresses of three servers in `AXON_TEST_REDIS_TLS_URLS`: one with a good
//! certificate, one whose certificate has expired, and one that asks for a certificate of the client.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use axon_examples::tls_proxy::certificate;
use axon_metrics::{
    cache::DashboardCache as _,
    source::{ErrorChain, RealtimeSource as _, SourceError},
    testing::{server, server_url},
};
use axon_metrics_redis::{RedisAddress, RedisCache, RedisCacheOptions, RedisOptions, RedisRealtime};

use common::{
    BUDGET,
    cache_calls::{entry, get_until_hit, put_until_ok},
    patient_question, word,
};

/// The addresses of the three servers.
fn urls() -> Option<[String; 3]> {
    let urls = server_url("AXON_TEST_REDIS_TLS_URLS")?;
    let urls: Vec<_> = urls.split(',').map(str::to_owned).collect();
    Some(urls.try_into().expect("three addresses"))
}

fn pem(name: &str) -> Vec<u8> {
    std::fs::read(certificate(name)).unwrap()
}

fn trusting(url: &str) -> RedisAddress {
    RedisAddress::parse(url).unwrap().with_authority(pem("authority.pem"))
}

/// The error of a source at this address, with its causes; `None` if it answers.
async fn error_at(address: &RedisAddress) -> Option<(SourceError, String)> {
    let options = RedisOptions::default().with_connect_timeout(Duration::from_secs(5));
    let source = RedisRealtime::at(address, options).unwrap();
    let error = source.realtime(&patient_question([u64::MAX])).await.err()?;
    let text = ErrorChain(&error).to_string();
    let probe = source.probe("2024-11-12T10:30:00Z".parse().unwrap(), Duration::from_secs(5)).await.unwrap_err();
    let probe = ErrorChain(&probe).to_string();
    assert_eq!(probe.rsplit(": ").next(), text.rsplit(": ").next(), "a probe says the same: {probe}");
    Some((error, text))
}

#[tokio::test]
async fn a_server_with_tls_is_read_and_written_by_its_authority() {
    let Some([valid, ..]) = urls() else { return };
    assert!(error_at(&trusting(&valid)).await.is_none());
    let options = RedisCacheOptions::default().with_prefix(format!("{}:", word()));
    let options = options.with_connect_timeout(Duration::from_secs(5));
    let cache = RedisCache::at(&trusting(&format!("{valid}/0?protocol=resp3")), options).unwrap();
    put_until_ok(&cache, &[entry("dashboard:c1:funnel", b"value")]).await;
    get_until_hit(&cache, "dashboard:c1:funnel", b"value").await;
    assert_eq!(cache.get(&["dashboard:c2:funnel".to_owned()], BUDGET * 10).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_fault_of_the_certificate_is_said_as_such() {
    let Some([valid, expired, _]) = urls() else { return };
    let untrusting = RedisAddress::parse(&valid).unwrap();
    let other_name = trusting(&valid.replace("127.0.0.1", "127.0.0.2"));
    for (address, expected) in [
        (untrusting, "is not trusted: give the authority that signed it (ca_file)"),
        (trusting(&expired), "has expired"),
        (other_name, "is for another name"),
    ] {
        let (error, text) = error_at(&address).await.expect(expected);
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
        assert!(text.contains(expected) && !text.contains("127.0.0"), "{text}");
    }
}

#[tokio::test]
async fn a_missing_client_certificate_is_said() {
    let Some([_, _, asking]) = urls() else { return };
    let without = trusting(&asking);
    let (_, text) = error_at(&without).await.unwrap();
    assert!(text.contains("asks for a certificate of the client"), "{text}");
    let with = without.with_client_certificate(pem("valid.pem"), pem("server.key"));
    assert!(error_at(&with).await.is_none());
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_have_none() {
    let address = server::garbled(b"-ERR Protocol error: unbalanced quotes in request\r\n").await;
    let (_, text) = error_at(&trusting(&format!("rediss://{address}"))).await.unwrap();
    assert!(text.contains("does not speak TLS"), "{text}");
}

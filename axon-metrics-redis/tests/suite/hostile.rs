//! A server that sends invalid replies: no number, no panic, and an answer with the next valid reply. Needs no real
//! server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_metrics::{
    Missing, Reason,
    facts::Stock,
    source::{RealtimeSource as _, SourceError},
    testing::server,
};
use axon_metrics_redis::RedisRealtime;
use tokio::io::AsyncWriteExt as _;

use common::{
    ask, ask_until_answered, measured, question,
    scripted::{Replies, ScriptedServer},
};

const GOOD: &[u8] = b"$2\r\n45\r\n:44\r\n";

/// A source over a server that sends the same valid or invalid reply to each question.
struct Server {
    source: RedisRealtime,
    server: ScriptedServer,
}

impl Server {
    /// The source has answered once, and gets invalid replies from now on.
    async fn start(bad: &'static [u8], then_close: bool) -> Self {
        let server = ScriptedServer::start(Replies { good: GOOD, bad, then_close }).await;
        let source = RedisRealtime::new(server.client.clone());
        ask_until_answered(&source, 789, 45).await;
        server.be_bad(true);
        Self { source, server }
    }
}

/// Invalid replies to a question about one activity.
const NONSENSE: [(&str, &[u8]); 34] = [
    ("nothing but a line end", b"\r\n"),
    ("a web page", b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>502</html>"),
    ("a handshake of MySQL", b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00"),
    ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46"),
    ("zeros", &[0; 64]),
    ("swapped replies", b":44\r\n$2\r\n45\r\n"),
    ("an extra reply first", b":7\r\n$2\r\n45\r\n:44\r\n"),
    ("an integer for a string", b":45\r\n:44\r\n"),
    ("a string for an integer", b"$2\r\n45\r\n$2\r\n44\r\n"),
    ("a simple string for a string", b"+45\r\n:44\r\n"),
    ("OK", b"+OK\r\n+OK\r\n"),
    ("a negative size", b"$2\r\n45\r\n:-1\r\n"),
    ("a size that is too large", b"$2\r\n45\r\n:9223372036854775808\r\n"),
    ("a size that is no number", b"$2\r\n45\r\n:NaN\r\n"),
    ("a size with a fraction", b"$2\r\n45\r\n,44.5\r\n"),
    ("not a number", b"$2\r\n45\r\n,nan\r\n"),
    ("infinity", b",inf\r\n:44\r\n"),
    ("a big number", b"(3492890328409238509324850943850943825024385\r\n:44\r\n"),
    ("true", b"#t\r\n#t\r\n"),
    ("no size", b"$2\r\n45\r\n$-1\r\n"),
    ("both replies in one list", b"*2\r\n$2\r\n45\r\n:44\r\n"),
    ("nested lists", b"*1\r\n*1\r\n*1\r\n_\r\n"),
    ("a list of two billion", b"*2000000000\r\n:1\r\n"),
    ("a huge map", b"%9223372036854775807\r\n:1\r\n"),
    ("a huge string", b"$99999999999\r\n45\r\n:44\r\n"),
    ("a string of a negative length", b"$-7\r\n45\r\n:44\r\n"),
    ("a string longer than its length", b"$2\r\n4500\r\n:44\r\n"),
    ("a string shorter than its length", b"$9\r\n45\r\n:44\r\n"),
    ("a truncated reply", b"$2\r\n4"),
    ("one reply of two", b"$2\r\n45\r\n"),
    ("an attribute", b"|1\r\n+ttl\r\n:3600\r\n$2\r\n45\r\n:44\r\n"),
    ("a push message", b">2\r\n+message\r\n+45\r\n"),
    ("an error without a code", b"-user-4711 at 10.1.2.3 is unknown\r\n-user-4711 at 10.1.2.3 is unknown\r\n"),
    ("bulk errors", b"!21\r\nSYNTAX user-4711 oops\r\n!21\r\nSYNTAX user-4711 oops\r\n"),
];

#[tokio::test]
async fn an_invalid_reply_is_an_error_until_the_next_valid_one() {
    let mut cases = tokio::task::JoinSet::new();
    for (name, reply) in NONSENSE {
        cases.spawn(check_recovery(name, reply, false));
        cases.spawn(check_recovery(name, reply, true));
    }
    cases.join_all().await;
}

async fn check_recovery(name: &str, reply: &'static [u8], then_close: bool) {
    let server = Server::start(reply, then_close).await;
    for _ in 0..2 {
        let error = match ask(&server.source, 789).await {
            Err(error) => error,
            Ok(slots) => panic!("{name}: {slots:?}"),
        };
        let text = format!("{error:?} {error}");
        assert!(!text.contains("4711") && !text.contains("10.1.2.3"), "{name}: {text}");
        assert!(!matches!(error, SourceError::Denied { .. }), "{name}: {text}");
    }
    server.server.be_bad(false);
    ask_until_answered(&server.source, 789, 45).await;
    assert_eq!(measured(&ask(&server.source, 789).await.unwrap()), (Stock::Held(45), 44), "{name}");
}

#[tokio::test]
async fn replies_of_another_type_are_malformed() {
    for reply in [&b":44\r\n$2\r\n45\r\n"[..], b"$2\r\n45\r\n:-1\r\n", b"+OK\r\n+OK\r\n"] {
        let server = Server::start(reply, false).await;
        let result = ask(&server.source, 789).await;
        assert!(matches!(result, Err(SourceError::Malformed { .. })), "{result:?}");
    }
}

#[tokio::test]
async fn error_replies_become_the_matching_errors() {
    let overloaded = |error: &SourceError| matches!(error, SourceError::Overloaded { .. });
    let unavailable = |error: &SourceError| matches!(error, SourceError::Unavailable { .. });
    let denied = |error: &SourceError| matches!(error, SourceError::Denied { .. });
    type Is = fn(&SourceError) -> bool;
    let cases: [(&'static [u8], Is); 5] = [
        (
            b"-LOADING Redis is loading the dataset in memory\r\n-LOADING Redis is loading the dataset in memory\r\n",
            unavailable,
        ),
        (b"-BUSY Redis is busy running a script.\r\n-BUSY Redis is busy running a script.\r\n", overloaded),
        (b"-ERR max number of clients reached\r\n-ERR max number of clients reached\r\n", overloaded),
        (b"-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n", denied),
        (b"-NOPERM no\r\n-NOPERM no\r\n", denied),
    ];
    for (reply, is) in cases {
        let server = Server::start(reply, false).await;
        let error = ask(&server.source, 789).await.unwrap_err();
        assert!(is(&error), "{}: {error:?}", String::from_utf8_lossy(reply));
    }
}

#[tokio::test]
async fn an_error_reply_costs_its_own_fact_only() {
    let server = Server::start(b"-MASTERDOWN Link with MASTER is down\r\n:44\r\n", false).await;
    let slots = ask(&server.source, 789).await.unwrap();
    assert!(matches!(slots.stock, Err(Missing::Unavailable(_))), "{slots:?}");
    assert_eq!(slots.members.unwrap().value, 44);
    let server = Server::start(b"$4\r\nmany\r\n-WRONGTYPE no\r\n", false).await;
    let slots = ask(&server.source, 789).await.unwrap();
    assert!(matches!(slots.stock, Err(Missing::NotMeasured(Reason::BadValue))), "{slots:?}");
    assert!(matches!(slots.members, Err(Missing::NotMeasured(Reason::BadValue))), "{slots:?}");
}

#[tokio::test]
async fn a_reply_to_an_earlier_question_is_not_used() {
    // Two replies per question, so that the second one looks like the reply to the next question on the connection.
    let two_replies: &[u8] = b"$2\r\n45\r\n:44\r\n$2\r\n46\r\n";
    let server = Server::start(two_replies, false).await;
    for _ in 0..20 {
        if let Ok(facts) = server.source.realtime(&question([789])).await {
            let stock = facts.slots[0].1.stock.as_ref().map(|stock| stock.value);
            assert!(matches!(stock, Ok(Stock::Held(45))), "{stock:?}");
        }
    }
}

#[tokio::test]
async fn a_full_server_is_not_a_wrong_password() {
    let address = server::start(|mut client| async move {
        let _ = client.write_all(b"-ERR max number of clients reached\r\n").await;
    })
    .await;
    for url in [format!("redis://{address}"), format!("redis://axon:secret@{address}"), format!("redis://{address}/3")]
    {
        let source = RedisRealtime::new(redis::Client::open(url).unwrap());
        for _ in 0..5 {
            // The error reply may be lost when the connection closes.
            let error = ask(&source, 789).await.unwrap_err();
            let is_expected = |error: &SourceError| {
                use SourceError::{Lost, Overloaded, Unavailable};
                matches!(error, Overloaded { .. } | Unavailable { .. } | Lost { .. })
            };
            assert!(is_expected(&error), "{error:?}");
        }
    }
}

//! A server that answers the question with something else than Redis would: never a number, never a panic, and all is well
//! with the next good reply. Needs no server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axon_metrics::{
    Missing, Reason,
    facts::Stock,
    source::{RealtimeSource as _, SourceError},
};
use axon_metrics_redis::RedisRealtime;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use common::{ask, healed, measured, question};

const GOOD: &[u8] = b"$2\r\n45\r\n:44\r\n";

/// A server that greets as Redis does and answers each question with the same bytes, good ones or bad ones.
struct Server {
    source: RedisRealtime,
    bad: Arc<AtomicBool>,
}

impl Server {
    async fn answering(reply: &'static [u8], then_close: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bad = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&bad);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, reply, then_close, Arc::clone(&switch)));
            }
        });
        let client = redis::Client::open(format!("redis://{address}")).unwrap();
        let source = RedisRealtime::new(client);
        healed(&source, 789, 45).await;
        bad.store(true, Ordering::Relaxed);
        Self { source, bad }
    }
}

async fn serve(mut client: TcpStream, reply: &'static [u8], then_close: bool, bad: Arc<AtomicBool>) {
    let mut request = vec![0; 4096];
    while let Ok(read @ 1..) = client.read(&mut request).await {
        let ping = request[..read].windows(4).any(|word| word == b"PING");
        let answer: &[u8] = match bad.load(Ordering::Relaxed) {
            _ if ping => b"+PONG\r\n",
            true => reply,
            false => GOOD,
        };
        if client.write_all(answer).await.is_err() || (then_close && !ping && bad.load(Ordering::Relaxed)) {
            return;
        }
    }
}

/// Replies in place of a counter of 45 and 44 members.
const NONSENSE: [(&str, &[u8]); 34] = [
    ("nothing but a line end", b"\r\n"),
    ("a web page", b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n\r\n<html>502</html>"),
    ("a greeting of MySQL", b"\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00"),
    ("an alert of TLS", b"\x15\x03\x01\x00\x02\x02\x46"),
    ("zeros", &[0; 64]),
    ("the replies swapped", b":44\r\n$2\r\n45\r\n"),
    ("a reply too many before", b":7\r\n$2\r\n45\r\n:44\r\n"),
    ("an integer for a string", b":45\r\n:44\r\n"),
    ("a string for an integer", b"$2\r\n45\r\n$2\r\n44\r\n"),
    ("a simple string for a string", b"+45\r\n:44\r\n"),
    ("ok", b"+OK\r\n+OK\r\n"),
    ("a negative size", b"$2\r\n45\r\n:-1\r\n"),
    ("a size that is too large", b"$2\r\n45\r\n:9223372036854775808\r\n"),
    ("a size that is no number", b"$2\r\n45\r\n:NaN\r\n"),
    ("a size with a fraction", b"$2\r\n45\r\n,44.5\r\n"),
    ("not a number", b"$2\r\n45\r\n,nan\r\n"),
    ("infinity", b",inf\r\n:44\r\n"),
    ("a big number", b"(3492890328409238509324850943850943825024385\r\n:44\r\n"),
    ("true", b"#t\r\n#t\r\n"),
    ("no size", b"$2\r\n45\r\n$-1\r\n"),
    ("one list of both", b"*2\r\n$2\r\n45\r\n:44\r\n"),
    ("lists in lists", b"*1\r\n*1\r\n*1\r\n_\r\n"),
    ("a list of very many", b"*2000000000\r\n:1\r\n"),
    ("a map of very many", b"%9223372036854775807\r\n:1\r\n"),
    ("a string of very many bytes", b"$99999999999\r\n45\r\n:44\r\n"),
    ("a string of a negative length", b"$-7\r\n45\r\n:44\r\n"),
    ("a string that is longer than it says", b"$2\r\n4500\r\n:44\r\n"),
    ("a string that is shorter than it says", b"$9\r\n45\r\n:44\r\n"),
    ("half a reply", b"$2\r\n4"),
    ("one reply of two", b"$2\r\n45\r\n"),
    ("an attribute", b"|1\r\n+ttl\r\n:3600\r\n$2\r\n45\r\n:44\r\n"),
    ("a push in between", b">2\r\n+message\r\n+45\r\n"),
    ("an error that is none of Redis", b"-user-4711 at 10.1.2.3 is unknown\r\n-user-4711 at 10.1.2.3 is unknown\r\n"),
    ("two errors in one", b"!21\r\nSYNTAX user-4711 oops\r\n!21\r\nSYNTAX user-4711 oops\r\n"),
];

#[tokio::test]
async fn nonsense_is_never_a_number_and_is_forgotten_with_the_next_good_reply() {
    let mut cases = tokio::task::JoinSet::new();
    for (name, reply) in NONSENSE {
        cases.spawn(shrugs_off(name, reply, false));
        cases.spawn(shrugs_off(name, reply, true));
    }
    cases.join_all().await;
}

async fn shrugs_off(name: &str, reply: &'static [u8], then_close: bool) {
    let server = Server::answering(reply, then_close).await;
    for _ in 0..2 {
        let error = match ask(&server.source, 789).await {
            Err(error) => error,
            Ok(slots) => panic!("{name}: {slots:?}"),
        };
        let told = format!("{error:?} {error}");
        assert!(!told.contains("4711") && !told.contains("10.1.2.3"), "{name}: {told}");
        assert!(!matches!(error, SourceError::Denied { .. }), "{name}: {told}");
    }
    server.bad.store(false, Ordering::Relaxed);
    healed(&server.source, 789, 45).await;
    assert_eq!(measured(&ask(&server.source, 789).await.unwrap()), (Stock::Held(45), 44), "{name}");
}

#[tokio::test]
async fn replies_that_can_be_told_apart_are_malformed() {
    for reply in [&b":44\r\n$2\r\n45\r\n"[..], b"$2\r\n45\r\n:-1\r\n", b"+OK\r\n+OK\r\n"] {
        let server = Server::answering(reply, false).await;
        let asked = ask(&server.source, 789).await;
        assert!(matches!(asked, Err(SourceError::Malformed { .. })), "{asked:?}");
    }
}

#[tokio::test]
async fn errors_of_redis_are_told_as_what_they_are() {
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
        let server = Server::answering(reply, false).await;
        let error = ask(&server.source, 789).await.unwrap_err();
        assert!(is(&error), "{}: {error:?}", String::from_utf8_lossy(reply));
    }
}

#[tokio::test]
async fn one_error_costs_one_fact() {
    let server = Server::answering(b"-MASTERDOWN Link with MASTER is down\r\n:44\r\n", false).await;
    let slots = ask(&server.source, 789).await.unwrap();
    assert!(matches!(slots.stock, Err(Missing::Unavailable(_))), "{slots:?}");
    assert_eq!(slots.members.unwrap().value, 44);
    let server = Server::answering(b"$4\r\nmany\r\n-WRONGTYPE no\r\n", false).await;
    let slots = ask(&server.source, 789).await.unwrap();
    assert!(matches!(slots.stock, Err(Missing::NotMeasured(Reason::BadValue))), "{slots:?}");
    assert!(matches!(slots.members, Err(Missing::NotMeasured(Reason::BadValue))), "{slots:?}");
}

#[tokio::test]
async fn a_reply_that_belongs_to_an_earlier_question_is_not_taken() {
    // Two answers to each question: the second one comes as the first to the next question, on the same connection.
    let twice: &[u8] = b"$2\r\n45\r\n:44\r\n$2\r\n46\r\n";
    let server = Server::answering(twice, false).await;
    for _ in 0..20 {
        if let Ok(facts) = server.source.realtime(&question([789])).await {
            let stock = facts.slots[0].1.stock.as_ref().map(|stock| stock.value);
            assert!(matches!(stock, Ok(Stock::Held(45))), "{stock:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_full_is_no_wrong_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.write_all(b"-ERR max number of clients reached\r\n").await;
        }
    });
    for url in [format!("redis://{address}"), format!("redis://axon:secret@{address}"), format!("redis://{address}/3")]
    {
        let source = RedisRealtime::new(redis::Client::open(url).unwrap());
        for _ in 0..5 {
            // Its last words may be lost with the connection.
            let error = ask(&source, 789).await.unwrap_err();
            let full = |error: &SourceError| {
                use SourceError::{Lost, Overloaded, Unavailable};
                matches!(error, Overloaded { .. } | Unavailable { .. } | Lost { .. })
            };
            assert!(full(&error), "{error:?}");
        }
    }
}

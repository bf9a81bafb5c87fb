//! A master that sentinels name. With real servers: the address of a master with a replica and sentinels in
//! `AXON_TEST_REDIS_SENTINEL_URL`; one test makes a failover. Some tests script the sentinel and its masters.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print its measurements")]

use crate::common;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axon_metrics::{
    ActivityId,
    facts::Stock,
    source::{ErrorChain, RealtimeSource as _, SourceError},
    testing::{server, server_url},
};
use axon_metrics_redis::{RedisAddress, RedisKeys, RedisOptions, RedisRealtime};
use redis::Client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use common::{Data, ask, ask_until_answered, measured, patient_question, question, word};

const SENTINELS: &str = "AXON_TEST_REDIS_SENTINEL_URL";

/// The hosts of the sentinels, and the service.
fn sentinels() -> Option<(Vec<String>, String)> {
    let url = server_url(SENTINELS)?;
    let (hosts, service) = url.strip_prefix("redis+sentinel://").unwrap().split_once('/').unwrap();
    Some((hosts.split(',').map(str::to_owned).collect(), service.to_owned()))
}

fn source(address: &str, keys: RedisKeys) -> RedisRealtime {
    let options = RedisOptions::default().with_keys(keys).with_connect_timeout(Duration::from_secs(2));
    RedisRealtime::at(&RedisAddress::parse(address).unwrap(), options).unwrap()
}

/// The error of a source at this address, with its causes.
async fn error_at(address: &str) -> (SourceError, String) {
    let error = source(address, RedisKeys::platform()).realtime(&patient_question([1])).await.unwrap_err();
    let text = ErrorChain(&error).to_string();
    (error, text)
}

/// What the first sentinel says.
async fn ask_sentinel<T: redis::FromRedisValue>(hosts: &[String], command: &[&str]) -> redis::RedisResult<T> {
    let client = Client::open(format!("redis://{}", hosts[0])).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("SENTINEL").arg(command).query_async(&mut connection).await
}

/// The master that the first sentinel names.
async fn master(hosts: &[String], service: &str) -> String {
    let (host, port): (String, u16) = ask_sentinel(hosts, &["GET-MASTER-ADDR-BY-NAME", service]).await.unwrap();
    format!("{host}:{port}")
}

/// Keys of the test's own in the master.
async fn data_in(address: &str) -> Data {
    Data::with(Client::open(format!("redis://{address}")).unwrap()).await
}

#[tokio::test]
async fn after_a_failover_the_new_master_is_read() {
    let Some((hosts, service)) = sentinels() else { return };
    let old = master(&hosts, &service).await;
    let mut data = data_in(&old).await;
    data.put(789, "45", 44).await;
    let began = Instant::now();
    // After an earlier failover the old master becomes a replica within some ten seconds.
    while redis::cmd("WAIT").arg(1).arg(100).query_async::<u32>(&mut data.admin).await.unwrap() == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "no replica");
    }
    let source = source(&server_url(SENTINELS).unwrap(), data.keys());
    ask_until_answered(&source, 789, 45).await;

    let began = Instant::now();
    while let Err(error) = ask_sentinel::<()>(&hosts, &["FAILOVER", &service]).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{error}");
        sleep(Duration::from_millis(200)).await;
    }
    let began = Instant::now();
    while master(&hosts, &service).await == old {
        // Meanwhile every answer is right, or an error.
        if let Ok(slots) = ask(&source, 789).await
            && let Ok(stock) = slots.stock
        {
            assert_eq!(stock.value, Stock::Held(45));
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no failover");
        sleep(Duration::from_millis(50)).await;
    }
    println!("another master after {} ms", began.elapsed().as_millis());
    // Written to the new master alone.
    let keys = data.keys();
    let mut new = Client::open(format!("redis://{}", master(&hosts, &service).await)).unwrap();
    let mut admin = new.get_multiplexed_async_connection().await.unwrap();
    let set = || redis::cmd("SET").arg(keys.stock.template().key(ActivityId(789))).arg("46").clone();
    while let Err(error) = set().exec_async(&mut admin).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{error}");
        sleep(Duration::from_millis(50)).await;
        new = Client::open(format!("redis://{}", master(&hosts, &service).await)).unwrap();
        admin = new.get_multiplexed_async_connection().await.unwrap();
    }
    let written = Instant::now();
    loop {
        let answer = ask(&source, 789).await;
        let stock = answer.as_ref().ok().and_then(|slots| slots.stock.as_ref().ok());
        if stock.is_some_and(|stock| stock.value == Stock::Held(46)) {
            break;
        }
        assert!(written.elapsed() < Duration::from_secs(10), "the new master is not read: {answer:?}");
        sleep(Duration::from_millis(50)).await;
    }
    println!("the new master is read after {} ms", written.elapsed().as_millis());
    assert!(written.elapsed() < Duration::from_secs(5), "{:?}", written.elapsed());
}

#[tokio::test]
async fn a_health_report_says_that_sentinels_name_the_server() {
    let Some(url) = server_url(SENTINELS) else { return };
    let source = source(&url, RedisKeys::platform());
    let began = Instant::now();
    let probe = loop {
        match source.probe(question([]).as_of, Duration::from_secs(5)).await {
            Ok(probe) => break probe,
            // A failover of another test may be in progress.
            Err(error) => assert!(began.elapsed() < Duration::from_secs(30), "{}", ErrorChain(&error)),
        }
        sleep(Duration::from_millis(100)).await;
    };
    let connection = ("connection".to_owned(), "the master that sentinels name".to_owned());
    assert!(probe.findings.contains(&connection), "{probe:?}");
    assert!(!format!("{probe:?} {source:?}").contains("127.0.0.1"));
}

#[tokio::test]
async fn the_documented_rights_on_sentinels_are_enough() {
    let Some((hosts, service)) = sentinels() else { return };
    let page = include_str!("../../../docs/operate/rights.md");
    let line = page.lines().find_map(|line| line.strip_prefix("ACL SETUSER axon_sentinel ")).unwrap();
    let (user, password) = (word(), word());
    let rights: Vec<_> = line.split_whitespace().filter(|word| !word.starts_with('>')).collect();
    let mut admins = Vec::new();
    for host in &hosts {
        let client = Client::open(format!("redis://{host}")).unwrap();
        let mut admin = client.get_multiplexed_async_connection().await.unwrap();
        let mut setuser = redis::cmd("ACL");
        setuser.arg("SETUSER").arg(&user).arg(&rights).arg(format!(">{password}"));
        setuser.exec_async(&mut admin).await.unwrap();
        admins.push(admin);
    }
    let address = RedisAddress::parse(&format!("redis+sentinel://{}/{service}", hosts.join(","))).unwrap();
    let options = || RedisOptions::default().with_connect_timeout(Duration::from_secs(2));
    let right = RedisRealtime::at(&address.clone().with_sentinel_login(Some(&user), &password), options()).unwrap();
    let wrong = RedisRealtime::at(&address.with_sentinel_login(Some(&user), "wrong"), options()).unwrap();
    let began = Instant::now();
    // A failover of another test may be in progress.
    while let Err(error) = right.realtime(&patient_question([u64::MAX])).await {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", ErrorChain(&error));
        sleep(Duration::from_millis(100)).await;
    }
    let refused = wrong.realtime(&patient_question([u64::MAX])).await.unwrap_err();
    for admin in &mut admins {
        redis::cmd("ACL").arg("DELUSER").arg(&user).exec_async(admin).await.unwrap();
    }
    let text = ErrorChain(&refused).to_string();
    assert!(text.contains("the sentinels rejected the credentials"), "{text}");
}

#[tokio::test]
async fn a_service_that_no_sentinel_knows_is_said() {
    let Some((hosts, _)) = sentinels() else { return };
    let (error, text) = error_at(&format!("redis+sentinel://{}/no-such", hosts.join(","))).await;
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    assert!(text.contains("the sentinels know no service of this name"), "{text}");
}

#[tokio::test]
async fn a_sentinel_given_as_a_server_is_said() {
    let Some((hosts, _)) = sentinels() else { return };
    let (error, text) = error_at(&format!("redis://{}", hosts[0])).await;
    assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
    assert!(text.contains("it is a sentinel (redis+sentinel://host:26379/SERVICE)"), "{text}");
}

#[tokio::test]
async fn a_server_given_as_a_sentinel_is_said() {
    let Some(data) = Data::new().await else { return };
    let (_, text) = error_at(&format!("redis+sentinel://{}/axon", data.server())).await;
    assert!(text.contains("what answers is no sentinel"), "{text}");
}

/// A server that answers the commands of a handshake and those of questions: its counters all have this value.
async fn master_with(role: &'static str, counter: u8) -> SocketAddr {
    server::start(move |stream| {
        serve(stream, move |request| {
            let mut reply = Vec::new();
            if request.contains("ROLE") {
                reply.extend(format!("*3\r\n${}\r\n{role}\r\n:0\r\n*0\r\n", role.len()).bytes());
            }
            if request.contains("PING") {
                reply.extend(b"+PONG\r\n");
            }
            for _ in request.matches("SCARD") {
                reply.extend(format!("$2\r\n{counter}\r\n:44\r\n").bytes());
            }
            reply
        })
    })
    .await
}

/// A sentinel that names a master which can be changed.
async fn sentinel_of(master: Arc<Mutex<SocketAddr>>) -> SocketAddr {
    server::start(move |stream| {
        let master = Arc::clone(&master);
        serve(stream, move |_| {
            let port = master.lock().unwrap().port().to_string();
            format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n+PONG\r\n", port.len()).into_bytes()
        })
    })
    .await
}

async fn serve(mut stream: TcpStream, reply: impl Fn(&str) -> Vec<u8>) {
    let mut request = vec![0; 16_384];
    while let Ok(read @ 1..) = stream.read(&mut request).await {
        let text = String::from_utf8_lossy(&request[..read]).into_owned();
        if stream.write_all(&reply(&text)).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_old_master_that_goes_on_answering_is_left_within_seconds() {
    let (old, new) = (master_with("master", 45).await, master_with("master", 46).await);
    let named = Arc::new(Mutex::new(old));
    let sentinel = sentinel_of(Arc::clone(&named)).await;
    let source = source(&format!("redis+sentinel://{sentinel}/stock"), RedisKeys::platform());
    ask_until_answered(&source, 789, 45).await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(measured(&ask(&source, 789).await.unwrap()).0, Stock::Held(45));
        sleep(Duration::from_millis(50)).await;
    }
    *named.lock().unwrap() = new;
    let began = Instant::now();
    while measured(&ask(&source, 789).await.unwrap()).0 == Stock::Held(45) {
        assert!(began.elapsed() < Duration::from_secs(10), "the old master is still read");
        sleep(Duration::from_millis(50)).await;
    }
    println!("the new master is read after {} ms", began.elapsed().as_millis());
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
    assert_eq!(measured(&ask(&source, 789).await.unwrap()).0, Stock::Held(46));
}

#[tokio::test]
async fn a_named_server_that_is_no_master_is_not_read() {
    let replica = master_with("slave", 45).await;
    let sentinel = sentinel_of(Arc::new(Mutex::new(replica))).await;
    let (error, text) = error_at(&format!("redis+sentinel://{sentinel}/stock")).await;
    assert!(matches!(error, SourceError::Unavailable { .. }), "{error:?}");
    assert!(text.contains("is not the master that the sentinels name"), "{text}");
}

#[tokio::test]
async fn a_sentinel_that_hangs_does_not_delay_the_others() {
    let master = Arc::new(Mutex::new(master_with("master", 45).await));
    let hanging = server::silent().await;
    let (one, other) = (sentinel_of(Arc::clone(&master)).await, sentinel_of(master).await);
    let address = RedisAddress::parse(&format!("redis+sentinel://{hanging},{one},{other}/stock")).unwrap();
    // Half of it is the longest time that sentinels are waited for, which is longer than the question's budget.
    let options = RedisOptions::default().with_connect_timeout(Duration::from_secs(20));
    let source = RedisRealtime::at(&address, options).unwrap();
    let slots = source.realtime(&patient_question([789])).await.unwrap().slots.remove(0).1;
    assert_eq!(measured(&slots), (Stock::Held(45), 44));
}

#[tokio::test]
async fn a_sentinel_that_refuses_the_login_is_said() {
    let sentinel =
        server::start(|stream| serve(stream, |_| b"-NOAUTH Authentication required.\r\n-NOAUTH no\r\n".to_vec())).await;
    let (_, text) = error_at(&format!("redis+sentinel://{sentinel}/stock")).await;
    assert!(text.contains("the sentinels rejected the credentials (sentinel_password)"), "{text}");
}

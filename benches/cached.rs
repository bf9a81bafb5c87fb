//! What a kept answer costs the server on real sockets, against a bare axum handler that sends the same bytes: the time its
//! process spends on a processor, per request.
//!
//! The server is a process of its own, this file started again, with one thread. Its endpoints are asked in turns, round after
//! round, over 64 connections that are kept open and each ask again as soon as they are answered. The ratio of a round is
//! that of neighbours in time; medians over the rounds are printed, and whether the project's bars are kept; a missed one ends the bench with an error.
//!
//! The handler that reads its bytes from Redis each time needs one in `AXON_TEST_REDIS_URL`.
//! Lives here: rounds and figures. Lives elsewhere: the server (`cached/server`).

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axon_benches::{client::Lane, is_trial, require, verdict};
use axon_examples::process::Process;
use axon_metrics::testing::server_url;

#[path = "cached/server.rs"]
mod server;

/// Set for the process that is the server.
const SERVES: &str = "AXON_BENCH_CACHED_SERVER";

/// An endpoint, and which part of the first one's cost it may have.
struct Row {
    name: &'static str,
    path: &'static str,
    knows: bool,
    status: u16,
    bar: Option<Bar>,
}

/// At least this ratio of the bare handler's cost to this row's, or of this row's to the kept answer's.
#[derive(Clone, Copy)]
enum Bar {
    OfBare(f64),
    OfKept(f64),
}

const BARE: usize = 0;
const KEPT: usize = 1;
const ROWS: [Row; 5] = [
    Row { name: "opponent: bare handler, the same bytes", path: server::BARE, knows: false, status: 200, bar: None },
    Row { name: "kept answer, 200", path: server::PATH, knows: false, status: 200, bar: Some(Bar::OfBare(0.90)) },
    Row { name: "kept answer, 304", path: server::PATH, knows: true, status: 304, bar: Some(Bar::OfBare(0.92)) },
    Row {
        name: "opponent: bare handler, written each time",
        path: server::WRITTEN,
        knows: false,
        status: 200,
        bar: Some(Bar::OfKept(1.2)),
    },
    // The last, since it is left out without a Redis.
    Row {
        name: "opponent: bare handler, from Redis each time",
        path: server::FROM_REDIS,
        knows: false,
        status: 200,
        bar: Some(Bar::OfKept(1.35)),
    },
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if env::var_os(SERVES).is_some() {
        return server::serve();
    }
    let redis = server_url(server::REDIS);
    let rows = &ROWS[..ROWS.len() - usize::from(redis.is_none())];
    let (mut child, address) = start()?;
    let measured = measure(&child, &address, rows);
    child.kill()?;
    child.wait()?;
    if let Some(url) = redis {
        let mut connection = redis::Client::open(url)?.get_connection()?;
        redis::cmd("DEL").arg(server::key(child.id())).exec(&mut connection)?;
    }
    report(&measured?, rows)
}

/// The server, and where it listens.
fn start() -> Result<(Child, String), Box<dyn std::error::Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.env(SERVES, "1").args(env::args().skip(1)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok((child, line.trim().to_owned()))
}

/// Nanoseconds of processor per request: for each round a figure of each row.
fn measure(server: &Child, address: &str, rows: &[Row]) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let server = Process::of(server.id());
    let (rounds, slice) = if is_trial() { (2, 20) } else { (61, 150) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut lanes = Vec::new();
        for row in rows {
            lanes.push(Lane::open(address, row.path, row.knows, row.status).await?);
        }
        let mut measured = Vec::new();
        // The first round warms up.
        for round in 0..=rounds {
            let mut costs = vec![0.0; rows.len()];
            for turn in 0..rows.len() {
                let row = (turn + round) % rows.len();
                let before = server.cpu_nanos();
                let answered = lanes[row].run(Duration::from_millis(slice)).await?;
                let spent = server.cpu_nanos() - before;
                costs[row] = spent as f64 / answered as f64;
            }
            if round > 0 {
                measured.push(costs);
            }
        }
        Ok(measured)
    })
}

fn report(measured: &[Vec<f64>], rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let median = |of: &dyn Fn(&Vec<f64>) -> f64| {
        let mut figures: Vec<f64> = measured.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let mut out = std::io::stdout();
    writeln!(out, "cached: processor time of the server per request, medians of {} rounds", measured.len())?;
    let mut all_kept = true;
    for (index, row) in rows.iter().enumerate() {
        let micros = median(&|costs| costs[index]) / 1e3;
        let of_bare = median(&|costs| costs[BARE] / costs[index]);
        let bar = match row.bar {
            None => String::new(),
            Some(bar) => {
                let (text, kept) = match bar {
                    Bar::OfBare(bar) => (format!("bar: at least {:.0} %", bar * 100.0), of_bare >= bar),
                    Bar::OfKept(bar) => {
                        let times = median(&|costs| costs[index] / costs[KEPT]);
                        (format!("{times:.2} x the kept answer; bar: at least {bar} x"), times >= bar)
                    }
                };
                all_kept &= kept;
                format!("   {text}, {}", verdict(kept))
            }
        };
        writeln!(out, "  {:<45} {micros:>7.2} us   {:>6.1} % of bare{bar}", row.name, of_bare * 100.0)?;
    }
    Ok(require(all_kept)?)
}

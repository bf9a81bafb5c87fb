//! What a kept answer costs the server on real sockets, against a bare axum handler that sends the same bytes: the time its
//! process spends on a processor, per request.
//!
//! The server is a process of its own, this file started again, with one thread; another one counts its requests, for a row.
//! Its endpoints are asked in turns, round after round, over 64 connections that are kept open and each ask again as soon as
//! they are answered, and after some rounds both are started anew. The ratio of a round is that of neighbours in time; medians
//! over the rounds are printed, and whether the project's bars are kept; a missed one ends the bench with an error.
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

/// Set for a process that is a server: whether it counts for Prometheus.
const SERVES: &str = "AXON_BENCH_CACHED_SERVER";
const COUNTS: [&str; 2] = ["no", "yes"];

/// How often servers are started: one that runs is as lucky or unlucky as where its memory lies, by some percent.
const STARTS: usize = 7;

/// An endpoint, and which part of the first one's cost it may have.
struct Row {
    name: &'static str,
    path: &'static str,
    knows: bool,
    status: u16,
    /// Which server is asked: as `COUNTS`.
    server: usize,
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
const ROWS: [Row; 6] = [
    row("opponent: bare handler, the same bytes", server::BARE, 200, None),
    row("kept answer, 200", server::PATH, 200, Some(Bar::OfBare(0.90))),
    Row { knows: true, ..row("kept answer, 304", server::PATH, 304, Some(Bar::OfBare(0.92))) },
    Row { server: 1, ..row("kept answer, 200, counted for Prometheus", server::PATH, 200, None) },
    row("opponent: bare handler, written each time", server::WRITTEN, 200, Some(Bar::OfKept(1.2))),
    // The last, since it is left out without a Redis.
    row("opponent: bare handler, from Redis each time", server::FROM_REDIS, 200, Some(Bar::OfKept(1.35))),
];

const fn row(name: &'static str, path: &'static str, status: u16, bar: Option<Bar>) -> Row {
    Row { name, path, knows: false, status, server: 0, bar }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(counts) = env::var_os(SERVES) {
        return server::serve(counts == COUNTS[1]);
    }
    let redis = server_url(server::REDIS);
    let rows = &ROWS[..ROWS.len() - usize::from(redis.is_none())];
    let mut measured = Vec::new();
    for _ in 0..if is_trial() { 1 } else { STARTS } {
        measured.extend(one_start(rows, redis.as_deref())?);
    }
    report(&measured, rows)
}

/// The figures of a server and its counting twin, which are started and stopped.
fn one_start(rows: &[Row], redis: Option<&str>) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let mut servers = [start(COUNTS[0])?, start(COUNTS[1])?];
    let measured = measure(&servers, rows);
    for (child, _) in &mut servers {
        child.kill()?;
        child.wait()?;
    }
    if let Some(url) = redis {
        let mut connection = redis::Client::open(url)?.get_connection()?;
        for (child, _) in &servers {
            redis::cmd("DEL").arg(server::key(child.id())).exec(&mut connection)?;
        }
    }
    measured
}

/// A server, and where it listens.
fn start(counts: &str) -> Result<(Child, String), Box<dyn std::error::Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.env(SERVES, counts).args(env::args().skip(1)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok((child, line.trim().to_owned()))
}

/// Nanoseconds of processor per request: for each round a figure of each row.
fn measure(servers: &[(Child, String); 2], rows: &[Row]) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let processes = servers.each_ref().map(|(child, _)| Process::of(child.id()));
    let (rounds, slice) = if is_trial() { (2, 20) } else { (13, 150) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut lanes = Vec::new();
        for row in rows {
            lanes.push(Lane::open(&servers[row.server].1, row.path, row.knows, row.status).await?);
        }
        let mut measured = Vec::new();
        // The first round warms up.
        for round in 0..=rounds {
            let mut costs = vec![0.0; rows.len()];
            for turn in 0..rows.len() {
                let row = (turn + round) % rows.len();
                let server = &processes[rows[row].server];
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

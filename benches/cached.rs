//! The cost of a cached answer on real sockets, as it is and in gzip, against a bare axum handler that sends the same bytes: the
//! processor time of the server's process per request.
//!
//! The server is a process of its own with one thread: this program, started again. A second one also records metrics, for one
//! row. The endpoints are requested in turns, round after round, over 64 persistent connections, each of which sends its next
//! request as soon as it has the response. After some rounds both servers are restarted. Ratios are computed within a round,
//! since the machine's speed drifts. Printed are medians over the rounds, and whether each bar is met; a missed bar ends the
//! bench with an error.
//!
//! The handler that reads its bytes from Redis for each request needs a server in `AXON_TEST_REDIS_URL`.
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

/// Set in the environment of a server's process: whether it records metrics, as one of `RECORDS`.
const SERVER: &str = "AXON_BENCH_CACHED_SERVER";
const RECORDS: [&str; 2] = ["no", "yes"];

/// How often the servers are started: the cost depends by some percent on a process's memory layout.
const STARTS: usize = 7;

/// An endpoint, and the bar for its cost.
struct Row {
    name: &'static str,
    path: &'static str,
    /// Further lines of each request.
    headers: &'static str,
    /// Whether requests carry the answer's tag.
    conditional: bool,
    status: u16,
    /// The index of its server, as in `RECORDS`.
    server: usize,
    bar: Option<Bar>,
}

#[derive(Clone, Copy)]
enum Bar {
    /// The bare handler's cost is at least this part of the row's.
    Bare(f64),
    /// The same with the bare handler that sends the compressed bytes.
    BareGzip(f64),
    /// The row's cost is at least this multiple of the cached answer's.
    Cached(f64),
}

const BARE: usize = 0;
const CACHED: usize = 1;
const BARE_GZIP: usize = 3;
const ROWS: [Row; 8] = [
    row("opponent: bare handler, the same bytes", server::BARE, 200, None),
    row("cached answer, 200", server::PATH, 200, Some(Bar::Bare(0.90))),
    Row { conditional: true, ..row("cached answer, 304", server::PATH, 304, Some(Bar::Bare(0.92))) },
    Row { headers: GZIP, ..row("opponent: bare handler, the same bytes in gzip", server::BARE_GZIP, 200, None) },
    Row { headers: GZIP, ..row("cached answer, 200 in gzip", server::PATH, 200, Some(Bar::BareGzip(0.85))) },
    Row { server: 1, ..row("cached answer, 200, with a Prometheus recorder", server::PATH, 200, None) },
    row("opponent: bare handler, encodes JSON per request", server::WRITTEN, 200, Some(Bar::Cached(1.2))),
    // The last row: it is left out without a Redis.
    row("opponent: bare handler, reads Redis per request", server::FROM_REDIS, 200, Some(Bar::Cached(1.35))),
];

/// The header of a browser over a connection without TLS.
const GZIP: &str = "Accept-Encoding: gzip, deflate\r\n";

const fn row(name: &'static str, path: &'static str, status: u16, bar: Option<Bar>) -> Row {
    Row { name, path, headers: "", conditional: false, status, server: 0, bar }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(records) = env::var_os(SERVER) {
        return server::serve(records == RECORDS[1]);
    }
    let redis = server_url(server::REDIS);
    let rows = &ROWS[..ROWS.len() - usize::from(redis.is_none())];
    let mut costs = Vec::new();
    for _ in 0..if is_trial() { 1 } else { STARTS } {
        costs.extend(one_start(rows, redis.as_deref())?);
    }
    report(&costs, rows)
}

/// Starts both servers, measures them, and stops them.
fn one_start(rows: &[Row], redis: Option<&str>) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let mut servers = [start(RECORDS[0])?, start(RECORDS[1])?];
    let costs = measure(&servers, rows);
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
    costs
}

/// A started server, and the address that it listens on.
fn start(records: &str) -> Result<(Child, String), Box<dyn std::error::Error>> {
    let mut command = Command::new(env::current_exe()?);
    command.env(SERVER, records).args(env::args().skip(1)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("the server has no standard output")?).read_line(&mut line)?;
    Ok((child, line.trim().to_owned()))
}

/// Nanoseconds of processor time per request: for each round, the cost of each row.
fn measure(servers: &[(Child, String); 2], rows: &[Row]) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let processes = servers.each_ref().map(|(child, _)| Process::of(child.id()));
    let (rounds, slice) = if is_trial() { (2, 20) } else { (13, 150) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut lanes = Vec::new();
        for row in rows {
            let lane = Lane::open(&servers[row.server].1, row.path, row.headers, row.conditional, row.status);
            lanes.push(lane.await?);
        }
        let mut all_costs = Vec::new();
        // The first round warms up.
        for round in 0..=rounds {
            let mut costs = vec![0.0; rows.len()];
            for turn in 0..rows.len() {
                let row = (turn + round) % rows.len();
                let server = &processes[rows[row].server];
                let before = server.cpu_nanos();
                let requests = lanes[row].run(Duration::from_millis(slice)).await?;
                let nanos = server.cpu_nanos() - before;
                costs[row] = nanos as f64 / requests as f64;
            }
            if round > 0 {
                all_costs.push(costs);
            }
        }
        Ok(all_costs)
    })
}

fn report(all_costs: &[Vec<f64>], rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let median = |of: &dyn Fn(&Vec<f64>) -> f64| {
        let mut figures: Vec<f64> = all_costs.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let mut out = std::io::stdout();
    writeln!(out, "cached: processor time of the server per request, medians of {} rounds", all_costs.len())?;
    let mut all_met = true;
    for (index, row) in rows.iter().enumerate() {
        let micros = median(&|costs| costs[index]) / 1e3;
        let of_bare = median(&|costs| costs[BARE] / costs[index]);
        let of_bare_gzip = median(&|costs| costs[BARE_GZIP] / costs[index]);
        let bar = match row.bar {
            None => String::new(),
            Some(bar) => {
                let (text, met) = match bar {
                    Bar::Bare(bar) => (format!("bar: at least {:.0} %", bar * 100.0), of_bare >= bar),
                    Bar::BareGzip(bar) => {
                        let text = format!(
                            "{:.1} % of bare in gzip; bar: at least {:.0} %",
                            of_bare_gzip * 100.0,
                            bar * 100.0
                        );
                        (text, of_bare_gzip >= bar)
                    }
                    Bar::Cached(bar) => {
                        let times = median(&|costs| costs[index] / costs[CACHED]);
                        (format!("{times:.2} x the cached answer; bar: at least {bar} x"), times >= bar)
                    }
                };
                all_met &= met;
                format!("   {text}, {}", verdict(met))
            }
        };
        writeln!(out, "  {:<50} {micros:>7.2} us   {:>6.1} % of bare{bar}", row.name, of_bare * 100.0)?;
    }
    Ok(require(all_met)?)
}

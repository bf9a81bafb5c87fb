//! A proxy that breaks connections on purpose, to test how your setup handles a faulty store.
//!
//! Run: `cargo run -p axon-examples --example fault_proxy -- --upstream 127.0.0.1:6379`
//! and point your service at the address it prints, instead of at the store. Then type faults, one per line: `--help` lists them,
//! and describes a drill.
//!
//! You should see: after each line the current fault, and each second with traffic one line of counts: connections, round trips
//! and bytes. `--fault latency=300ms` starts with a fault; `--every 0` prints counts only after the line `stats`.
//!
//! In your own tests, use the library: `axon_examples::fault_proxy::FaultProxy`.

#![expect(clippy::print_stdout, reason = "an example prints to its user")]

use std::{io::BufRead as _, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use axon_examples::fault_proxy::{Counts, Fault, FaultProxy};
use clap::Parser;
use tokio::sync::mpsc;

/// The accepted lines, and a drill, for `--help`.
const FAULTS: &str = "\
Lines of the standard input:
  latency=300ms      every reply 300 ms later
  blackhole          nothing passes; what was sent meanwhile passes once it is over
  half-open          open connections are dead without a sign, new ones work
  reset | close      connections end, by RST or by FIN
  cut=100            replies are cut after 100 bytes
  drip=1/20ms        a byte of the reply each 20 ms
  garbage            replies of random bytes
  refuse             the port is closed
  unauthorized=redis each connection is refused, as with a wrong password; also http, mysql
  none               no fault
  drop               ends the open connections, once
  stats | reset-stats | quit

A drill: put the proxy between your dashboard and a store, and set each fault in turn. The other widgets must stay, the failure
must be named, no figure may become 0, and the dashboard must recover within two seconds of `none`.";

/// Breaks the connections to a server on purpose. Reads faults from standard input, one a line, while it runs.
#[derive(Debug, Parser)]
#[command(after_long_help = FAULTS)]
struct Args {
    /// Where clients connect to. Port 0: a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The server behind the proxy, HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    upstream: String,
    /// The initial fault: none, latency=300ms, blackhole, half-open, reset, close, cut=BYTES, drip=BYTES/20ms, garbage, refuse, unauthorized=http|mysql|redis.
    #[arg(long, default_value = "none")]
    fault: Fault,
    /// The interval of printed counts in seconds, if there was traffic. 0: only after the line `stats`.
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    every: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let upstream = tokio::net::lookup_host(&args.upstream)
        .await
        .with_context(|| format!("cannot resolve {}", args.upstream))?
        .next()
        .with_context(|| format!("{} has no address", args.upstream))?;
    let proxy =
        FaultProxy::listen(args.listen, upstream).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    proxy.set(args.fault);
    println!("{} -> {upstream}, fault {}", proxy.address(), proxy.fault());

    let mut lines = input();
    let mut typing = true;
    let mut tick = tokio::time::interval(Duration::from_secs(args.every.max(1)));
    let mut printed = Counts::default();
    loop {
        tokio::select! {
            line = lines.recv(), if typing => match line.as_deref().map(str::trim) {
                // After the end of standard input, the proxy runs until Ctrl-C.
                None => typing = false,
                Some("quit") => return Ok(()),
                Some(line) => obey(&proxy, line),
            },
            _ = tick.tick(), if args.every > 0 => {
                let counts = proxy.counts();
                if counts != printed {
                    print(&counts);
                    printed = counts;
                }
            },
            stop = tokio::signal::ctrl_c() => return stop.context("cannot wait for Ctrl-C"),
        }
    }
}

fn obey(proxy: &FaultProxy, line: &str) {
    match line {
        "" => {}
        "stats" => print(&proxy.counts()),
        "reset-stats" => proxy.reset_counts(),
        "drop" => proxy.drop_connections(),
        fault => match fault.parse() {
            Ok(fault) => {
                proxy.set(fault);
                println!("fault {fault}");
            }
            Err(error) => println!("{error}; or: drop, stats, reset-stats, quit"),
        },
    }
}

fn print(counts: &Counts) {
    let Counts { connections, open, round_trips, to_server, to_clients } = counts;
    println!(
        "{connections} connections ({open} open), {round_trips} round trips, {to_server} bytes to the server, {to_clients} to clients"
    );
}

/// The lines of standard input, read by a thread since reading blocks.
fn input() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

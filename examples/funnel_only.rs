//! Computes a funnel's rates without any store, runtime or I/O: only the exact arithmetic.
//!
//! Run: `cargo run -p axon-examples --example funnel_only`
//! You should see: 100, 45.9, 21.7 and 36.6 percent, and 3.65 percent of visitors who bought.

#![expect(clippy::print_stdout, reason = "an example prints to its user")]

use axon_metrics::rate::{percent, step_rates};

fn main() {
    let steps = ["방문", "참여", "승인", "구매"];
    let counts = [1234, 567, 123, 45];
    for (step, (count, rate)) in steps.iter().zip(counts.iter().zip(step_rates(&counts))) {
        // A step after an empty one has no rate, and is never shown as 0.
        let rate = rate.map_or_else(|why| format!("no rate: {why:?}"), |rate| format!("{rate} %"));
        println!("{step}: {count} ({rate})");
    }
    match percent(45, 1234, 2) {
        Ok(rate) => println!("conversion: {rate} %"),
        Err(why) => println!("conversion: {why:?}"),
    }
}

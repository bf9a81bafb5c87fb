//! Has the crate built again where the page was built since: the macro that embeds it does not see new files. Nothing is
//! made or fetched here; `scripts/page` builds the page.

use std::path::Path;

fn main() {
    // What is not there would count as changed each time, so what it will appear in is watched instead.
    let watched = ["web/dist", "web"].into_iter().find(|path| Path::new(path).exists());
    println!("cargo::rerun-if-changed={}", watched.unwrap_or("build.rs"));
}

//! Tells cargo to rebuild the crate after the page was rebuilt: the macro that embeds the page does not notice new files. This
//! script builds and fetches nothing; `scripts/page` builds the page.

use std::path::Path;

fn main() {
    // Cargo takes a missing path for changed on every build. Until `dist` exists, its parent folder is watched.
    let watched = ["web/dist", "web"].into_iter().find(|path| Path::new(path).exists());
    println!("cargo::rerun-if-changed={}", watched.unwrap_or("build.rs"));
}

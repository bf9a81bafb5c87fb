//! The embedded dashboard page. In a build without the page, its tests are skipped, and each says so; with
//! `AXON_TEST_PAGE=required`, as in the gate, they fail.

use std::{collections::BTreeSet, io::Write, path::Path, thread};

use axon_dashboard_http::{HttpOptions, router};
use axum::{body::Body, http::Request};

use crate::{
    fixture::{Failure, Fixture, Reply, Trouble, app, ask, get, send, without_page},
    mounts::{Mount, mounts_of},
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether the page is in this build.
fn embedded() -> bool {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist/index.html").exists();
    let embedded = cfg!(feature = "page") && built;
    let required = std::env::var("AXON_TEST_PAGE").is_ok_and(|word| word == "required");
    assert!(embedded || !required, "this build has no page: scripts/page builds it, the feature `page` embeds it");
    embedded
}

/// Whether a test of the page must be skipped, since this build has no page. Writes the decision to stderr, on a line of its own
/// and past the capture of test output.
fn skipped() -> bool {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let line = if embedded() {
        format!("\n{test}: on the page that is embedded\n")
    } else {
        format!("\nSKIPPED: {test}: the dashboard page is not built, or the feature page is off\n")
    };
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
    !embedded()
}

/// The path that a relative link on the page at `page` leads to.
fn resolve(page: &str, link: &str) -> String {
    assert!(!link.starts_with('/') && !link.contains(':'), "{link} is not relative");
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => assert!(folders.len() > 1 && folders.pop().is_some(), "{link} leads out of the server"),
            part => folders.push(part),
        }
    }
    folders.join("/")
}

fn links(page: &Reply) -> BTreeSet<&str> {
    let parts = page.body.split("href=\"").skip(1).chain(page.body.split("src=\"").skip(1));
    parts.filter_map(|rest| rest.split('"').next()).collect()
}

async fn get_gzip(app: &axum::Router, path: &str, encodings: &str) -> (u16, axum::http::HeaderMap, Vec<u8>) {
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    let request = Request::builder().uri(path).header("accept-encoding", encodings).body(Body::empty());
    let response = app.clone().oneshot(request.expect("a request")).await.expect("infallible");
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, body.collect().await.expect("a body").to_bytes().to_vec())
}

#[tokio::test(start_paused = true)]
async fn without_the_page_the_root_is_a_problem_that_says_why() {
    let not_built = "the dashboard page is not part of this build: run scripts/page, then build with the feature page of \
                     axon-dashboard-http";
    // The hint how to build the page is only for a build that lacks it.
    let detail = if embedded() { "this server does not serve the dashboard page" } else { not_built };
    for Mount { app, root, .. } in mounts_of(without_page) {
        let reply = get(&app, root).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (404, "application/problem+json"), "{root}");
        assert_eq!(reply.header("cache-control"), "no-store", "{root}");
        let json = reply.json();
        assert_eq!((&json["code"], &json["detail"]), (&"not_found".into(), &detail.into()), "{root}");
    }
    if !embedded() {
        assert_eq!(get(&app(), "/").await.json()["detail"], not_built);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_page_its_addresses_are_unknown() {
    for path in ["/campaigns/123", "/activities/789", "/assets/1/main.js", "/assets"] {
        let reply = get(&without_page(), path).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (404, &"not_found".into()), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_the_shell_loads_is_served_at_every_mount() {
    if skipped() {
        return;
    }
    for Mount { app, prefix, root } in mounts_of(app) {
        for at in [root.to_owned(), format!("{prefix}/campaigns/123"), format!("{prefix}/activities/nowhere?lang=en&x")]
        {
            let page = get(&app, &at).await;
            assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"), "{at}");
            assert!(!page.body.contains("{base}") && !page.body.contains("%ASSETS%"), "{at}");
            let path = at.split('?').next().expect("a path");
            let links = links(&page);
            assert!(links.iter().any(|link| link.ends_with("/main.js")), "{at}: {links:?}");
            for link in links {
                let asset = get(&app, &resolve(path, link)).await;
                assert_eq!(asset.status, 200, "{at}: {link}");
                let expected = match link.rsplit('.').next() {
                    Some("js") => "text/javascript; charset=utf-8",
                    Some("css") => "text/css; charset=utf-8",
                    Some("svg") => "image/svg+xml",
                    _ => panic!("{link} is of a type that is new here"),
                };
                assert_eq!(asset.header("content-type"), expected, "{at}: {link}");
                assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable", "{at}: {link}");
                assert_eq!(asset.header("x-content-type-options"), "nosniff", "{at}: {link}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_shell_runs_only_files_of_the_page() {
    if skipped() {
        return;
    }
    let app = app();
    for path in ["/", "/?lang=en", "/campaigns/123?period=7d", "/activities/789"] {
        let page = get(&app, path).await;
        assert_eq!(page.header("content-security-policy"), POLICY, "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(page.header("cache-control"), "no-cache", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        let scripts = page.body.split("<script").skip(1);
        assert!(scripts.clone().count() > 0 && scripts.into_iter().all(|script| script.contains("></script>")));
        for wrong in ["<style", " style=", " onload=", "<base", "http:", "https:", "\"//"] {
            assert!(!page.body.contains(wrong), "{wrong}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn assets_are_compressed_only_for_callers_who_accept_it() {
    if skipped() {
        return;
    }
    let app = app();
    let page = get(&app, "/").await;
    for link in links(&page) {
        let path = resolve("/", link);
        let (status, headers, small) = get_gzip(&app, &path, "gzip, br").await;
        assert_eq!((status, headers["content-encoding"].as_bytes()), (200, b"gzip".as_slice()), "{link}");
        assert_eq!(headers["vary"], "accept-encoding", "{link}");
        assert_eq!(small[..2], [0x1f, 0x8b], "{link}");
        let (status, headers, large) = get_gzip(&app, &path, "gzip;q=0, identity").await;
        assert_eq!((status, headers.get("content-encoding")), (200, None), "{link}");
        assert_eq!(headers["vary"], "accept-encoding", "{link}");
        // The last word of the format is the length of what was compressed.
        let length = small.last_chunk().map(|bytes| u32::from_le_bytes(*bytes));
        assert_eq!(length, u32::try_from(large.len()).ok(), "{link}");
        assert_eq!(get(&app, &format!("{path}.gz")).await.status, 404, "{link}");
    }
}

#[tokio::test(start_paused = true)]
async fn paths_that_are_no_asset_are_problems() {
    if skipped() {
        return;
    }
    let app = app();
    for path in [
        "/assets",
        "/assets/",
        "/assets/nowhere.js",
        "/assets/..%2findex.html",
        "/assets/%FF",
        "/index.html",
        "/campaigns/",
    ] {
        let reply = get(&app, path).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (404, &"not_found".into()), "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
    let page = get(&app, "/").await;
    let script = links(&page).into_iter().find(|link| link.ends_with("/main.js")).expect("a script");
    for path in ["/", "/campaigns/1", "/activities/1", &resolve("/", script)] {
        let reply = ask(&app, "POST", path).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "GET,HEAD"), "{path}");
        assert_eq!(reply.json()["code"], "method_not_allowed", "{path}");
        let (head, get) = (ask(&app, "HEAD", path).await, get(&app, path).await);
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), get.body.len().to_string(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_is_served_without_permits_and_without_sources() {
    if skipped() {
        return;
    }
    let broken = Trouble { catalog: true, behavior: Some(Failure::Panic), ledger: true, realtime: true };
    let app = router(Fixture::new(broken).dashboard(), HttpOptions::default().with_max_concurrent(0));
    assert_eq!(get(&app, "/api/v1/dashboard/campaigns").await.status, 503);
    let page = get(&app, "/campaigns/123").await;
    assert_eq!(page.status, 200);
    for link in links(&page) {
        let request = Request::get(resolve("/campaigns/123", link)).body(Body::empty());
        assert_eq!(send(&app, request.expect("a request")).await.status, 200, "{link}");
    }
}

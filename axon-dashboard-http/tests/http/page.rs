//! The plain page.

use crate::fixture::{Fixture, app, get, golden};

#[tokio::test(start_paused = true)]
async fn the_page_lists_campaigns_in_the_business_zone() {
    let page = get(&app(), "/").await;
    assert!(page.body.starts_with("<!doctype html>\n<html lang=\"ko\">"));
    assert!(page.body.contains("<time datetime=\"2024-11-05T15:00:00Z\">2024-11-06 00:00</time>"));
    assert!(page.body.contains("<a href=\"api/v1/dashboard/activity/789\">789</a> <bdi>A</bdi> (100명"));
    assert!(page.body.contains("href=\"api/v1/dashboard/definitions\"") && page.body.contains("href=\"openapi.json\""));
    let named = Fixture::named("가을");
    let mut short = named.clone();
    std::sync::Arc::make_mut(&mut short.campaigns).truncate(2);
    golden("page.html", &get(&short.router(), "/").await.body);
}

#[tokio::test(start_paused = true)]
async fn names_are_text() {
    let hostile = "</td><script>alert(1)</script><img src=x onerror='x'>\" onmouseover=\"x\u{202e}\0&lt;";
    let page = get(&Fixture::named(hostile).router(), "/").await;
    for wrong in ["<script", "<img", "onerror='", "onmouseover=\"", "\0"] {
        assert!(!page.body.contains(wrong), "{wrong}");
    }
    assert!(page.body.contains("<bdi>&lt;/td&gt;&lt;script&gt;"));
}

#[tokio::test(start_paused = true)]
async fn the_page_runs_and_loads_nothing() {
    let page = get(&app(), "/").await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; "));
    assert!(!page.header("content-security-policy").contains("unsafe"));
    for wrong in ["<script", "<style", " style=", "src=", "http:", "https:", "//"] {
        assert!(!page.body.contains(wrong), "{wrong}");
    }
}

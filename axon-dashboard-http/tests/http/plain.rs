//! The plain list at the root, where the dashboard page is not served.

use crate::fixture::{Fixture, get, golden, plain};

#[tokio::test(start_paused = true)]
async fn it_lists_campaigns_in_the_business_zone() {
    let page = get(&plain(), "/").await;
    assert!(page.body.starts_with("<!doctype html>\n<html lang=\"ko\">"));
    assert!(page.body.contains("<time datetime=\"2024-11-05T15:00:00Z\">2024-11-06 00:00</time>"));
    assert!(page.body.contains("<a href=\"api/v1/dashboard/activity/789\">789</a> <bdi>A</bdi> (100명"));
    assert!(page.body.contains("href=\"api/v1/dashboard/definitions\"") && page.body.contains("href=\"openapi.json\""));
    let named = Fixture::named("가을");
    let mut short = named.clone();
    std::sync::Arc::make_mut(&mut short.campaigns).truncate(2);
    // Without the notice of a build that has no page.
    let body = get(&short.plain(), "/").await.body;
    let lines = body.split_inclusive('\n').filter(|line| !line.starts_with("<p>"));
    golden("plain.html", &lines.collect::<String>());
}

#[tokio::test(start_paused = true)]
async fn names_are_text() {
    let hostile = "</td><script>alert(1)</script><img src=x onerror='x'>\" onmouseover=\"x\u{202e}\0&lt;";
    let page = get(&Fixture::named(hostile).plain(), "/").await;
    for wrong in ["<script", "<img", "onerror='", "onmouseover=\"", "\0"] {
        assert!(!page.body.contains(wrong), "{wrong}");
    }
    assert!(page.body.contains("<bdi>&lt;/td&gt;&lt;script&gt;"));
}

#[tokio::test(start_paused = true)]
async fn it_runs_and_loads_nothing() {
    let page = get(&plain(), "/").await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; "));
    assert!(!page.header("content-security-policy").contains("unsafe"));
    for wrong in ["<script", "<style", " style=", "src=", "http:", "https:", "//"] {
        assert!(!page.body.contains(wrong), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_page_its_addresses_are_unknown() {
    for path in ["/campaigns/123", "/activities/789", "/assets/1/main.js", "/assets"] {
        let reply = get(&plain(), path).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (404, &"not_found".into()), "{path}");
    }
}

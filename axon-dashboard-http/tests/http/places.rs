//! The router at the root, nested, and nested under a host's own parameters.

use axum::{Router, routing::get as route};

use crate::fixture::{ACTIVITY, CAMPAIGN, app, ask, get};

/// The same router in three places, each with its prefix.
fn places() -> [(Router, &'static str); 4] {
    [
        (app(), ""),
        (Router::new().merge(app()).route("/host", route(|| async { "host" })), ""),
        (Router::new().nest("/metrics-api", app()).route("/host", route(|| async { "host" })), "/metrics-api"),
        (Router::new().nest("/tenants/{tenant}", Router::new().nest("/m", app())), "/tenants/7/m"),
    ]
}

#[tokio::test(start_paused = true)]
async fn all_paths_answer_in_every_place() {
    for (app, prefix) in places() {
        for path in [CAMPAIGN, ACTIVITY, "/api/v1/dashboard/campaigns", "/openapi.json", "/livez", "/readyz"] {
            assert_eq!(get(&app, &format!("{prefix}{path}")).await.status, 200, "{prefix}{path}");
        }
        let page = get(&app, if prefix.is_empty() { "/" } else { prefix }).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{prefix}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_methods_are_problems_in_every_place() {
    for (app, prefix) in places() {
        for path in ["/nowhere", "/api/v1/dashboard", "/api/v1/dashboard/campaign/", "/api/v1/dashboard/campaigns/"] {
            let reply = get(&app, &format!("{prefix}{path}")).await;
            assert_eq!(
                (reply.status.as_u16(), reply.json()["code"].as_str()),
                (404, Some("not_found")),
                "{prefix}{path}"
            );
        }
        let reply = ask(&app, "POST", &format!("{prefix}{CAMPAIGN}")).await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "GET,HEAD"), "{prefix}");
        assert_eq!(reply.json()["code"], "method_not_allowed", "{prefix}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_hosts_own_paths_stay_the_hosts() {
    let host = Router::new().nest("/metrics-api", app()).route("/host", route(|| async { "host" }));
    assert_eq!(get(&host, "/host").await.body, "host");
    let unknown = get(&host, "/elsewhere").await;
    assert_eq!((unknown.status.as_u16(), unknown.header("x-request-id")), (404, ""));
}

#[tokio::test(start_paused = true)]
async fn every_link_of_the_page_leads_somewhere_in_every_place() {
    for (app, prefix) in places() {
        for at in [prefix.to_owned(), format!("{prefix}/")] {
            if at.is_empty() {
                continue;
            }
            let page = get(&app, &at).await;
            assert_eq!(page.status, 200, "{at}");
            let folder = &at[..=at.rfind('/').expect("a slash")];
            let links: Vec<&str> =
                page.body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            assert!(links.len() > 6, "{at}: {links:?}");
            for link in links.iter().take(3).chain(links.iter().rev().take(3)) {
                assert!(!link.starts_with('/') && !link.contains(':'), "{link} is not relative");
                let path = format!("{folder}{}", link.trim_start_matches("./"));
                assert_eq!(get(&app, &path).await.status, 200, "{at}: {link}");
            }
        }
    }
}

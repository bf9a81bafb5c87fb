//! The router at the root, nested, and nested under a host's own parameters.

use axum::{Router, routing::get as route};

use crate::fixture::{ACTIVITY, CAMPAIGN, app, ask, get};

pub(crate) struct Mount {
    pub(crate) app: Router,
    pub(crate) prefix: &'static str,
    /// The router's root.
    pub(crate) root: &'static str,
}

fn mounts() -> [Mount; 5] {
    mounts_of(app)
}

/// The same router at five mounts. In the last, the host answers unknown paths: axum passes no fallback through two nests.
pub(crate) fn mounts_of(app: impl Fn() -> Router) -> [Mount; 5] {
    let host = || Router::new().route("/host", route(|| async { "host" }));
    [
        Mount { app: app(), prefix: "", root: "/" },
        Mount { app: host().merge(app()), prefix: "", root: "/" },
        Mount { app: host().nest("/metrics-api", app()), prefix: "/metrics-api", root: "/metrics-api" },
        Mount { app: host().nest("/metrics-api/", app()), prefix: "/metrics-api", root: "/metrics-api/" },
        Mount {
            app: host().nest("/tenants/{tenant}", Router::new().nest("/m", app())),
            prefix: "/tenants/7/m",
            root: "/tenants/7/m",
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn all_paths_answer_at_every_mount() {
    for Mount { app, prefix, .. } in mounts() {
        for path in [CAMPAIGN, ACTIVITY, "/api/v1/dashboard/campaigns", "/openapi.json", "/livez", "/readyz"] {
            assert_eq!(get(&app, &format!("{prefix}{path}")).await.status, 200, "{prefix}{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_requests_are_problems_at_every_mount() {
    for Mount { app, prefix, .. } in mounts() {
        let wrong = get(&app, &format!("{prefix}/api/v1/dashboard/campaign/x?y=1")).await;
        assert_eq!((wrong.status.as_u16(), wrong.fields().len()), (400, 2), "{prefix}");
        let method = ask(&app, "POST", &format!("{prefix}{CAMPAIGN}")).await;
        assert_eq!((method.status.as_u16(), method.header("allow")), (405, "GET,HEAD"), "{prefix}");
        assert_eq!(method.json()["code"], "method_not_allowed", "{prefix}");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_are_problems_at_the_root_and_nested() {
    for Mount { app, prefix, .. } in mounts().into_iter().take(4) {
        for path in ["/nowhere", "/api/v1/dashboard", "/api/v1/dashboard/campaign/", "/api/v1/dashboard/campaigns/"] {
            let reply = get(&app, &format!("{prefix}{path}")).await;
            assert_eq!((reply.status.as_u16(), reply.header("x-request-id")), (404, "test-1"), "{prefix}{path}");
            assert_eq!(reply.json()["code"], "not_found", "{prefix}{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_nesting_hosts_own_paths_stay_the_hosts() {
    let host = Router::new().nest("/metrics-api", app()).route("/host", route(|| async { "host" }));
    assert_eq!(get(&host, "/host").await.body, "host");
    let unknown = get(&host, "/elsewhere").await;
    assert_eq!((unknown.status.as_u16(), unknown.header("x-request-id")), (404, ""));
}

//! The routes of the dashboard page: its shell at each of its addresses, and its assets. None of them asks a source or waits, so
//! they take no permit; and they are for people, so they are not in the OpenAPI document.

use std::sync::Arc;

use axum::{
    Router,
    extract::{OriginalUri, Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

use crate::{
    accept::AcceptedCodings,
    headers,
    page::{POLICY, PageBundle, link_base},
    problem::Problem,
};

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The shell is the same for every id and query: the page reads its own address, and reports an unknown id itself.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(page: Arc<PageBundle>) -> Router<S> {
    Router::new()
        .route("/", get(root))
        .route("/campaigns", get(list_page))
        .route("/campaigns/{campaignId}", get(scope_page))
        .route("/activities/{activityId}", get(scope_page))
        .route("/assets/{*asset}", get(asset))
        .with_state(page)
}

/// Without a page, the root says why there is none. The page's other addresses are unknown paths.
pub(super) fn routes_without_page<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(no_page))
}

/// The hint how to build the page is only for a build that lacks it: a host may have switched the page off on purpose.
async fn no_page() -> Problem {
    if PageBundle::embedded().is_some() { Problem::page_off() } else { Problem::page_not_built() }
}

async fn root(State(page): State<Arc<PageBundle>>, OriginalUri(uri): OriginalUri) -> Response {
    shell(&page, &link_base(uri.path()))
}

/// The shell at a second address of the list. Its path never ends in a slash, however the router is nested.
async fn list_page(State(page): State<Arc<PageBundle>>) -> Response {
    shell(&page, "")
}

/// The shell of one campaign or activity, one folder below the root.
async fn scope_page(State(page): State<Arc<PageBundle>>) -> Response {
    shell(&page, "../")
}

fn shell(page: &PageBundle, base: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, headers::NO_CACHE),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, page.shell(base)).into_response()
}

#[derive(Deserialize)]
struct AssetPath {
    asset: String,
}

async fn asset(
    State(page): State<Arc<PageBundle>>,
    path: Result<Path<AssetPath>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = path.ok().and_then(|Path(path)| page.asset(&path.asset));
    let asset = asset.ok_or_else(Problem::no_such_path)?;
    let head = [(header::CONTENT_TYPE, asset.media_type.clone()), (header::CACHE_CONTROL, IMMUTABLE)];
    let Some(gzip) = &asset.gzip else { return Ok((head, asset.plain.clone()).into_response()) };
    let vary = [(header::VARY, headers::VARY_CODING)];
    if !AcceptedCodings::of(&headers).gzip() {
        return Ok((head, vary, asset.plain.clone()).into_response());
    }
    let coding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
    Ok((head, vary, coding, gzip.clone()).into_response())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::page::small_page;

    async fn ask(method: &str, path: &str, encoding: &str) -> (u16, HeaderMap, String) {
        let app: Router = Router::new().nest("/m", routes(Arc::new(small_page())));
        let request = Request::builder().method(method).uri(path).header(header::ACCEPT_ENCODING, encoding);
        let response = app.oneshot(request.body(Body::empty()).expect("a request")).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn the_shell_links_to_the_root_from_each_of_its_addresses() {
        for (path, base) in [
            ("/m", "./m/"),
            ("/m?lang=en", "./m/"),
            ("/m/campaigns?lang=en", ""),
            ("/m/campaigns/5", "../"),
            ("/m/campaigns/x%2Fy%FF?period=7d&period=x", "../"),
            ("/m/activities/7", "../"),
        ] {
            let (status, headers, body) = ask("GET", path, "gzip").await;
            assert_eq!((status, headers.get(header::CONTENT_ENCODING)), (200, None), "{path}");
            assert!(body.starts_with(&format!("<script src=\"{base}assets/")), "{path}: {body}");
        }
        for path in ["/m/activities", "/m/campaigns/", "/m/campaigns/5/x", "/m/index.html", "/m/secret.txt"] {
            assert_eq!(ask("GET", path, "").await.0, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn an_asset_is_sent_in_an_accepted_coding_and_is_immutable() {
        for (encoding, coding, expected) in [("br, gzip", Some("gzip"), "main() in gzip"), ("gzip;q=0", None, "main()")]
        {
            let (status, headers, body) = ask("GET", "/m/assets/1f/main.js?x", encoding).await;
            let header = |name| headers.get(name).map(|value| value.to_str().expect("ASCII"));
            assert_eq!((status, body.as_str()), (200, expected));
            assert_eq!(header("content-encoding"), coding);
            assert_eq!(header("vary"), Some("accept-encoding"));
            assert_eq!(header("content-type"), Some("text/javascript; charset=utf-8"));
            assert_eq!(header("cache-control"), Some("public, max-age=31536000, immutable"));
        }
        let (_, headers, body) = ask("GET", "/m/assets/1f/a.css", "gzip").await;
        assert_eq!((body.as_str(), headers.get(header::VARY)), ("a{}", None), "it has no compressed form");
        let (status, headers, body) = ask("HEAD", "/m/assets/1f/main.js", "gzip").await;
        assert_eq!((status, body.as_str(), headers[header::CONTENT_LENGTH].as_bytes()), (200, "", b"14".as_slice()));
    }

    #[tokio::test]
    async fn paths_below_assets_that_are_no_asset_are_unknown() {
        for path in [
            "",
            "/",
            "/1f",
            "/1f/",
            "/1f/main.js.gz",
            "/1f/nowhere.js",
            "/1f/%FF",
            "/../secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e/secret.txt",
            "/..%5csecret.txt",
            "/1f/..%2f1f%2fmain.js",
            "/%2fassets/1f/main.js",
            "//1f/main.js",
        ] {
            assert_eq!(ask("GET", &format!("/m/assets{path}"), "").await.0, 404, "{path}");
        }
        assert_eq!(ask("POST", "/m/assets/1f/main.js", "").await.0, 405);
    }
}

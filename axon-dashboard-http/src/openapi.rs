//! The OpenAPI document: made of the routes, the core's schemas and the few sentences here.

use std::collections::BTreeMap;

use axon_metrics::{Mode, Widget};
use axum::{Router, body::Bytes};
use serde_json::{Value, json};
use utoipa::{
    IntoResponses, OpenApi,
    openapi::{ContentBuilder, HeaderBuilder, Object, Ref, RefOr, Response, ResponseBuilder, Type},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App,
    problem::{MEDIA_TYPE, ProblemDetails},
};

/// The plan's example of an answer. A test compares it with an answer of the router.
const ANSWER: &str = include_str!("openapi/answer.json");
/// The schema of one event of a stream. Its data is JSON inside text, which a derived schema cannot express.
const STREAM_EVENT: &str = include_str!("openapi/stream_event.json");

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Axon Metrics dashboard",
        description = "Real-time metrics of first-come-first-served marketing campaigns: funnel, promotion effect, live \
            stock.\n\nNull is a figure that could not be had, with its reason under `widgets`; it is never 0. Faults are \
            problem details (RFC 9457), all of them at once.",
    ),
    servers((url = ".", description = "The server of this document.")),
    tags(
        (name = "dashboard", description = "The figures."),
        (name = "catalog", description = "What there is to ask about."),
        (name = "operation", description = "For those who run it."),
    ),
    components(schemas(ProblemDetails, Mode, Widget))
)]
struct Document;

/// The router, and the document of exactly its routes.
pub(crate) fn document(routes: OpenApiRouter<App>) -> (Router<App>, Bytes) {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi()).merge(routes).split_for_parts();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.values_mut().for_each(require_nullable);
        schemas.insert("StreamEvent".to_owned(), serde_json::from_str(STREAM_EVENT).unwrap_or_default());
    }
    let example = serde_json::from_str::<Value>(ANSWER).unwrap_or_default();
    let pointer = "/paths/~1api~1v1~1dashboard~1campaign~1{campaignId}/get/responses/200/content/application~1json";
    if let Some(content) = document.pointer_mut(pointer) {
        content["example"] = example;
    }
    let mut text = serde_json::to_vec_pretty(&document).unwrap_or_default();
    text.push(b'\n');
    (router, text.into())
}

/// Marks nullable members as required: a member that can be null is always present, and one that can be absent is never null.
fn require_nullable(schema: &mut Value) {
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        require_nullable(part);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let nullable = properties.iter().filter(|(_, property)| is_nullable(property)).map(|(name, _)| json!(name));
    let nullable: Vec<Value> = nullable.collect();
    if !nullable.is_empty() {
        let mut required = schema["required"].as_array().cloned().unwrap_or_default();
        required.extend(nullable);
        schema["required"] = required.into();
    }
}

fn is_nullable(property: &Value) -> bool {
    let null = json!("null");
    property["type"].as_array().is_some_and(|types| types.contains(&null))
        || property["oneOf"].as_array().is_some_and(|choices| choices.iter().any(|choice| choice["type"] == null))
}

/// The problems any path can answer with.
pub(crate) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let wrong = json!({
            "type": "about:blank", "title": "Invalid request", "status": 400, "code": "invalid_request",
            "requestId": "01JCG8ZK5V3X0Q8Y7T6R5E4W3M", "detail": "1 parameter is wrong: there are no parameters here",
            "errors": [{"field": "zone", "code": "unknown_parameter", "message": "there are no parameters here"}],
        });
        let busy = json!({
            "type": "about:blank", "title": "Overloaded", "status": 503, "code": "overloaded",
            "requestId": "01JCG8ZK5V3X0Q8Y7T6R5E4W3M", "detail": "too many requests at once",
        });
        let retry = HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::Integer)))
            .description(Some("Seconds to wait; with `overloaded`."));
        let allow =
            HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some("The path's methods."));
        let all = [
            (
                "400",
                problem("Parameters are wrong, every one is named; or the campaign has too many activities.")
                    .content(MEDIA_TYPE, content(Some(wrong))),
            ),
            ("405", problem("The path has no such method.").header("Allow", allow.build())),
            ("500", problem("The server failed.")),
            (
                "503",
                problem("Nothing that was asked could be answered, or too many requests at once.")
                    .content(MEDIA_TYPE, content(Some(busy)))
                    .header("Retry-After", retry.build()),
            ),
        ];
        all.into_iter().map(|(status, response)| (status.to_owned(), response.build().into())).collect()
    }
}

/// The problem of a campaign or activity that is not listed.
pub(crate) struct NoSuchScope;

impl IntoResponses for NoSuchScope {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let absent = problem("There is no such campaign or activity.");
        BTreeMap::from([("404".to_owned(), absent.build().into())])
    }
}

/// The response to a caller who has the current tag.
pub(crate) struct NotModified;

impl IntoResponses for NotModified {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let tag =
            HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some("The current tag."));
        let response = ResponseBuilder::new()
            .description("`If-None-Match` names the current tag: what the caller has is current.")
            .header("ETag", tag.build());
        BTreeMap::from([("304".to_owned(), response.build().into())])
    }
}

/// The problem of a server that has no metrics.
pub(crate) struct NoMetrics;

impl IntoResponses for NoMetrics {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([("404".to_owned(), problem("The server was given no metrics.").build().into())])
    }
}

fn problem(description: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(description).content(MEDIA_TYPE, content(None))
}

fn content(example: Option<Value>) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).example(example).build()
}

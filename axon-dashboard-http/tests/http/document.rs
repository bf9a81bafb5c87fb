//! The OpenAPI document: its text, and that answers conform to it.

use serde_json::Value;

use crate::{
    fixture::{ACTIVITY, CAMPAIGN, Failure, Fixture, PLAN, Reply, Trouble, app, ask, get, golden},
    schema::{mismatch, unknown},
};

async fn document() -> Value {
    get(&app(), "/openapi.json").await.json()
}

#[tokio::test(start_paused = true)]
async fn the_documents_text_is_the_golden_file() {
    let reply = get(&app(), "/openapi.json").await;
    assert_eq!(reply.header("content-type"), "application/json");
    golden("openapi.json", &reply.body);
}

#[tokio::test(start_paused = true)]
async fn all_references_lead_somewhere() {
    let document = document().await;
    let text = document.to_string();
    let references: Vec<&str> = text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 20);
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_documented_path_is_served_with_its_parameters() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], ".");
    let app = app();
    for (template, item) in document["paths"].as_object().expect("paths") {
        let path = template.replace("{campaignId}", "123").replace("{activityId}", "789");
        // The body of a stream has no end.
        assert_eq!(ask(&app, "HEAD", &path).await.status, 200, "{path}");
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query") {
            let name = parameter["name"].as_str().expect("a name");
            let reply = ask(&app, "HEAD", &format!("{path}?{name}=")).await;
            assert_eq!(reply.status, 200, "{path} does not take {name}");
        }
    }
    let reply = get(&app, &format!("{CAMPAIGN}?x=1")).await.json();
    let documented = &document["paths"]["/api/v1/dashboard/campaign/{campaignId}"]["get"]["parameters"];
    let names: Vec<_> = documented
        .as_array()
        .expect("parameters")
        .iter()
        .skip(1)
        .map(|one| one["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(reply["errors"][0]["message"], format!("the parameters are {}", names.join(", ")));
}

#[tokio::test(start_paused = true)]
async fn every_documented_value_is_accepted_or_not_supported_yet() {
    let document = document().await;
    let app = app();
    let parameters = &document["paths"]["/api/v1/dashboard/campaign/{campaignId}"]["get"]["parameters"];
    for parameter in parameters.as_array().expect("parameters") {
        let mut schema = &parameter["schema"];
        if schema["items"].is_object() {
            schema = &schema["items"];
        }
        if let Some(reference) = schema["$ref"].as_str() {
            schema = document.pointer(reference.trim_start_matches('#')).expect("a schema");
        }
        let name = parameter["name"].as_str().expect("a name");
        for word in schema["enum"].as_array().into_iter().flatten() {
            let word = word.as_str().expect("a word");
            let reply = get(&app, &format!("{CAMPAIGN}?startDate=2024-11-01&endDate=2024-11-02&{name}={word}")).await;
            let later = name == "mode" && word.starts_with("unique_");
            assert_eq!(reply.status, if later { 400 } else { 200 }, "{name}={word}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn answers_conform_to_the_document() {
    let document = document().await;
    let trouble = |trouble| Fixture::new(trouble).router();
    let down = trouble(Trouble { catalog: true, ..Trouble::default() });
    let partial = trouble(Trouble { behavior: Some(Failure::Down), ledger: true, ..Trouble::default() });
    let all = format!("{CAMPAIGN}?widgets=overview,funnel,comparison,realtime,activities&compare=previous");
    let app = app();
    for (app, method, path, template) in [
        (&app, "GET", PLAN, "/api/v1/dashboard/campaign/{campaignId}"),
        (&app, "GET", &all, "/api/v1/dashboard/campaign/{campaignId}"),
        (&partial, "GET", &all, "/api/v1/dashboard/campaign/{campaignId}"),
        (&app, "GET", "/api/v1/dashboard/campaign/124", "/api/v1/dashboard/campaign/{campaignId}"),
        (&app, "GET", "/api/v1/dashboard/campaign/9", "/api/v1/dashboard/campaign/{campaignId}"),
        (&app, "GET", "/api/v1/dashboard/campaign/0?x=1", "/api/v1/dashboard/campaign/{campaignId}"),
        (&down, "GET", CAMPAIGN, "/api/v1/dashboard/campaign/{campaignId}"),
        (&app, "POST", ACTIVITY, "/api/v1/dashboard/activity/{activityId}"),
        (&app, "GET", ACTIVITY, "/api/v1/dashboard/activity/{activityId}"),
        (&app, "GET", "/api/v1/dashboard/campaigns", "/api/v1/dashboard/campaigns"),
        (&app, "GET", "/api/v1/dashboard/definitions", "/api/v1/dashboard/definitions"),
        (&app, "GET", "/livez", "/livez"),
        (&app, "GET", "/readyz", "/readyz"),
        (&down, "GET", "/readyz", "/readyz"),
    ] {
        let reply = ask(app, method, path).await;
        assert_documented(&document, template, &reply);
    }
}

fn assert_documented(document: &Value, template: &str, reply: &Reply) {
    let content = &document["paths"][template]["get"]["responses"][reply.status.as_str()]["content"];
    let schema = &content[reply.header("content-type")]["schema"];
    assert!(schema.is_object(), "{template} {} {} is not documented", reply.status, reply.header("content-type"));
    let body = reply.json();
    assert_eq!(mismatch(document, schema, &body, ""), None, "{template}");
    assert_eq!(unknown(document, schema, &body, ""), Vec::<String>::new(), "{template}");
}

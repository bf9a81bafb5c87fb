//! The plan's campaign from end to end: event lines, catalog, ledger and slots are in the embedded store. The plan's URL must
//! give the plan's figures, member by member.

use std::fmt::Write as _;

use axon_dashboard_http::{HttpOptions, router};
use axon_metrics::{Dashboard, Files, MemoryStore, Timestamp};
use axum::Router;

use crate::fixture::{PLAN, get, golden_json};

/// In the week: 1234 page views by 617 users, two each, 567 clicks, 123 approvals and 45 purchases. Twelve users were active in
/// the last five minutes. Events of the week before, of another activity and of the future must not count.
fn events() -> String {
    let mut lines = String::new();
    let mut line = |trigger: &str, at: &str, user: usize, activity: u32| {
        let event = format!(
            r#"{{"triggerType":"{trigger}","occurredAt":"{at}","userId":{user},"properties":{{"activityId":{activity}}}}}"#
        );
        writeln!(lines, "{event}").expect("written");
    };
    for view in 0..1234 {
        let at = if view < 12 { "2024-11-12T10:29:59Z" } else { "2024-11-08T03:00:00Z" };
        line("PAGE_VIEW", at, 1 + view % 617, 789);
    }
    for (trigger, count) in [("CLICK", 567), ("APPROVED", 123), ("PURCHASE", 45)] {
        (1..=count).for_each(|user| line(trigger, "2024-11-08T03:00:10Z", user, 789));
    }
    for at in ["2024-11-05T14:59:59.999Z", "2024-11-12T10:30:00Z", "2024-11-13T00:00:00Z"] {
        line("PAGE_VIEW", at, 1, 789);
    }
    line("PAGE_VIEW", "2024-11-12T10:29:00Z", 5_000, 790);
    lines
}

const CATALOG: &str = r#"{"currency": "KRW", "campaigns": [
    {"id": 123, "name": "Autumn", "startAt": "2024-11-06T00:00:00+09:00", "endAt": "2024-11-20T00:00:00+09:00", "activities": [
        {"id": 789, "name": "A", "type": "FIRST_COME_FIRST_SERVE", "startAt": "2024-11-06T00:00:00+09:00",
         "endAt": "2024-11-20T00:00:00+09:00", "limitCount": 100, "productId": 456}]},
    {"id": 124, "name": "Other", "activities": [{"id": 790, "name": "B", "type": "FIRST_COME_FIRST_SERVE"}]}]}"#;

/// In the week: 45 promotion purchases and three cancelled ones, 30 regular purchases and one refunded one. Before it: one
/// regular purchase in each hour of a Friday in four weeks, which the baseline counts.
fn ledger() -> String {
    let mut lines = String::new();
    let mut id = 0;
    let mut purchase = |activity: &str, status: &str, price: &str, quantity: u32, at: &str| {
        id += 1;
        let row = format!(
            r#"{{"kind":"purchase","id":{id},"userId":{id},"productId":456,"activityId":{activity},"price":"{price}","quantity":{quantity},"status":"{status}","purchaseAt":"{at}"}}"#
        );
        writeln!(lines, "{row}").expect("written");
    };
    (0..45).for_each(|_| purchase("789", "CONFIRMED", "29900.00", 1, "2024-11-08T03:01:00Z"));
    (0..3).for_each(|_| purchase("789", "CANCELLED", "29900.00", 1, "2024-11-08T03:01:00Z"));
    (0..30).for_each(|order| purchase("null", "CONFIRMED", "30000", 1 + order / 27, "2024-11-09T03:00:00Z"));
    purchase("null", "REFUNDED", "30000", 1, "2024-11-09T03:00:00Z");
    purchase("null", "CONFIRMED", "30000", 1, "2024-10-01T00:00:00Z");
    for week in ["2024-10-11", "2024-10-18", "2024-10-25", "2024-11-01"] {
        (0..24).for_each(|hour| purchase("null", "CONFIRMED", "31666.67", 1, &format!("{week}T{hour:02}:30:00Z")));
    }
    lines
}

fn app() -> Router {
    let members: Vec<String> = (1..=45).map(|user| user.to_string()).collect();
    let realtime = format!(r#"[{{"activityId": 789, "counter": 45, "members": [{}]}}]"#, members.join(","));
    let files = Files::new()
        .events_from("events", std::io::Cursor::new(events()))
        .catalog_from("catalog", CATALOG.as_bytes())
        .ledger_from("ledger", std::io::Cursor::new(ledger()))
        .realtime_from("realtime", std::io::Cursor::new(realtime));
    let store = MemoryStore::load(files).expect("a store");
    let dashboard = Dashboard::builder().memory(store).build();
    let now: Timestamp = "2024-11-12T10:30:00Z".parse().expect("an instant");
    router(dashboard, HttpOptions::default().with_clock(move || now))
}

#[tokio::test(start_paused = true)]
async fn the_plans_url_gives_the_plans_numbers_at_the_root_and_nested() {
    let reply = get(&app(), PLAN).await;
    assert_eq!(reply.status.as_u16(), 200);
    let answer = reply.json();
    golden_json("plan_memory.json", &answer);
    let overview = &answer["data"]["overview"];
    assert_eq!(
        overview.to_string(),
        r#"{"approvedCount":123,"conversionRate":3.65,"purchaseCount":45,"totalParticipants":567,"totalVisits":1234}"#
    );
    let nested = Router::new().nest("/metrics-api", app());
    assert_eq!(get(&nested, &format!("/metrics-api{PLAN}")).await.json(), answer);
}

#[tokio::test(start_paused = true)]
async fn distinct_users_and_sales_come_from_the_same_files() {
    let url = "/api/v1/dashboard/campaign/123?widgets=overview,comparison&mode=unique";
    let data = &get(&app(), url).await.json()["data"];
    assert_eq!(data["overview"]["totalVisits"], 617);
    assert_eq!(data["overview"]["totalParticipants"], 567);
    let comparison = &data["comparison"];
    assert_eq!(comparison["promotion"]["revenue"], "1345500.00");
    assert_eq!(comparison["promotion"]["cancelled"], 3);
    assert_eq!((&comparison["regular"]["orders"], &comparison["regular"]["quantity"]), (&30.into(), &33.into()));
    assert_eq!(comparison["regular"]["revenue"], "990000.00");
    assert_eq!(comparison["baseline"]["orders"], 24, "a Friday of each week before, in UTC hours");
    assert_eq!(
        (&comparison["baseline"]["weeks"], &comparison["baseline"]["method"]),
        (&4.into(), &"hour_of_week".into())
    );
}

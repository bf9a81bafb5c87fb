//! Edge cases of answers: each test is named by the sentence that it checks.

#![cfg(feature = "memory")]

use crate::small;

use std::io::Cursor;

use axon_metrics::{
    ActivityId, AnswerError, DashboardRequest, Files, LedgerStep, MemoryStore, Mode, Period, Phase, Record, StepRules,
    Widget,
    answer::WidgetStatus,
    memory::{Event, Purchase, Slot, SlotChange},
    period::Bound,
    request::{Level, RequestRules, RequestText},
    widget::{BaselineMethod, BucketState, WarningCode},
};
use chrono_tz::{America::Los_Angeles, Asia::Seoul};
use small::{
    ACTIVITY, CAMPAIGN, Down, NOW, activity, activity_of, answer, ask, at, builder, campaign, catalog, event, rates,
    sale, shop, store, values, warnings, why,
};

fn text(rate: &str) -> Option<String> {
    Some(rate.to_owned())
}

/// From one day to another, both inclusive.
fn days(start: &str, end: &str) -> Period {
    let day = |text: &str| Bound::Date(text.parse().expect("a date"));
    Period::Custom { start: day(start), end: day(end) }
}

#[tokio::test]
async fn the_plans_sample_has_the_plans_rates_stock_and_active_users() {
    let store = store();
    let earlier = |trigger, count| (1..=count).map(move |user| event(trigger, user, "2024-11-11T10:00:00Z"));
    store.append_events(earlier("PAGE_VIEW", 1234 - 12).chain(earlier("CLICK", 567)));
    store.append_events(earlier("APPROVED", 123).chain(earlier("PURCHASE", 45)));
    store.append_events((1..=12).map(|user| event("PAGE_VIEW", user, "2024-11-12T10:27:00Z")));
    store.append_slots((1..=45).map(|user| Slot { activity: ActivityId(ACTIVITY), user, change: SlotChange::Taken }));

    let answer = answer(&store, campaign()).await;
    let json = serde_json::to_value(&answer).unwrap();
    let overview = &json["data"]["overview"];
    let totals = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"].map(|name| &overview[name]);
    assert_eq!(totals, [1234, 567, 123, 45]);
    assert_eq!(overview["conversionRate"].to_string(), "3.65");
    let steps: Vec<String> = (0..4).map(|step| json["data"]["funnel"]["steps"][step]["rate"].to_string()).collect();
    assert_eq!(steps, ["100", "45.9", "21.7", "36.6"]);
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.remaining_stock, realtime.initial_stock), (Some(55), Some(100)));
    assert_eq!((realtime.active_users, realtime.participants_total), (Some(12), Some(45)));
}

#[tokio::test]
async fn a_step_after_an_empty_step_has_no_rate_and_json_has_no_nan() {
    let store = store();
    store.append_events([event("PAGE_VIEW", 1, "2024-11-12T09:00:00Z")]);
    let answer = answer(&store, campaign()).await;
    assert_eq!(rates(&answer), [text("100"), text("0"), None, None]);
    assert_eq!(why(&answer, Widget::Funnel, "steps[2].rate"), "zero_denominator");
    assert_eq!(why(&answer, Widget::Funnel, "steps[3].rate"), "zero_denominator");
    assert_eq!(answer.widgets[&Widget::Funnel].status, WidgetStatus::Fresh);
    let json = serde_json::to_string(&answer).unwrap();
    assert!(!json.contains("NaN") && !json.contains("inf") && json.contains(r#""rate":null"#), "{json}");
}

#[tokio::test]
async fn clicks_without_visits_have_no_rates_and_warn_of_a_missing_upstream() {
    let store = store();
    store.append_events([event("CLICK", 1, "2024-11-12T09:00:00Z")]);
    for mode in [Mode::Count, Mode::Unique] {
        let answer = answer(&store, campaign().mode(mode)).await;
        assert_eq!(values(&answer)[..2], [Some(0), Some(1)]);
        assert_eq!(rates(&answer)[..2], [None, None]);
        let step = &answer.data.funnel.as_ref().unwrap().steps[1];
        assert_eq!(step.rate_from_first, None);
        let missing_upstream = (WarningCode::MissingUpstream, "steps[1].value".to_owned());
        assert_eq!(warnings(&answer, Widget::Funnel), [missing_upstream]);
    }
}

#[tokio::test]
async fn a_step_larger_than_the_one_before_has_its_true_rate_and_a_warning() {
    let store = store();
    store.append_events([event("PAGE_VIEW", 1, "2024-11-12T09:00:00Z")]);
    store.append_events((1..=3).map(|user| event("CLICK", user, "2024-11-12T09:01:00Z")));
    for mode in [Mode::Count, Mode::Unique] {
        let answer = answer(&store, campaign().mode(mode)).await;
        assert_eq!(rates(&answer)[1], text("300"));
        let exceeds = (WarningCode::StepExceedsPrevious, "steps[1].value".to_owned());
        assert_eq!(warnings(&answer, Widget::Funnel), [exceeds]);
    }
}

#[tokio::test]
async fn a_rate_is_100_only_for_equal_counts_and_0_only_for_0() {
    let store = store();
    let many = |trigger, count| (0..count).map(move |_| event(trigger, 1, "2024-11-12T09:00:00Z"));
    store.append_events(many("PAGE_VIEW", 20_001).chain(many("CLICK", 20_000)));
    store.append_events(many("APPROVED", 1).chain(many("PURCHASE", 1)));
    let answer = answer(&store, campaign()).await;
    assert_eq!(rates(&answer), [text("100"), text("99.9"), text("0.1"), text("100")]);
    assert_eq!(answer.data.overview.unwrap().totals.conversion_rate.map(|rate| rate.to_string()), text("0.01"));
}

#[tokio::test]
async fn a_window_has_its_start_but_neither_its_end_nor_the_answers_instant() {
    let store = store();
    // 2024-11-11, in Seoul.
    store.append_events([event("PAGE_VIEW", 1, "2024-11-10T15:00:00Z"), event("CLICK", 1, "2024-11-11T15:00:00Z")]);
    let yesterday = answer(&store, campaign().period(days("2024-11-11", "2024-11-11"))).await;
    assert_eq!(values(&yesterday)[..2], [Some(1), Some(0)]);

    let store = small::store();
    let last = "2024-11-12T10:29:59.999999Z";
    store.append_events([
        event("PAGE_VIEW", 1, last),
        event("CLICK", 2, NOW),
        event("CLICK", 3, "2024-11-12T10:31:00Z"),
    ]);
    let today = answer(&store, campaign().period(Period::Today)).await;
    assert_eq!(values(&today)[..2], [Some(1), Some(0)]);
    assert_eq!(today.data.realtime.unwrap().active_users, Some(1));
}

#[tokio::test]
async fn a_repeated_document_counts_once_and_an_order_is_one_subject() {
    let line = |id: &str| {
        format!(
            r#"{{"_index":"axon.event.commerce","_id":"{id}","_source":{{"triggerType":"PURCHASE","occurredAt":"2024-11-12T09:00:00Z","userId":1,"properties":{{"activityId":{ACTIVITY},"orderId":"o-1"}}}}}}"#
        )
    };
    let lines = [line("a"), line("a"), line("b")].join("\n");
    let campaigns = format!(
        r#"{{"currency":"KRW","campaigns":[{{"id":{CAMPAIGN},"name":"c","activities":[{{"id":{ACTIVITY},"name":"a","type":"FIRST_COME_FIRST_SERVE","status":"ACTIVE","limitCount":100}}]}}]}}"#
    );
    let files = Files::new()
        .events_from("events.ndjson", Cursor::new(lines.into_bytes()))
        .catalog_from("catalog.json", Cursor::new(campaigns.into_bytes()));
    let store = MemoryStore::load(files).unwrap();
    assert_eq!(values(&answer(&store, campaign()).await)[3], Some(2));
    assert_eq!(values(&answer(&store, campaign().mode(Mode::Unique)).await)[3], Some(1));
}

#[tokio::test]
async fn cancelled_and_refunded_orders_are_counted_separately() {
    let store = store();
    let with = |id, status: &str| Purchase { status: status.into(), ..sale(id, "2024-11-11T09:00:00Z") };
    store.append_purchases([with(1, "CONFIRMED"), with(2, "CANCELLED"), with(3, "REFUNDED")]);
    let promotion = answer(&store, campaign()).await.data.comparison.unwrap().promotion;
    assert_eq!((promotion.orders, promotion.quantity, promotion.buyers), (Some(1), Some(1), Some(1)));
    assert_eq!(promotion.revenue.unwrap().0, 29_900.into());
    assert_eq!(promotion.cancelled, Some(2));
}

#[tokio::test]
async fn a_purchase_of_nobody_is_an_event_without_a_subject() {
    let store = store();
    store.append_events([event("PURCHASE", 0, "2024-11-12T10:29:00Z"), event("PURCHASE", 1, "2024-11-12T09:00:00Z")]);
    assert_eq!(values(&answer(&store, campaign().mode(Mode::Count)).await)[3], Some(2));
    let unique = answer(&store, campaign().mode(Mode::Unique)).await;
    assert_eq!(values(&unique)[3], Some(1));
    assert_eq!(unique.data.realtime.unwrap().active_users, Some(0));
}

#[tokio::test]
async fn a_campaign_not_started_has_its_counts_its_phase_and_its_whole_stock() {
    let later = activity(ACTIVITY).with_start(at("2024-11-13T00:00:00Z"));
    let store = MemoryStore::new(catalog([later]));
    store.append_events([event("PAGE_VIEW", 1, "2024-11-12T09:00:00Z")]);
    let answer = answer(&store, campaign()).await;
    assert_eq!(answer.phase, Phase::NotStarted);
    assert_eq!(values(&answer)[0], Some(1));
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.remaining_stock, realtime.participants_total), (Some(100), Some(0)));
}

#[tokio::test]
async fn a_campaign_without_dates_is_running() {
    let store = MemoryStore::new(catalog([activity(ACTIVITY).with_start(None).with_end(None)]));
    assert_eq!(answer(&store, campaign()).await.phase, Phase::Running);
    assert_eq!(answer(&store, DashboardRequest::activity(ACTIVITY)).await.phase, Phase::Running);
}

#[tokio::test]
async fn an_activity_without_a_funnel_has_stock_and_sales_but_no_steps() {
    for kind in ["GIVEAWAY", "WEBHOOK", "COUPON"] {
        let store = MemoryStore::new(catalog([activity_of(ACTIVITY, kind)]));
        store.append_events([event("PAGE_VIEW", 1, "2024-11-12T10:29:00Z")]);
        store.append_purchases([sale(1, "2024-11-12T09:00:00Z")]);
        let answer = answer(&store, DashboardRequest::activity(ACTIVITY)).await;
        assert_eq!(values(&answer), [None; 4], "{kind}");
        for step in 0..4 {
            assert_eq!(why(&answer, Widget::Funnel, &format!("steps[{step}].value")), "not_supported");
        }
        assert_eq!(why(&answer, Widget::Overview, "totalVisits"), "not_supported");
        assert_eq!(why(&answer, Widget::Overview, "conversionRate"), "not_supported");
        let (realtime, comparison) = (answer.data.realtime.unwrap(), answer.data.comparison.unwrap());
        assert_eq!((realtime.remaining_stock, realtime.active_users), (Some(100), Some(1)));
        assert_eq!(comparison.promotion.orders, Some(1));
    }
}

#[tokio::test]
async fn a_campaigns_funnel_counts_only_activities_with_a_funnel() {
    let store = MemoryStore::new(catalog([activity(ACTIVITY), activity_of(790, "COUPON")]));
    let view = event("PAGE_VIEW", 1, "2024-11-12T10:29:00Z");
    let elsewhere = Event { activity: ActivityId(790), user: Some(2), ..view.clone() };
    store.append_events([view, elsewhere]);
    let answer = answer(&store, campaign().widgets(Widget::ALL)).await;
    assert_eq!(values(&answer)[0], Some(1));
    assert_eq!(answer.data.realtime.unwrap().active_users, Some(2));
    let visits = answer.data.activities.unwrap().into_iter().map(|row| row.totals.total_visits);
    assert_eq!(visits.collect::<Vec<_>>(), [Some(1), None]);
}

#[tokio::test]
async fn an_ended_campaign_has_the_counts_of_the_range_and_its_last_stock() {
    let over = activity(ACTIVITY).with_end(at("2024-11-10T15:00:00Z"));
    let store = MemoryStore::new(catalog([over]));
    // Views before, during and after the promotion; an approval during it.
    store.append_events([
        event("PAGE_VIEW", 1, "2024-11-05T14:59:00Z"),
        event("PAGE_VIEW", 2, "2024-11-08T09:00:00Z"),
        event("PAGE_VIEW", 3, "2024-11-12T10:29:00Z"),
        event("APPROVED", 2, "2024-11-08T09:00:00Z"),
    ]);
    let answer = answer(&store, campaign().period(Period::Last30Days)).await;
    assert_eq!(answer.phase, Phase::Ended);
    assert_eq!(values(&answer)[0], Some(3));
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.remaining_stock, realtime.participants_total), (Some(99), Some(1)));
    assert_eq!(realtime.active_users, Some(1));
}

#[tokio::test]
async fn a_range_outside_the_campaign_has_measured_zeros_and_its_phase() {
    let store = store();
    store.append_events([event("PAGE_VIEW", 1, "2024-11-12T09:00:00Z")]);
    store.append_purchases([sale(1, "2024-11-12T09:00:00Z"), shop(2, "2024-01-15T00:00:00Z")]);
    let answer = answer(&store, campaign().period(days("2024-01-01", "2024-01-31"))).await;
    assert_eq!(answer.phase, Phase::Running);
    assert_eq!(values(&answer), [Some(0); 4]);
    let comparison = answer.data.comparison.unwrap();
    assert_eq!((comparison.promotion.orders, comparison.regular.orders), (Some(0), Some(0)));
    assert!(answer.widgets.values().all(|state| state.status == WidgetStatus::Fresh));
}

#[tokio::test]
async fn an_unknown_campaign_is_not_found() {
    let request = DashboardRequest::campaign(124);
    let error = builder(&store()).build().answer(&request, at(NOW)).await.unwrap_err();
    assert!(matches!(error, AnswerError::NotFound(_)), "{error:?}");
}

#[tokio::test]
async fn at_midnight_all_widgets_are_about_the_same_day() {
    let store = store();
    let yesterday = "2024-11-11T14:59:59.999999Z";
    store.append_events([event("PAGE_VIEW", 1, yesterday)]);
    store.append_purchases([sale(1, yesterday)]);
    let dashboard = builder(&store).build();
    let request = campaign().period(Period::Today);
    for (now, expected) in [("2024-11-11T14:59:59.999Z", 0), ("2024-11-11T15:00:00Z", 0), ("2024-11-11T15:00:00.9Z", 0)]
    {
        let answer = dashboard.answer(&request, at(now)).await.unwrap();
        let floored = at(now).timestamp();
        assert_eq!((answer.timestamp.timestamp(), answer.timestamp.timestamp_subsec_millis()), (floored, 0));
        assert_eq!(answer.range.to, answer.timestamp);
        let sold = answer.data.comparison.as_ref().and_then(|comparison| comparison.promotion.orders);
        let visits = answer.data.overview.as_ref().and_then(|overview| overview.totals.total_visits);
        assert_eq!([visits, values(&answer)[0], sold], [Some(expected); 3], "{now}");
        let hours = answer.data.realtime.unwrap().hourly_inflow.unwrap();
        assert!(hours[23].from <= answer.timestamp && answer.timestamp < hours[23].to);
        assert_eq!(hours[23].state, BucketState::InProgress);
    }
    let before = dashboard.answer(&request, at("2024-11-11T14:59:59Z")).await.unwrap();
    let after = dashboard.answer(&request, at("2024-11-11T15:00:00Z")).await.unwrap();
    assert_eq!((before.range.start_date, after.range.start_date), (day("2024-11-11"), day("2024-11-12")));
}

fn day(text: &str) -> chrono::NaiveDate {
    text.parse().expect("a date")
}

#[tokio::test]
async fn a_day_of_a_clock_change_has_23_or_25_hours() {
    let store = store();
    for (date, hours) in [("2024-03-10", 23), ("2024-11-03", 25)] {
        let dashboard = builder(&store).zone(Los_Angeles).build();
        let range = ask(dashboard, campaign().period(days(date, date))).await.range;
        assert_eq!((range.to - range.from).num_hours(), hours, "{date}");
    }
}

#[tokio::test]
async fn the_baseline_uses_local_hours_and_a_skipped_hour_expects_nothing() {
    // Los Angeles skips the hour from 02:00 on Sunday 2024-03-10, the day of the promotion. Each of the four Sundays
    // before has one order at 01:30 and one at 02:30.
    let promotion = activity(ACTIVITY).with_start(at("2024-03-10T08:00:00Z")).with_end(at("2024-03-11T07:00:00Z"));
    let store = MemoryStore::new(catalog([promotion]));
    let sundays = ["2024-02-11", "2024-02-18", "2024-02-25", "2024-03-03"];
    for (id, sunday) in (1..).zip(sundays) {
        store.append_purchases([
            shop(id * 2, &format!("{sunday}T09:30:00Z")),
            shop(id * 2 + 1, &format!("{sunday}T10:30:00Z")),
        ]);
    }
    store.append_purchases([shop(100, "2024-01-01T00:00:00Z")]);
    let dashboard = builder(&store).zone(Los_Angeles).build();
    let baseline =
        ask(dashboard, campaign().period(days("2024-03-10", "2024-03-10"))).await.data.comparison.unwrap().baseline;
    assert_eq!(baseline.method, Some(BaselineMethod::HourOfWeek));
    // The order at 01:30 is expected. The hour of the other order is skipped.
    assert_eq!(baseline.orders.map(|orders| orders.to_string()), text("1"));
}

#[tokio::test]
async fn without_history_only_the_baseline_is_missing() {
    let store = store();
    // The ledger starts less than 24 hours before the promotion.
    store.append_purchases([
        shop(1, "2024-11-05T00:00:00Z"),
        shop(2, "2024-11-12T09:00:00Z"),
        sale(3, "2024-11-12T09:00:00Z"),
    ]);
    let answer = answer(&store, campaign()).await;
    for figure in ["orders", "quantity", "revenue", "weeks"] {
        assert_eq!(why(&answer, Widget::Comparison, &format!("baseline.{figure}")), "no_baseline");
    }
    let comparison = answer.data.comparison.unwrap();
    assert_eq!((comparison.promotion.orders, comparison.regular.orders), (Some(1), Some(1)));
    assert_eq!((comparison.baseline.orders, comparison.baseline.method), (None, None));
}

#[tokio::test]
async fn a_baseline_without_sales_is_a_measured_zero() {
    let store = store();
    // The ledger reaches back far enough, with a purchase of another product.
    let other = Purchase { product: Some(1.into()), ..shop(1, "2024-09-01T00:00:00Z") };
    store.append_purchases([other]);
    let baseline = answer(&store, campaign()).await.data.comparison.unwrap().baseline;
    assert_eq!(baseline.orders.map(|orders| orders.to_string()), text("0"));
    assert_eq!(baseline.revenue.map(|revenue| revenue.0), Some(0.into()));
    assert_eq!((baseline.weeks, baseline.method), (Some(4), Some(BaselineMethod::HourOfWeek)));
}

#[tokio::test]
async fn without_redis_only_stock_and_participants_are_missing() {
    let store = store();
    store.append_events([event("PAGE_VIEW", 1, "2024-11-12T10:29:00Z")]);
    let dashboard = || builder(&store).realtime(Down("redis")).build();
    let answer = ask(dashboard(), campaign()).await;
    let realtime = answer.data.realtime.as_ref().unwrap();
    assert_eq!((realtime.remaining_stock, realtime.participants_total), (None, None));
    assert_eq!(why(&answer, Widget::Realtime, "remainingStock"), "unavailable no_answer");
    // Active users and inflow come from another source.
    assert_eq!((realtime.active_users, answer.widgets[&Widget::Realtime].status), (Some(1), WidgetStatus::Partial));
    assert_eq!(values(&answer)[0], Some(1));
    for widget in [Widget::Overview, Widget::Funnel, Widget::Comparison] {
        assert_eq!(answer.widgets[&widget].status, WidgetStatus::Fresh, "{widget:?}");
    }
}

#[tokio::test]
async fn without_elasticsearch_sales_and_stock_are_still_answered() {
    let store = store();
    store.append_events([event("APPROVED", 1, "2024-11-12T09:00:00Z")]);
    store.append_purchases([sale(1, "2024-11-12T09:00:00Z")]);
    let dashboard = builder(&store).behavior(Down("elasticsearch")).build();
    let answer = ask(dashboard, campaign()).await;
    assert_eq!((values(&answer), rates(&answer)), (vec![None; 4], vec![None; 4]));
    for widget in [Widget::Overview, Widget::Funnel] {
        assert_eq!(answer.widgets[&widget].status, WidgetStatus::Unavailable);
    }
    assert_eq!(why(&answer, Widget::Overview, "totalVisits"), "unavailable no_answer");
    assert_eq!(why(&answer, Widget::Overview, "conversionRate"), "unavailable no_answer");
    assert_eq!(answer.data.comparison.unwrap().promotion.orders, Some(1));
    let realtime = answer.data.realtime.unwrap();
    assert_eq!((realtime.remaining_stock, realtime.active_users, realtime.hourly_inflow), (Some(99), None, None));
}

#[tokio::test]
async fn without_elasticsearch_the_steps_of_the_ledger_are_counted() {
    let store = store();
    store.append_purchases([sale(1, "2024-11-12T09:00:00Z")]);
    let rules = StepRules::default().with("purchase", Record::Ledger(LedgerStep::Purchase)).unwrap();
    let dashboard = builder(&store).behavior(Down("elasticsearch")).step_rules(rules).build();
    let answer = ask(dashboard, campaign()).await;
    assert_eq!(values(&answer), [None, None, None, Some(1)]);
    assert_eq!(answer.widgets[&Widget::Funnel].status, WidgetStatus::Partial);
    assert_eq!(rates(&answer)[3], None);
}

#[tokio::test]
async fn without_a_figure_in_any_requested_widget_there_is_no_answer() {
    let dashboard = builder(&store()).behavior(Down("elasticsearch")).build();
    let request = campaign().widgets([Widget::Overview, Widget::Funnel]);
    let error = dashboard.answer(&request, at(NOW)).await.unwrap_err();
    assert!(matches!(error, AnswerError::Unavailable { .. }), "{error:?}");
}

#[test]
fn an_id_that_cannot_exist_is_an_invalid_request() {
    for level in [Level::Campaign, Level::Activity] {
        for id in ["9223372036854775808", "99999999999999999999999", "0", "-1", "+1", " 1", "1 ", "", "1.0"] {
            let parsed = RequestText::new(level, id, &[]).parse(&RequestRules::new(Mode::Count, Seoul), at(NOW));
            let faults = parsed.expect_err(id).faults;
            assert_eq!(faults.len(), 1, "{id:?}");
            assert!(faults[0].field.ends_with("Id"), "{id:?}");
        }
    }
}

#[tokio::test]
async fn an_id_that_cannot_exist_is_refused_without_a_lookup() {
    let dashboard = builder(&store()).build();
    for id in [0, u64::MAX] {
        let error = dashboard.answer(&DashboardRequest::campaign(id), at(NOW)).await.unwrap_err();
        assert!(matches!(error, AnswerError::Invalid(_)), "{error:?}");
    }
}

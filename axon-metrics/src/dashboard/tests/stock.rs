//! semantics.md 4.7, line by line.
use super::*;
use crate::widget::{Realtime, WarningCode};

const ABSENT: Missing = Missing::NotMeasured(Reason::KeyMissing);

async fn answer(
    activities: Vec<Activity>,
    slots: Vec<Slots>,
) -> (Realtime, Vec<(WarningCode, Option<String>)>, Vec<String>) {
    let catalog = catalog_of(activities);
    let realtime = realtime_source(move |question| {
        Ok(RealtimeFacts::new(question.activities.iter().copied().zip(slots.clone()).collect()))
    });
    let dashboard = healthy().catalog(catalog_source(catalog)).realtime(realtime).build();
    let request = DashboardRequest::campaign(123).widgets([Widget::Realtime]);
    let answer = dashboard.answer(&request, now()).await.unwrap();
    let state = &answer.widgets[&Widget::Realtime];
    let warnings = state.warnings.iter().map(|warning| (warning.code, warning.field.clone())).collect();
    let missing = state.missing.iter().map(|gap| gap.field.clone()).collect();
    (answer.data.realtime.unwrap(), warnings, missing)
}
async fn one(slots: Slots) -> (Option<u64>, Option<u64>, Vec<WarningCode>) {
    let (realtime, warnings, _) = answer(vec![activity(789, "FIRST_COME_FIRST_SERVE")], vec![slots]).await;
    (realtime.remaining_stock, realtime.participants_total, warnings.into_iter().map(|(code, _)| code).collect())
}
fn of(stock: Result<Stock, Missing>, members: Result<u64, Missing>) -> Slots {
    Slots::new(stock.and_then(measured), members.and_then(measured))
}

#[tokio::test]
async fn is_the_limit_less_the_slots_held() {
    assert_eq!(one(slots(45, 45)).await, (Some(55), Some(45), vec![]));
    assert_eq!(one(of(Ok(Stock::Remaining(55)), Ok(45))).await, (Some(55), Some(45), vec![]));
}
#[tokio::test]
async fn without_a_counter_comes_from_the_members_with_a_warning() {
    assert_eq!(one(of(Err(ABSENT), Ok(45))).await, (Some(55), Some(45), vec![WarningCode::CounterDrift]));
}
#[tokio::test]
async fn of_a_key_that_is_gone_is_missing_and_never_the_full_limit() {
    assert_eq!(one(of(Err(ABSENT), Err(ABSENT))).await, (None, None, vec![]));
    let mut later = activity(789, "FIRST_COME_FIRST_SERVE");
    later.start = Some("2024-12-01T00:00:00Z".parse().unwrap());
    let (realtime, ..) = answer(vec![later], vec![of(Err(ABSENT), Err(ABSENT))]).await;
    assert_eq!((realtime.remaining_stock, realtime.participants_total), (Some(100), Some(0)));
}
#[tokio::test]
async fn of_a_value_that_is_no_number_is_missing() {
    assert_eq!(one(of(Err(Missing::NotMeasured(Reason::BadValue)), Ok(45))).await, (None, Some(45), vec![]));
}
#[tokio::test]
async fn over_the_limit_is_none_and_oversold() {
    assert_eq!(one(slots(103, 103)).await, (Some(0), Some(103), vec![WarningCode::Oversold]));
}
#[tokio::test]
async fn of_a_negative_counter_is_the_limit_with_a_warning() {
    assert_eq!(one(slots(-2, 0)).await, (Some(100), Some(0), vec![WarningCode::CounterDrift]));
    assert_eq!(one(of(Ok(Stock::Held(-2)), Err(ABSENT))).await, (Some(100), Some(0), vec![WarningCode::CounterDrift]));
}
#[tokio::test]
async fn that_drifts_from_its_members_is_warned_of() {
    assert_eq!(one(slots(45, 43)).await, (Some(55), Some(43), vec![WarningCode::CounterDrift]));
    assert_eq!(one(of(Ok(Stock::Held(45)), Err(ABSENT))).await, (Some(55), None, vec![WarningCode::CounterDrift]));
    assert_eq!(one(of(Ok(Stock::Held(0)), Err(ABSENT))).await, (Some(100), Some(0), vec![]));
}
#[tokio::test]
async fn without_a_limit_is_unlimited() {
    let mut unlimited = activity(789, "FIRST_COME_FIRST_SERVE");
    unlimited.limit = None;
    let (realtime, _, missing) = answer(vec![unlimited], vec![slots(45, 45)]).await;
    assert_eq!((realtime.remaining_stock, realtime.initial_stock, realtime.participants_total), (None, None, Some(45)));
    assert!(missing.contains(&"remainingStock".to_owned()) && missing.contains(&"initialStock".to_owned()));
}
#[tokio::test]
async fn of_a_campaign_is_the_sum_and_is_missing_with_one_that_is_unknown() {
    let two = || vec![activity(1, "FIRST_COME_FIRST_SERVE"), activity(2, "GIVEAWAY")];
    let (realtime, ..) = answer(two(), vec![slots(45, 45), slots(10, 10)]).await;
    assert_eq!(
        (realtime.remaining_stock, realtime.initial_stock, realtime.participants_total),
        (Some(145), Some(200), Some(55))
    );
    let (realtime, _, missing) = answer(two(), vec![slots(45, 45), of(Err(ABSENT), Err(ABSENT))]).await;
    assert_eq!((realtime.remaining_stock, realtime.participants_total), (None, None));
    assert_eq!(realtime.activities.unwrap()[0].remaining_stock, Some(55));
    assert!(missing.contains(&"activities[2].remainingStock".to_owned()), "{missing:?}");
    let (_, warnings, _) = answer(two(), vec![slots(45, 45), slots(103, 103)]).await;
    assert_eq!(warnings, [(WarningCode::Oversold, Some("activities[2].remainingStock".to_owned()))]);
}
#[tokio::test]
async fn without_a_limit_no_counter_of_what_is_left_is_missed() {
    let unlimited = activity(789, "FIRST_COME_FIRST_SERVE").with_limit(None);
    let (realtime, warnings, _) = answer(vec![unlimited], vec![of(Err(ABSENT), Ok(45))]).await;
    assert_eq!((realtime.remaining_stock, realtime.participants_total, warnings), (None, Some(45), vec![]));
}

//! Nothing is lost silently: whatever share of a store's records is damaged, and for whatever reason, a figure is right, or it is
//! null with the reason, or the widget says how many records it lacks.

#![cfg(feature = "memory")]

use std::io::Cursor;

use axon_metrics::{
    Dashboard, DashboardAnswer, DashboardRequest, Files, LedgerStep, MemoryStore, Mode, Period, Record, StepRules,
    Timestamp, Widget,
    answer::{SourceKind, WidgetStatus},
    facts::LeftOutReason::{self, BadAmount, Future, NoActivity, NoSubject, NoTime, NotBelieved, TimeOutOfRange},
    facts::LeftOutReason::{UnknownStatus, Unreadable},
    widget::WarningCode,
};
use serde_json::{Value, json};

/// The records of a source, all of one activity, each of another person.
const ALL: u64 = 2_000;
/// How many of them are damaged: none, one in two thousand, one in a hundred, half, all.
const DAMAGED: [u64; 5] = [0, 1, 20, 1_000, 2_000];
/// The share up to which a figure counts as whole.
const TOLERATED: u64 = ALL / 1_000;

const CATALOG: &str = r#"{"currency":"KRW","campaigns":[{"id":1,"name":"Spring","activities":[{"id":77,"name":"Chair",
  "type":"FIRST_COME_FIRST_SERVE","startAt":"2024-11-06T00:00:00","endAt":"2024-11-20T00:00:00","productId":456}]}]}"#;

/// What the damaged records are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Events,
    Purchased,
    Entries,
    Purchases,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Events, Self::Purchased, Self::Entries, Self::Purchases];

    fn reasons(self) -> &'static [LeftOutReason] {
        match self {
            Self::Events => &[Unreadable, NoTime, TimeOutOfRange, Future, NoActivity, NoSubject],
            Self::Purchased => &[NotBelieved],
            Self::Entries => &[Unreadable, NoTime, TimeOutOfRange, Future, NoActivity, UnknownStatus],
            Self::Purchases => &[Unreadable, NoTime, TimeOutOfRange, Future, NoActivity, UnknownStatus, BadAmount],
        }
    }

    fn source(self) -> SourceKind {
        match self {
            Self::Events | Self::Purchased => SourceKind::Behavior,
            Self::Entries | Self::Purchases => SourceKind::Ledger,
        }
    }

    fn record(self, id: u64, damage: Option<LeftOutReason>) -> String {
        let (time, activity) = match self {
            Self::Events | Self::Purchased => ("occurredAt", "/_source/properties/activityId"),
            Self::Entries => ("createdAt", "/activityId"),
            Self::Purchases => ("purchaseAt", "/activityId"),
        };
        let at = "2024-11-12T09:00:00Z";
        let mut record = match self {
            Self::Events | Self::Purchased => {
                let trigger = if self == Self::Events { "PAGE_VIEW" } else { "PURCHASE" };
                json!({"_index": "axon.event.commerce", "_id": id.to_string(), "_source": {"triggerType": trigger,
                    "userId": id, "properties": {"activityId": 77}, "occurredAt": at}})
            }
            Self::Entries => json!({"kind": "entry", "id": id, "userId": id, "activityId": 77, "status": "APPROVED",
                "createdAt": at}),
            Self::Purchases => json!({"kind": "purchase", "id": id, "userId": id, "activityId": 77, "productId": 456,
                "price": 100, "quantity": 1, "status": "CONFIRMED", "purchaseAt": at}),
        };
        let prefix = if record.get("_source").is_some() { "/_source" } else { "" };
        let mut set = |path: &str, value: Value| *record.pointer_mut(path).expect("a field") = value;
        match damage {
            None => {}
            Some(Unreadable) => return "{\"cut off".to_owned(),
            Some(NoTime) => set(&format!("{prefix}/{time}"), json!("12/11/2024 18:00")),
            Some(TimeOutOfRange) => set(&format!("{prefix}/{time}"), json!("1812-01-01T00:00:00Z")),
            Some(Future) => set(&format!("{prefix}/{time}"), json!("2024-11-13T09:00:00Z")),
            Some(NoActivity) => set(activity, json!("act-77")),
            Some(NoSubject) => set("/_source/userId", json!("u".repeat(5_000))),
            Some(NotBelieved) => set("/_index", json!("axon.event.behavior")),
            Some(UnknownStatus) => set("/status", json!("SETTLED")),
            Some(BadAmount) => set("/price", json!("much")),
            Some(other) => panic!("no such damage: {other:?}"),
        }
        record.to_string()
    }
}

fn now() -> Timestamp {
    "2024-11-12T10:30:00Z".parse().expect("an instant")
}

fn dashboard(kind: Kind, reason: LeftOutReason, damaged: u64) -> Dashboard {
    let lines: Vec<String> = (1..=ALL).map(|id| kind.record(id, (id <= damaged).then_some(reason))).collect();
    let lines = Cursor::new(lines.join("\n"));
    let files = Files::new().catalog_from("catalog", Cursor::new(CATALOG)).accept_rejected();
    let files = match kind.source() {
        SourceKind::Behavior => files.events_from("events", lines),
        _ => files.ledger_from("ledger", lines),
    };
    let store = MemoryStore::load(files).expect("a store");
    let purchases = match kind {
        Kind::Purchased => Record::Event(axon_metrics::EventRule::trigger("PURCHASE")),
        _ => Record::Ledger(LedgerStep::Purchase),
    };
    let rules = StepRules::default().with("approve", Record::Ledger(LedgerStep::ApprovedEntry)).expect("a step");
    let rules = rules.with("purchase", purchases).expect("a step");
    Dashboard::builder().memory(store).step_rules(rules).build()
}

/// The figures of a widget that are counted from the damaged records: all of them have the same right value.
fn figures(widget: Widget, kind: Kind, data: &Value) -> Vec<Value> {
    let step = match kind {
        Kind::Events => (0, "totalVisits"),
        Kind::Entries => (2, "approvedCount"),
        Kind::Purchased | Kind::Purchases => (3, "purchaseCount"),
    };
    let sum = |list: &Value| match list.as_array() {
        Some(list) if list.iter().all(|one| one["visits"].is_u64()) => {
            json!(list.iter().filter_map(|one| one["visits"].as_u64()).sum::<u64>())
        }
        _ => Value::Null,
    };
    match (widget, kind) {
        (Widget::Overview, _) => vec![data[step.1].clone()],
        (Widget::Funnel, _) => vec![data["steps"][step.0]["value"].clone()],
        (Widget::Activities, _) => vec![data[0][step.1].clone()],
        (Widget::Comparison, Kind::Purchases) => {
            ["orders", "quantity", "buyers"].map(|name| data["promotion"][name].clone()).into()
        }
        (Widget::Trend, Kind::Events) => vec![sum(&data["buckets"])],
        (Widget::Realtime, Kind::Events) => vec![sum(&data["hourlyInflow"])],
        _ => Vec::new(),
    }
}

/// Whether the widget, or for a share that is tolerated the source, says how many records were left out.
fn says(answer: &DashboardAnswer, widget: Widget, kind: Kind, reason: LeftOutReason, damaged: u64) -> bool {
    let state = &answer.widgets[&widget];
    let in_warning = state.warnings.iter().any(|warning| {
        warning.code == WarningCode::RecordsLeftOut
            && warning.text("reason") == Some(reason.code())
            && warning.number("records") == i64::try_from(damaged).ok()
    });
    let in_missing = state
        .missing
        .iter()
        .any(|missing| missing.detail.as_ref().is_some_and(|detail| detail.code() == reason.code()));
    let in_source = answer.sources.iter().filter(|source| source.kind == kind.source()).any(|source| {
        let left_out = source.coverage.iter().flat_map(|coverage| &coverage.left_out);
        left_out.into_iter().any(|one| one.reason == reason && one.records == Some(damaged))
    });
    let is_tolerated = damaged <= TOLERATED;
    (in_warning || in_missing || is_tolerated && in_source) && (is_tolerated || state.status == WidgetStatus::Partial)
}

#[tokio::test]
async fn nothing_is_lost_silently() {
    let (mut cells, mut silent) = (0, Vec::new());
    for kind in Kind::ALL {
        for reason in kind.reasons() {
            for damaged in DAMAGED {
                let dashboard = dashboard(kind, *reason, damaged);
                for mode in [Mode::Count, Mode::Unique] {
                    let request =
                        DashboardRequest::campaign(1).widgets(Widget::ALL).period(Period::Last7Days).mode(mode);
                    let answer = dashboard.answer(&request, now()).await.expect("an answer");
                    let data = serde_json::to_value(&answer.data).expect("JSON");
                    for widget in Widget::ALL {
                        for figure in figures(widget, kind, &data[widget.name()]) {
                            cells += 1;
                            let is_right = figure == json!(ALL);
                            let is_plausible =
                                figure.is_null() && damaged > 0 || figure == json!(ALL - damaged) && damaged != ALL;
                            if !(is_right || is_plausible && says(&answer, widget, kind, *reason, damaged)) {
                                let state = &answer.widgets[&widget];
                                silent.push(format!(
                                    "{kind:?} {reason:?} {damaged} {mode:?} {}: {figure}, {:?} {:?} {:?}",
                                    widget.name(),
                                    state.status,
                                    state.warnings,
                                    state.missing.first()
                                ));
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(cells > 600, "{cells} cells");
    let count = silent.len();
    silent.truncate(20);
    assert!(silent.is_empty(), "{count} of {cells} cells are silent:\n{}", silent.join("\n"));
}

#[tokio::test]
async fn a_store_of_whole_records_leaves_nothing_out() {
    for kind in Kind::ALL {
        let answer = dashboard(kind, Unreadable, 0)
            .answer(&DashboardRequest::campaign(1).widgets(Widget::ALL).period(Period::Last7Days), now())
            .await
            .expect("an answer");
        for (widget, state) in &answer.widgets {
            assert!(state.warnings.iter().all(|one| one.code != WarningCode::RecordsLeftOut), "{widget:?} {state:?}");
        }
        let coverage =
            answer.sources.iter().filter(|one| one.kind == kind.source()).filter_map(|one| one.coverage.as_ref());
        for coverage in coverage {
            assert!(coverage.left_out.is_empty() && coverage.used >= Some(ALL), "{kind:?} {coverage:?}");
        }
    }
}

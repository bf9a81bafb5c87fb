//! The expected answer, counted record by record.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};

use super::{
    Activity, At, Event, PeriodChoice, Via, World,
    clock::{self, Range, Span},
    days::trend,
    exact::{Figure, change, percent},
    sales::comparison,
    stock::{realtime, remaining_of},
};

/// The data of a widget, its missing figures with their reasons, and its warnings as `code field`.
#[derive(Debug, Default)]
pub(crate) struct Widget {
    pub(crate) data: Map<String, Value>,
    pub(crate) missing: BTreeMap<String, &'static str>,
    pub(crate) warnings: BTreeSet<String>,
    /// Whether a figure is missing that should be there.
    pub(crate) has_gap: bool,
}

impl Widget {
    /// The value of a figure; null, with its reason in `missing`, if it has none.
    pub(crate) fn value(&mut self, path: impl Into<String>, figure: Figure) -> Value {
        figure.unwrap_or_else(|why| {
            self.missing.insert(path.into(), why);
            Value::Null
        })
    }

    pub(crate) fn put(&mut self, name: &str, figure: Figure) {
        let value = self.value(name, figure);
        self.data.insert(name.to_owned(), value);
    }

    pub(crate) fn warn(&mut self, code: &str, field: &str) {
        self.warnings.insert(format!("{code} {field}"));
    }
}

pub(crate) fn text(at: At) -> Value {
    json!(at.instant().to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// The head and the widgets of the answer; `None` if the question must be refused.
pub(crate) fn expected(world: &World) -> Option<(Value, BTreeMap<&'static str, Widget>)> {
    let range = clock::range(world)?;
    let mut widgets = BTreeMap::from([
        ("overview", overview(world, &range)),
        ("funnel", funnel(world, &range)),
        ("comparison", comparison(world, &range)),
        ("realtime", realtime(world)),
    ]);
    if world.question.activity.is_none() {
        widgets.insert("trend", trend(world, &range));
        widgets.insert("activities", activities(world, &range));
    }
    Some((head(world, &range), widgets))
}

fn head(world: &World, range: &Range) -> Value {
    let campaign = &world.campaigns[0];
    let phase = match world.question.activity {
        Some(_) => phase(world, world.scope()[0].start, world.scope()[0].end),
        None => phase(world, campaign.start, campaign.end),
    };
    let day = |at: At| json!(clock::local(at, world.zone).date().to_string());
    let mut head = json!({
        "campaignId": 123,
        "campaignKey": "123",
        "period": match world.question.period {
            PeriodChoice::LastDays(days) => format!("{days}d"),
            PeriodChoice::Custom(..) => "custom".to_owned(),
        },
        "timestamp": text(world.as_of()),
        "phase": phase,
        "range": {
            "from": text(range.current.from),
            "to": text(range.current.to),
            "startDate": day(range.whole.from),
            "endDate": day(At(range.whole.to.0 - 1)),
            "zone": world.zone.name(),
            "inProgress": range.in_progress(),
        },
        "mode": if world.question.unique { "unique" } else { "count" },
        "warnings": [],
    });
    if let Some(id) = world.question.activity {
        head["activityId"] = json!(id);
        head["activityKey"] = json!(id.to_string());
    }
    if world.question.compare {
        head["range"]["previous"] = json!({ "from": text(range.previous.from), "to": text(range.previous.to) });
    }
    head
}

pub(crate) fn phase(world: &World, start: Option<At>, end: Option<At>) -> &'static str {
    let as_of = world.as_of();
    match (start, end) {
        (_, Some(end)) if end <= as_of => "ended",
        (Some(start), _) if as_of < start => "not_started",
        _ => "running",
    }
}

/// Whether an event counts: a purchase counts only from an index of purchases.
pub(crate) fn is_accepted(trigger: &str, via: Via) -> bool {
    !(trigger == "PURCHASE" && matches!(via, Via::Document("axon.event.behavior", _)))
}

/// The subject of an event: the user, else the session.
pub(crate) fn subject(event: &Event) -> Option<String> {
    event.user.map(|user| format!("user {user}")).or(event.session.map(|session| format!("session {session}")))
}

/// The subjects of all records of a step, of these activities within a span; `None` for an event without a subject.
fn step(world: &World, step: usize, activities: &[u64], span: Span) -> Vec<Option<String>> {
    let counts = |at: At| span.contains(at) && at < world.as_of();
    let mut subjects = Vec::new();
    if step == 2 && world.approvals_from_entries {
        for entry in &world.entries {
            if entry.status == "APPROVED" && activities.contains(&entry.activity) && counts(entry.at) {
                subjects.push(Some(format!("user {}", entry.user)));
            }
        }
        return subjects;
    }
    if step == 3 && world.purchases_from_ledger {
        for purchase in &world.purchases {
            let ours = purchase.activity.is_some_and(|id| activities.contains(&id));
            if purchase.is_order() && ours && counts(purchase.at) {
                subjects.push(Some(format!("user {}", purchase.user)));
            }
        }
        return subjects;
    }
    let trigger = ["PAGE_VIEW", "CLICK", "APPROVED", "PURCHASE"][step];
    for event in &world.events {
        let ours = event.activity.is_some_and(|id| activities.contains(&id));
        let defined = step != 0 || world.definition.is_none_or(|wanted| event.definition == Some(wanted));
        // A document counts once, however often it was loaded.
        if event.trigger == trigger && defined && ours && is_accepted(event.trigger, event.via) && counts(event.at) {
            subjects.extend(std::iter::repeat_n(subject(event), event.times));
        }
    }
    subjects
}

/// The four counts, or the reason why they are missing.
fn counts(world: &World, of: &[&Activity], span: Span, unique: bool) -> Result<[u64; 4], &'static str> {
    if of.is_empty() {
        return Err("not_measured:no_activities");
    }
    let funnel: Vec<u64> = of.iter().filter(|activity| activity.has_funnel()).map(|activity| activity.id).collect();
    if funnel.is_empty() {
        return Err("not_supported");
    }
    Ok([0, 1, 2, 3].map(|index| {
        let subjects = step(world, index, &funnel, span);
        let number = if unique { subjects.into_iter().flatten().collect::<HashSet<_>>().len() } else { subjects.len() };
        number as u64
    }))
}

const TOTALS: [&str; 4] = ["totalVisits", "totalParticipants", "approvedCount", "purchaseCount"];

/// The four totals and the conversion rate, with a prefix before their paths.
fn totals(widget: &mut Widget, prefix: &str, counts: Result<[u64; 4], &'static str>) -> Map<String, Value> {
    let mut row = Map::new();
    for (index, name) in TOTALS.iter().enumerate() {
        let figure = counts.map(|counts| json!(counts[index]));
        row.insert((*name).to_owned(), widget.value(format!("{prefix}{name}"), figure));
    }
    let conversion = counts.and_then(|counts| percent(counts[3], counts[0], 2));
    row.insert("conversionRate".to_owned(), widget.value(format!("{prefix}conversionRate"), conversion));
    row
}

fn overview(world: &World, range: &Range) -> Widget {
    let mut widget = Widget::default();
    let (scope, unique) = (world.scope(), world.question.unique);
    let now = counts(world, &scope, range.current, unique);
    widget.data = totals(&mut widget, "", now);
    if !world.question.compare {
        return widget;
    }
    let before = counts(world, &scope, range.previous, unique);
    let previous = totals(&mut widget, "previous.", before);
    let mut changes = Map::new();
    for (index, name) in TOTALS.iter().enumerate() {
        let figure = now.and_then(|now| change((now[index], 1), (before?[index], 1)));
        changes.insert((*name).to_owned(), widget.value(format!("change.{name}"), figure));
    }
    let figure = now.and_then(|now| before.and_then(|before| change((now[3], now[0]), (before[3], before[0]))));
    changes.insert("conversionRate".to_owned(), widget.value("change.conversionRate", figure));
    widget.data.insert("previous".to_owned(), previous.into());
    widget.data.insert("change".to_owned(), changes.into());
    widget
}

fn funnel(world: &World, range: &Range) -> Widget {
    const NAMES: [(&str, &str, &str); 4] = [
        ("방문", "visit", "Visit"),
        ("참여", "engage", "Engage"),
        ("승인", "approve", "Approve"),
        ("구매", "purchase", "Purchase"),
    ];
    let mut widget = Widget::default();
    let (scope, unique) = (world.scope(), world.question.unique);
    let now = counts(world, &scope, range.current, unique);
    let before = counts(world, &scope, range.previous, unique);
    let mut steps = Vec::new();
    for (index, (name, key, name_en)) in NAMES.into_iter().enumerate() {
        let upstream = index.saturating_sub(1);
        let path = |figure: &str| format!("steps[{index}].{figure}");
        let mut step = json!({ "name": name, "key": key, "nameEn": name_en });
        step["value"] = widget.value(path("value"), now.map(|now| json!(now[index])));
        step["rate"] = widget.value(path("rate"), now.and_then(|now| percent(now[index], now[upstream], 1)));
        step["rateFromFirst"] = widget.value(path("rateFromFirst"), now.and_then(|now| percent(now[index], now[0], 1)));
        if world.question.compare {
            let value = widget.value(path("previous.value"), before.map(|before| json!(before[index])));
            let rate = before.and_then(|before| percent(before[index], before[upstream], 1));
            step["previous"] = json!({ "value": value, "rate": widget.value(path("previous.rate"), rate) });
        }
        if let Ok(now) = now {
            match (now[upstream], now[index]) {
                (0, 1..) => widget.warn("missing_upstream", &path("value")),
                (before, now) if now > before => widget.warn("step_exceeds_previous", &path("value")),
                _ => {}
            }
        }
        steps.push(step);
    }
    widget.data.insert("steps".to_owned(), steps.into());
    widget
}

/// The totals per activity, as records whatever the mode.
fn activities(world: &World, range: &Range) -> Widget {
    let mut widget = Widget::default();
    let mut rows = Vec::new();
    for activity in world.scope() {
        let path = format!("activities[{}].", activity.id);
        let mut row = totals(&mut widget, &path, counts(world, &[activity], range.current, false));
        row.insert("activityId".to_owned(), json!(activity.id));
        row.insert("activityKey".to_owned(), json!(activity.id.to_string()));
        row.insert("name".to_owned(), json!(format!("activity {}", activity.id)));
        row.insert("type".to_owned(), json!(activity.kind));
        row.insert("phase".to_owned(), json!(phase(world, activity.start, activity.end)));
        let remaining = remaining_of(world, activity, &path, &mut widget);
        row.insert("remainingStock".to_owned(), widget.value(format!("{path}remainingStock"), remaining));
        rows.push(Value::from(row));
    }
    widget.data.insert("rows".to_owned(), rows.into());
    widget
}

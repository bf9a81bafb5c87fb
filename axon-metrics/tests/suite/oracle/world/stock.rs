//! A second implementation of the widget `realtime`.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    Activity, At, Slots, World,
    clock::{self, MINUTE, Span},
    exact::Figure,
    expect::{Widget, is_accepted, phase, subject, text},
};

pub(crate) fn realtime(world: &World) -> Widget {
    let mut widget = Widget::default();
    let (scope, as_of) = (world.scope(), world.as_of());
    let single = world.question.activity.is_some();
    let (mut remaining, mut limits, mut participants) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = Vec::new();
    for activity in &scope {
        let path = if single { String::new() } else { format!("activities[{}].", activity.id) };
        let left = remaining_of(world, activity, &path, &mut widget);
        let people = participants_of(world, activity);
        widget.has_gap |= people.is_err() && is_started(world, activity);
        if !single {
            let mut row = json!({ "activityId": activity.id, "activityKey": activity.id.to_string() });
            let limit = activity.limit.map(|limit| json!(limit)).ok_or("unlimited");
            row["initialStock"] = widget.value(format!("{path}initialStock"), limit);
            row["remainingStock"] = widget.value(format!("{path}remainingStock"), left.clone());
            row["participantsTotal"] = widget.value(format!("{path}participantsTotal"), people.clone());
            rows.push(row);
        }
        remaining.push(left);
        participants.push(people);
        limits.push(activity.limit.map(|limit| json!(limit)).ok_or("unlimited"));
    }
    widget.put("remainingStock", sum(&remaining));
    widget.put("initialStock", sum(&limits));
    widget.put("participantsTotal", sum(&participants));
    widget.put("activeUsers", active(world));
    widget.put("hourlyInflow", inflow(world));
    // The store is read at the instant of the answer.
    let known = scope.iter().any(|activity| keys(world, activity).is_some());
    let absent = if scope.is_empty() { "not_measured:no_activities" } else { "not_measured:key_missing" };
    widget.put("lastUpdated", if known { Ok(text(as_of)) } else { Err(absent) });
    if !single {
        widget.data.insert("activities".to_owned(), rows.into());
    }
    widget
}

/// The sum, or the first reason why it is missing.
fn sum(parts: &[Figure]) -> Figure {
    if parts.is_empty() {
        return Err("not_measured:no_activities");
    }
    let mut sum = 0;
    for part in parts {
        sum += part.clone()?.as_u64().expect("a count");
    }
    Ok(json!(sum))
}

/// Whether stock is derived from approvals: there are no other records of slots.
fn derived(world: &World) -> bool {
    match &world.slots {
        Slots::Derived => true,
        Slots::File(_) => false,
        Slots::Appended(moves) => moves.is_empty(),
    }
}

/// Counter and members of an activity as stored or derived; `None` if both are absent.
fn keys(world: &World, activity: &Activity) -> Option<(Option<i64>, Option<i64>)> {
    if derived(world) {
        let approved: HashSet<u64> = world
            .events
            .iter()
            .filter(|event| {
                event.trigger == "APPROVED" && event.activity == Some(activity.id) && event.at < world.as_of()
            })
            .filter_map(|event| event.user)
            .collect();
        let held = i64::try_from(approved.len()).unwrap();
        return Some((Some(held), Some(held)));
    }
    let lines = match &world.slots {
        Slots::Derived => return None,
        Slots::File(lines) => lines,
        Slots::Appended(moves) => {
            let mut holders = HashSet::new();
            for (_, user, taken) in moves.iter().filter(|(of, ..)| *of == activity.id) {
                if *taken {
                    holders.insert(user)
                } else {
                    holders.remove(user)
                };
            }
            let held = i64::try_from(holders.len()).unwrap();
            return moves.iter().any(|(of, _, taken)| *of == activity.id && *taken).then_some((Some(held), Some(held)));
        }
    };
    let line = lines.iter().find(|line| line.activity == activity.id)?;
    let members = line.members.as_ref().map(|members| members.iter().collect::<HashSet<_>>().len());
    let keys = (line.counter, members.map(|members| i64::try_from(members).unwrap()));
    (keys != (None, None)).then_some(keys)
}

/// A key may be missing before the start, and not afterwards.
fn is_started(world: &World, activity: &Activity) -> bool {
    phase(world, activity.start, activity.end) != "not_started"
}

fn participants_of(world: &World, activity: &Activity) -> Figure {
    match keys(world, activity) {
        Some((_, Some(members))) => Ok(json!(members)),
        // An empty set has no key.
        Some((Some(counter), None)) if counter <= 0 => Ok(json!(0)),
        None if phase(world, activity.start, activity.end) == "not_started" => Ok(json!(0)),
        _ => Err("not_measured:key_missing"),
    }
}

/// The limit minus the slots held, with its warnings.
pub(crate) fn remaining_of(world: &World, activity: &Activity, path: &str, widget: &mut Widget) -> Figure {
    let field = format!("{path}remainingStock");
    if derived(world) {
        widget.warn("derived", &field);
    }
    let held = match keys(world, activity) {
        None if phase(world, activity.start, activity.end) == "not_started" => Ok(0),
        None | Some((None, None)) => Err("not_measured:key_missing"),
        Some((Some(counter), members)) => {
            if counter < 0 || counter != members.unwrap_or(0) {
                widget.warn("counter_drift", &field);
            }
            Ok(counter)
        }
        Some((None, Some(members))) => {
            // Without a limit there is no remaining stock to be wrong.
            if activity.limit.is_some() {
                widget.warn("counter_drift", &field);
            }
            Ok(members)
        }
    };
    let limit = activity.limit.ok_or("unlimited")?;
    widget.has_gap |= held.is_err() && is_started(world, activity);
    let left = i64::try_from(limit).unwrap() - held?;
    if left < 0 {
        widget.warn("oversold", &field);
    }
    Ok(json!(left.clamp(0, i64::try_from(limit).unwrap())))
}

/// Distinct subjects with any event in the last five minutes.
fn active(world: &World) -> Figure {
    let as_of = world.as_of();
    let last = Span { from: At(as_of.0 - 5 * MINUTE), to: as_of };
    let mut subjects = HashSet::new();
    for event in &world.events {
        if ours(world, event.activity) && is_accepted(event.trigger, event.via) && last.contains(event.at) {
            subjects.extend(subject(event));
        }
    }
    if world.scope().is_empty() { Err("not_measured:no_activities") } else { Ok(json!(subjects.len())) }
}

/// Page views of all activities in the hour in progress, and in the 23 hours before it.
fn inflow(world: &World) -> Figure {
    if world.scope().is_empty() {
        return Err("not_measured:no_activities");
    }
    let (zone, as_of) = (world.zone, world.as_of());
    let mut from = clock::start_of_hour(as_of, zone);
    let mut to = clock::end_of_hour(as_of, zone);
    let mut buckets = Vec::new();
    while buckets.len() < 24 {
        let hour = Span { from, to };
        let visits = world.events.iter().filter(|event| {
            let defined = world.definition.is_none_or(|wanted| event.definition == Some(wanted));
            let in_hour = hour.contains(event.at) && event.at < as_of;
            event.trigger == "PAGE_VIEW" && defined && in_hour && ours(world, event.activity)
        });
        let state = if to <= as_of { "complete" } else { "in_progress" };
        buckets.push(json!({ "from": text(from), "to": text(to), "visits": visits.map(|event| event.times).sum::<usize>(), "state": state }));
        to = from;
        from = clock::start_of_hour(At(from.0 - 1), zone);
    }
    buckets.reverse();
    Ok(Value::from(buckets))
}

fn ours(world: &World, activity: Option<u64>) -> bool {
    world.scope().iter().any(|one| Some(one.id) == activity)
}

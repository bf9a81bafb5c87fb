//! A second implementation of the widget `comparison`, purchase by purchase.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value, json};

use super::{
    At, Purchase, World,
    clock::{self, Range, Span},
    exact::{Figure, Sum, number},
    expect::Widget,
};

pub(crate) fn comparison(world: &World, range: &Range) -> Widget {
    let mut widget = Widget::default();
    let scope = world.scope();
    let products: BTreeSet<u64> = scope.iter().filter_map(|activity| activity.product).collect();
    let ids: Vec<u64> = scope.iter().map(|activity| activity.id).collect();
    let span = inside_promotion(world, range.current);
    let within = |purchase: &&Purchase| span.contains(purchase.at) && purchase.at < world.as_of();
    let sold: Vec<&Purchase> = world.purchases.iter().filter(within).collect();
    let same = |purchase: &&&Purchase| products.contains(&purchase.product);

    let absent = match () {
        () if scope.is_empty() => Some("not_measured:no_activities"),
        () if products.is_empty() => Some("not_measured:no_products"),
        () => None,
    };
    let promotion: Vec<&Purchase> =
        sold.iter().filter(|one| one.activity.is_some_and(|id| ids.contains(&id))).copied().collect();
    let regular: Vec<&Purchase> = sold.iter().filter(same).filter(|one| one.activity.is_none()).copied().collect();
    let of_promotion = if scope.is_empty() { absent } else { None };
    let promotion = sales(&mut widget, "promotion", &promotion, of_promotion);
    let regular = sales(&mut widget, "regular", &regular, absent);

    let mut others: BTreeMap<u64, u64> = BTreeMap::new();
    for one in sold.iter().filter(same).filter(|one| one.is_order()) {
        if let Some(id) = one.activity.filter(|id| !ids.contains(id)) {
            *others.entry(id).or_default() += 1;
        }
    }
    let campaign_of = |id: u64| {
        let lists = |campaign: &&super::Campaign| campaign.activities.iter().any(|activity| activity.id == id);
        world.campaigns.iter().find(lists).map(|campaign| campaign.id)
    };
    let other = |(id, orders): (u64, u64)| {
        let campaign = campaign_of(id);
        let key = campaign.map(|id| id.to_string());
        json!({
            "campaignId": campaign, "campaignKey": key, "activityId": id, "activityKey": id.to_string(), "orders": orders,
        })
    };
    let others = absent.map_or_else(|| Ok(Value::from_iter(others.into_iter().map(other))), Err);

    widget.data.insert("promotion".to_owned(), promotion);
    widget.data.insert("regular".to_owned(), regular);
    widget.data.insert("currency".to_owned(), json!("KRW"));
    widget.data.insert("products".to_owned(), json!(products));
    let keys: Vec<String> = products.iter().map(u64::to_string).collect();
    widget.data.insert("productKeys".to_owned(), json!(keys));
    widget.put("otherPromotions", others);
    let baseline = baseline(world, &mut widget, span, &products, absent);
    widget.data.insert("baseline".to_owned(), baseline);
    widget
}

/// The part of a span inside the promotion: from the first start to the last end, unbounded if a date is missing.
fn inside_promotion(world: &World, span: Span) -> Span {
    let scope = world.scope();
    let starts: Option<Vec<At>> = scope.iter().map(|activity| activity.start).collect();
    let ends: Option<Vec<At>> = scope.iter().map(|activity| activity.end).collect();
    let from = starts.and_then(|starts| starts.into_iter().min()).map_or(span.from, |start| start.max(span.from));
    let to = ends.and_then(|ends| ends.into_iter().max()).map_or(span.to, |end| end.min(span.to));
    Span { from, to }
}

/// Orders, quantity, and revenue in hundredths, of the confirmed purchases.
fn totals<'a>(purchases: impl Iterator<Item = &'a Purchase>) -> [i128; 3] {
    let mut totals = [0; 3];
    for one in purchases.filter(|one| one.is_order()) {
        let quantity = i128::from(one.quantity);
        for (total, more) in totals.iter_mut().zip([1, quantity, quantity * i128::from(one.cents)]) {
            *total += more;
        }
    }
    totals
}

fn money(hundredths: i128) -> Value {
    json!(super::exact::rounded(hundredths, 100, 2))
}

fn sales(widget: &mut Widget, name: &str, purchases: &[&Purchase], absent: Option<&'static str>) -> Value {
    let [orders, quantity, revenue] = totals(purchases.iter().copied());
    let confirmed = purchases.iter().filter(|one| one.is_order());
    let buyers = confirmed.map(|one| one.user).collect::<HashSet<_>>().len();
    let cancelled = purchases.iter().filter(|one| matches!(one.status, "CANCELLED" | "REFUNDED")).count();
    let mut row = json!({});
    let figures = [
        ("orders", json!(orders)),
        ("quantity", json!(quantity)),
        ("revenue", money(revenue)),
        ("buyers", json!(buyers)),
        ("cancelled", json!(cancelled)),
    ];
    for (figure, value) in figures {
        row[figure] = widget.value(format!("{name}.{figure}"), absent.map_or(Ok(value), Err));
    }
    let refunds: Vec<_> = purchases.iter().filter(|one| one.is_refund()).collect();
    let refunded: i128 = refunds.iter().map(|one| i128::from(one.quantity) * i128::from(one.cents)).sum();
    if absent.is_none() && !refunds.is_empty() {
        widget.warn("refunds", name);
    }
    let mut figure = |figure: &str, value| widget.value(format!("{name}.{figure}"), absent.map_or(Ok(value), Err));
    row["refunds"] = json!({
        "rows": figure("refunds.rows", json!(refunds.len())), "revenue": figure("refunds.revenue", money(refunded)),
    });
    row["netRevenue"] = figure("netRevenue", money(revenue + refunded));
    row
}

fn baseline(
    world: &World,
    widget: &mut Widget,
    span: Span,
    products: &BTreeSet<u64>,
    absent: Option<&'static str>,
) -> Value {
    let mut row = json!({});
    let expectation = Expectation::of(world, span, products, absent);
    if expectation.as_ref().is_ok_and(|expectation| expectation.method != "hour_of_week") {
        widget.warn("baseline_fallback", "baseline.method");
    }
    let mut figure = |name: &str, figure: Figure| row[name] = widget.value(format!("baseline.{name}"), figure);
    let sum = |index: usize| expectation.as_ref().map(|expectation| expectation.sums[index]).map_err(|why| *why);
    figure("orders", sum(0).map(|sum| number(&sum.text(1))));
    figure("quantity", sum(1).map(|sum| number(&sum.text(1))));
    figure("revenue", sum(2).map(|sum| json!(sum.text(100))));
    figure("buyers", Err("not_supported"));
    figure("method", expectation.as_ref().map(|expectation| json!(expectation.method)).map_err(|why| *why));
    figure("weeks", expectation.as_ref().map(|expectation| json!(expectation.weeks)).map_err(|why| *why));
    row
}

struct Expectation {
    method: &'static str,
    weeks: u32,
    sums: [Sum; 3],
}

/// One bin of the means: one hour of the week, one day of the week, or everything.
#[derive(Default)]
struct Bin<'a> {
    /// Milliseconds in the window.
    window: i128,
    /// Milliseconds in the history.
    history: i128,
    purchases: Vec<&'a Purchase>,
}

impl Expectation {
    fn of(
        world: &World,
        span: Span,
        products: &BTreeSet<u64>,
        absent: Option<&'static str>,
    ) -> Result<Self, &'static str> {
        let (zone, as_of) = (world.zone, world.as_of());
        let scope = world.scope();
        if scope.is_empty() {
            return Err("not_measured:no_activities");
        }
        let starts: Option<Vec<At>> = scope.iter().map(|activity| activity.start).collect();
        let start = starts.and_then(|starts| starts.into_iter().min()).ok_or("no_baseline")?;
        let end = clock::start_of_hour(start, zone);
        let history_start = clock::days_before(end, 7 * u64::from(world.baseline_weeks), zone);
        if history_start >= as_of {
            return Err("no_baseline");
        }
        absent.map_or(Ok(()), Err)?;
        // The ledger reaches back to its oldest purchase, of any kind.
        let since = world.purchases.iter().map(|one| one.at).filter(|at| *at < as_of).min().ok_or("no_baseline")?;

        // The periods of this many days that are over, and that the ledger covers.
        let whole = |days: u64, count: u32| -> Vec<Span> {
            let period = |k: u32| Span {
                from: clock::days_before(end, days * u64::from(k + 1), zone),
                to: clock::days_before(end, days * u64::from(k), zone),
            };
            (0..count).map(period).filter(|period| since <= period.from && period.to <= as_of).collect()
        };
        let weeks = whole(7, world.baseline_weeks);
        let (method, periods) = match weeks.len() {
            0 => ("mean", whole(1, 7)),
            1 => ("day_of_week", weeks.clone()),
            _ => ("hour_of_week", weeks.clone()),
        };
        if periods.is_empty() {
            return Err("no_baseline");
        }

        let bin = |at: At| match (method, clock::hour_of_week(at, zone)) {
            ("mean", _) => 0,
            ("day_of_week", (day, _)) => day,
            (_, (day, hour)) => day * 24 + hour,
        };
        let mut bins: Vec<Bin> = (0..7 * 24).map(|_| Bin::default()).collect();
        for (at, length) in clock::pieces(span.from, span.to) {
            bins[bin(at)].window += i128::from(length);
        }
        for period in periods.iter().filter(|_| span.from < span.to) {
            for (at, length) in clock::pieces(period.from, period.to) {
                bins[bin(at)].history += i128::from(length);
            }
            let past = |one: &&Purchase| history_start <= one.at && one.at < end && one.at < as_of;
            let sold = world.purchases.iter().filter(past).filter(|one| period.contains(one.at));
            for one in sold.filter(|one| one.activity.is_none() && products.contains(&one.product)) {
                bins[bin(one.at)].purchases.push(one);
            }
        }
        let mut sums = [Sum::ZERO; 3];
        for bin in bins.iter().filter(|bin| bin.history > 0) {
            for (sum, total) in sums.iter_mut().zip(totals(bin.purchases.iter().copied())) {
                sum.add(total * bin.window, bin.history);
            }
        }
        Ok(Self { method, weeks: u32::try_from(weeks.len()).unwrap(), sums })
    }
}

//! The health report of a server: its kind, its tables, the limits of its sessions, the verdict on the configured
//! offsets, the state of a replica; and what is wrong with them.
//! Lives here: the text of each finding. Lives elsewhere: the schema probe (`store::schema`), the check of clocks and
//! replication (`ledger::store_check`), the verdict on an offset (`offsets`).

use axon_metrics::{Catalog, Timestamp, source::Probe};

use crate::{
    ledger::StoreCheck,
    offsets::Verdict,
    options::MySqlOptions,
    store::schema::{ACTIVITIES, CAMPAIGNS, ENTRIES, PURCHASES, Presence, Schema, TimeColumn},
};

pub(crate) fn of_ledger(schema: &Schema, options: &MySqlOptions, check: &StoreCheck, as_of: Timestamp) -> Probe {
    let clocks = [(TimeColumn::Purchase, options.purchase), (TimeColumn::EntryCreated, options.created)];
    let [purchases, entries] = clocks.map(|(column, configured)| schema.clock(column, configured));
    let newest = check.newest.purchases.newest(purchases, as_of).max(check.newest.entries.newest(entries, as_of));
    let offset = |column: TimeColumn, verdict: &Verdict| match schema.holds_instants(column) {
        true => OFFSET_UNUSED.to_owned(),
        false => verdict.text.clone(),
    };
    let status = match &schema.status {
        Presence::Present if options.purchase_statuses == MySqlOptions::default().purchase_statuses => {
            "present: CONFIRMED purchases count".to_owned()
        }
        Presence::Present => {
            format!("present: counted/cancelled/refunded/ignored: {}", options.purchase_statuses)
        }
        Presence::Absent if schema.purchases.is_present() => {
            "absent: every purchase counts, cancelled ones are not measured".to_owned()
        }
        Presence::Absent | Presence::Refused(_) => "unknown".to_owned(),
    };
    let mut findings = of_server(schema);
    findings.extend([
        ("purchases".to_owned(), describe(&schema.purchases)),
        ("purchaseStatus".to_owned(), status),
        ("entries".to_owned(), describe(&schema.entries)),
        ("purchaseOffset".to_owned(), offset(TimeColumn::Purchase, &check.purchase)),
        ("createdOffset".to_owned(), offset(TimeColumn::EntryCreated, &check.created)),
        ("replication".to_owned(), check.replication.describe()),
    ]);
    let clock = |column: &str, setting: &str, verdict: &Verdict| {
        let why = verdict.wrong.as_ref()?;
        Some(format!("{column} is read by a wrong clock: {why}; set mysql.{setting}_offset or mysql.{setting}_zone"))
    };
    let mut problems = schema.problems(&[PURCHASES, ENTRIES]);
    problems.extend(clock("purchases.purchase_at", "purchase", &check.purchase));
    problems.extend(clock("campaign_activity_entries.created_at", "created", &check.created));
    problems.extend(check.replication.problem());
    Probe::default().with_newest(newest).with_findings(findings).with_problems(problems)
}

pub(crate) fn of_catalog(schema: &Schema, options: &MySqlOptions, catalog: &Catalog) -> Probe {
    let activities: usize = catalog.campaigns().iter().map(|campaign| campaign.activities.len()).sum();
    let mut findings = of_server(schema);
    const DATES: [TimeColumn; 4] =
        [TimeColumn::CampaignStart, TimeColumn::CampaignEnd, TimeColumn::ActivityStart, TimeColumn::ActivityEnd];
    let configured = format!("{} configured; not verified, since dates may lie in the future", options.schedule);
    let offset = match DATES.iter().filter(|column| schema.holds_instants(**column)).count() {
        0 => configured,
        all if all == DATES.len() => OFFSET_UNUSED.to_owned(),
        some => format!("{configured}; {some} of the {} columns: {OFFSET_UNUSED}", DATES.len()),
    };
    findings.extend([
        ("campaigns".to_owned(), catalog.campaigns().len().to_string()),
        ("activities".to_owned(), activities.to_string()),
        ("scheduleOffset".to_owned(), offset),
    ]);
    Probe::default().with_findings(findings).with_problems(schema.problems(&[CAMPAIGNS, ACTIVITIES]))
}

/// The finding for columns whose offset is not used.
const OFFSET_UNUSED: &str = "TIMESTAMP, read as UTC whatever is configured";

fn of_server(schema: &Schema) -> Vec<(String, String)> {
    let limit = match schema.limit {
        Some(limit) => format!("{} ms", limit.as_millis()),
        None => "MISSING: an abandoned query keeps running; use pool_options()".to_owned(),
    };
    let session =
        if schema.read_only { "read-only" } else { "may write, within the rights of the user; use pool_options()" };
    let mut findings = vec![
        ("server".to_owned(), format!("{} {}", schema.flavor.name(), schema.version)),
        ("statementLimit".to_owned(), limit),
        ("session".to_owned(), session.to_owned()),
    ];
    if !schema.has_own_settings {
        let text = "MISSING: the session has settings of the server, which can change answers; use pool_options()";
        findings.push(("sessionSettings".to_owned(), text.to_owned()));
    }
    findings
}

fn describe(presence: &Presence) -> String {
    match presence {
        Presence::Present => "present".to_owned(),
        Presence::Absent => "no such table".to_owned(),
        Presence::Refused(fault) => format!("not readable: {fault}"),
    }
}

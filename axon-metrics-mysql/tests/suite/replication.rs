//! A server that is a replica: how far it is behind moves the facts, and a stopped one is never shown as up to date. The
//! replies of a replica are put in by a proxy, since a test may not make one of somebody's server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use axon_examples::stores::Layout;
use axon_metrics::{
    facts::{LedgerFacts, LeftOutReason},
    source::{LedgerSource, Probe},
};
use axon_metrics_mysql::MySqlLedger;
use common::{
    Database, PATIENT, Server, finding, on_each_server, pool_to,
    proxy::{Proxy, through},
    questions::{at, everything, fill},
    unique,
};

/// The reply of a replica, in the names of one version.
fn replica(names: [&str; 3], values: [&str; 3]) -> String {
    let columns: Vec<String> = names.iter().zip(values).map(|(name, value)| format!("{value} AS {name}")).collect();
    format!("SELECT 'Waiting' AS Replica_IO_State, {}, 'x' AS Replica_SQL_Running_State", columns.join(", "))
}

/// The facts and the health report of a server whose statement for its replication is this one instead.
async fn of_replica(database: &Database, show: &'static str, reply: String) -> (LedgerFacts, Probe) {
    let options = database.store.connect_options();
    let proxy = Proxy::before(&options).await;
    proxy.replace(show, reply);
    let ledger = MySqlLedger::new(pool_to(through(&proxy, &options)));
    let facts = ledger.ledger(&everything(PATIENT)).await.unwrap();
    (facts, ledger.probe(at(0), PATIENT).await.unwrap())
}

/// The instant that every fact is complete to, and why records were left out of it.
fn standing(facts: &LedgerFacts) -> (axon_metrics::Timestamp, Vec<LeftOutReason>) {
    let step = facts.steps.current[1].as_ref().unwrap();
    let of =
        |coverage: &axon_metrics::facts::Coverage| coverage.left_out().iter().map(|one| one.reason).collect::<Vec<_>>();
    let standing = (step.complete_to, of(&step.coverage));
    let sales = facts.sales.as_ref().unwrap();
    let (promotion, history) = (sales.promotion.as_ref().unwrap(), facts.history.as_ref().unwrap().as_ref().unwrap());
    assert_eq!((promotion.complete_to, of(&promotion.coverage)), standing);
    assert_eq!((history.complete_to, of(&history.coverage)), standing);
    assert_eq!(of(&facts.steps.current[0].as_ref().unwrap().coverage), standing.1);
    standing
}

async fn a_replica_moves_the_facts<S: Server>((show, names): (&'static str, [&'static str; 3])) {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let (facts, probe) = of_replica(&database, show, replica(names, ["'Yes'", "'Yes'", "40"])).await;
    assert_eq!(standing(&facts), (at(-40), vec![]));
    assert_eq!(finding(&probe, "replication"), "a replica, 40 s behind its source");
    assert!(probe.problems.is_empty(), "{probe:#?}");

    for values in [["'Yes'", "'No'", "NULL"], ["'Connecting'", "'Yes'", "NULL"]] {
        let (facts, probe) = of_replica(&database, show, replica(names, values)).await;
        assert_eq!(standing(&facts), (at(0), vec![LeftOutReason::Behind]));
        assert_eq!(facts.steps.current[1].as_ref().unwrap().value, 2, "the value stays");
        assert!(probe.problems.iter().any(|problem| problem.contains("replica that has stopped")), "{probe:#?}");
    }

    let ledger = MySqlLedger::new(database.pool());
    let facts = ledger.ledger(&everything(PATIENT)).await.unwrap();
    assert_eq!(standing(&facts), (at(0), vec![]));
    assert_eq!(finding(&ledger.probe(at(0), PATIENT).await.unwrap(), "replication"), "no replica");
}

/// With the documented rights a user does not see it. With one more right it does.
async fn a_user_who_may_not_see_it_is_told_which_right_shows_it<S: Server>(right: &'static str) {
    let Some(database) = Database::create::<S>(Layout::Aug2026).await else { return };
    fill(&database).await;
    let name: String = unique("ro").chars().take(30).collect();
    let reader = database.store.create_reader(&name, "a_password").await.unwrap();
    let probe = MySqlLedger::new(pool_to(reader.clone())).probe(at(0), PATIENT).await.unwrap();
    assert!(finding(&probe, "replication").starts_with("not visible to this user"), "{probe:#?}");
    database.run(&format!("GRANT {right} ON *.* TO '{name}'@'%'")).await;
    let probe = MySqlLedger::new(pool_to(reader)).probe(at(0), PATIENT).await.unwrap();
    database.run(&format!("DROP USER '{name}'@'%'")).await;
    assert_eq!(finding(&probe, "replication"), "no replica");
}

const MYSQL: (&str, [&str; 3]) =
    ("SHOW REPLICA STATUS", ["Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"]);
const MARIADB: (&str, [&str; 3]) =
    ("SHOW ALL SLAVES STATUS", ["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"]);

on_each_server! {
    a_replica_moves_the_facts(MYSQL, MARIADB);
    a_user_who_may_not_see_it_is_told_which_right_shows_it("REPLICATION CLIENT", "REPLICA MONITOR");
}

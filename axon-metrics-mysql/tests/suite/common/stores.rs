//! The stores of the conformance suite: both servers, each with both generations of tables.

use std::{marker::PhantomData, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use axon_examples::stores::{
    Layout,
    sql::{ActivityRow, CampaignRow, EntryRow, PurchaseRow},
};
use axon_metrics::{
    Catalog,
    catalog::{Activity, Campaign},
    source::LedgerSource as _,
    testing::{AbsentStore, CatalogStore, EntryRecord, FaultyStore, LedgerStore, LimitedLedgerStore, PurchaseRecord},
};
use axon_metrics_mysql::{MySqlCatalog, MySqlLedger, pool_options_with};
use sqlx::Connection as _;

use super::{Database, PATIENT, Server, owned_source::OwnedSource, pool_at, questions::steps};

/// The tables of December 2025 on a server.
pub(crate) struct Dec2025<S>(PhantomData<S>);
/// The tables of August 2026 on a server.
pub(crate) struct Aug2026<S>(PhantomData<S>);

/// A generation of the tables on a server.
pub(crate) trait Generation: Send + Sync {
    type Server: Server;
    const LAYOUT: Layout;
    const HAS_STATUS: bool;
}

impl<S: Server> Generation for Dec2025<S> {
    type Server = S;
    const LAYOUT: Layout = Layout::Dec2025;
    const HAS_STATUS: bool = false;
}

impl<S: Server> Generation for Aug2026<S> {
    type Server = S;
    const LAYOUT: Layout = Layout::Aug2026;
    const HAS_STATUS: bool = true;
}

async fn insert_campaigns(database: &Database, campaigns: &[Campaign]) {
    let row = |campaign: &Campaign| CampaignRow {
        id: campaign.id.0,
        name: campaign.name.clone(),
        start: campaign.start,
        end: campaign.end,
        budget: campaign.budget.map(|budget| budget.to_string()),
    };
    database.store.insert_campaigns(campaigns.iter().map(row).collect()).await.unwrap();
    let row = |campaign: &Campaign, activity: &Activity| ActivityRow {
        id: activity.id.0,
        campaign: campaign.id.0,
        product: activity.product.map(|product| product.0),
        name: activity.name.clone(),
        limit: activity.limit,
        status: "ACTIVE".into(),
        start: activity.start,
        end: activity.end,
        kind: activity.kind.as_str().to_owned().into(),
        price: "12900.00".into(),
    };
    let rows = campaigns.iter().flat_map(|campaign| campaign.activities.iter().map(|of| row(campaign, of)));
    database.store.insert_activities(rows.collect()).await.unwrap();
}

async fn insert_purchases(database: &Database, purchases: &[PurchaseRecord]) {
    let row = |purchase: &PurchaseRecord| PurchaseRow {
        id: purchase.id,
        user: purchase.user,
        product: purchase.product.0,
        activity: purchase.activity.map(|activity| activity.0),
        price: purchase.price.to_string(),
        quantity: purchase.quantity.into(),
        status: purchase.status,
        at: purchase.at,
    };
    database.store.insert_purchases(purchases.iter().map(row).collect()).await.unwrap();
}

#[async_trait]
impl<G: Generation> LedgerStore for Tables<G> {
    type Source = OwnedSource<MySqlLedger>;
    const HAS_STATUS: bool = G::HAS_STATUS;

    async fn holding(
        campaigns: &[Campaign],
        entries: &[EntryRecord],
        purchases: &[PurchaseRecord],
    ) -> Option<Self::Source> {
        let database = Database::create::<G::Server>(G::LAYOUT).await?;
        insert_campaigns(&database, campaigns).await;
        let row = |entry: &EntryRecord| EntryRow {
            id: entry.id,
            activity: entry.activity.0,
            user: entry.user,
            status: entry.status,
            created_at: entry.created_at,
        };
        database.store.insert_entries(entries.iter().map(row).collect()).await.unwrap();
        insert_purchases(&database, purchases).await;
        Some(OwnedSource { source: MySqlLedger::new(database.pool()), database })
    }
}

#[async_trait]
impl<G: Generation> CatalogStore for Tables<G> {
    type Source = OwnedSource<MySqlCatalog>;

    async fn holding(catalog: &Catalog) -> Option<Self::Source> {
        let database = Database::create::<G::Server>(G::LAYOUT).await?;
        insert_campaigns(&database, catalog.campaigns()).await;
        Some(OwnedSource { source: MySqlCatalog::new(database.pool()), database })
    }

    async fn add(source: &Self::Source, campaign: &Campaign) {
        insert_campaigns(&source.database, std::slice::from_ref(campaign)).await;
    }
}

/// A store with the tables of a generation.
pub(crate) struct Tables<G>(PhantomData<G>);

/// A packet of 32 bytes that is no greeting.
const GARBAGE: &[u8] = b"\x20\0\0\0no greeting, but 32 plain bytes!";

/// The ledger of a server without tables, of one that misbehaves, and of a slow one.
pub(crate) struct LedgerServer<S>(PhantomData<S>);

#[async_trait]
impl<S: Server> AbsentStore for LedgerServer<S> {
    type Source = OwnedSource<MySqlLedger>;

    async fn absent() -> Option<Self::Source> {
        let database = Database::create::<S>(Layout::Dec2025).await?;
        for table in axon_examples::stores::sql::TABLES {
            database.run(&format!("DROP TABLE {table}")).await;
        }
        Some(OwnedSource { source: MySqlLedger::new(database.pool()), database })
    }
}

impl<S: Server> FaultyStore for LedgerServer<S> {
    type Source = MySqlLedger;
    const GARBAGE: &'static [u8] = GARBAGE;

    fn at(server: SocketAddr) -> MySqlLedger {
        MySqlLedger::new(pool_at(server))
    }
}

#[async_trait]
impl<S: Server> LimitedLedgerStore for LedgerServer<S> {
    type Source = OwnedSource<MySqlLedger>;

    async fn slower_than(
        limit: Duration,
        campaigns: &[Campaign],
        purchases: &[PurchaseRecord],
    ) -> Option<Self::Source> {
        let database = Database::create::<S>(Layout::Aug2026).await?;
        insert_campaigns(&database, campaigns).await;
        insert_purchases(&database, purchases).await;
        let pool = pool_options_with(limit).acquire_timeout(PATIENT);
        let source = MySqlLedger::new(pool.connect_lazy_with(database.store.connect_options()));
        // Caches the schema before the table is locked.
        source.ledger(&steps(1, PATIENT)).await.unwrap();
        // A statement over purchases waits for the lock, as for a slow disk.
        let mut locker = sqlx::MySqlConnection::connect_with(&database.store.connect_options()).await.unwrap();
        sqlx::raw_sql("LOCK TABLES purchases WRITE").execute(&mut locker).await.unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(limit * 3).await;
            sqlx::raw_sql("UNLOCK TABLES").execute(&mut locker).await.unwrap();
        });
        Some(OwnedSource { source, database })
    }
}

/// The catalog of a server that misbehaves.
pub(crate) struct CatalogServer<S>(PhantomData<S>);

impl<S: Server> FaultyStore for CatalogServer<S> {
    type Source = MySqlCatalog;
    const GARBAGE: &'static [u8] = GARBAGE;

    fn at(server: SocketAddr) -> MySqlCatalog {
        MySqlCatalog::new(pool_at(server))
    }
}

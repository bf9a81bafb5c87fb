//! Shared by the benches: stores with generated campaigns, an HTTP client (`client`), and bars.

use std::{
    io::{self, Cursor},
    sync::Arc,
};

use axon_examples::generator::{self, Config, Outputs, Plan, Sink};
use axon_metrics::{
    ActivityId, Dashboard, DashboardBuilder, Files, MemoryStore, Money, ProductId, Timestamp, memory,
    source::CatalogSource,
};

pub mod client;

/// Whether this is a trial run of a bench and not a measurement. `cargo test --all-targets` starts benches without any argument,
/// and only `cargo bench` passes `--bench`. Criterion decides in the same way.
pub fn is_trial() -> bool {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    has("--test") || !has("--bench")
}

/// The word printed for a bar that is met or missed.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Requires the bars of a bench, except in a trial run, whose figures mean nothing.
/// # Errors
/// A bar was missed.
pub fn require(met: bool) -> Result<(), &'static str> {
    if met || is_trial() { Ok(()) } else { Err("a bar was missed; the report above marks it as MISSED") }
}

/// The number of events: `full` for a measurement, unless `AXON_BENCH_EVENTS` sets another one; few for a trial run.
pub fn events(full: u64) -> u64 {
    let number = std::env::var("AXON_BENCH_EVENTS").ok().and_then(|text| text.parse().ok());
    if is_trial() { 5_000 } else { number.unwrap_or(full) }
}

/// The generator's plan for this number of events.
///
/// # Panics
/// If the generator refuses the number.
pub fn plan(events: u64) -> Plan {
    Plan::new(Config { events, ..Config::default() }).expect("a plan the generator accepts")
}

/// The content of the generator's files: events, catalog, ledger, realtime.
///
/// # Panics
/// Never: writing to memory does not fail.
pub fn files_in_memory(plan: &Plan) -> [Vec<u8>; 4] {
    let [mut events, mut catalog, mut ledger, mut realtime] = [const { Vec::new() }; 4];
    let outputs = Outputs { events: &mut events, catalog: &mut catalog, ledger: &mut ledger, realtime: &mut realtime };
    plan.write(outputs, |_| {}).expect("written to memory");
    [events, catalog, ledger, realtime]
}

/// A store with this number of generated events, and the instant at which they end. Records are passed directly from the
/// generator to the store, so that tens of millions need neither disk nor text.
///
/// # Panics
/// Never: the generator's records are valid.
pub fn store(events: u64) -> (MemoryStore, Timestamp) {
    let plan = plan(events);
    let mut loader = StoreLoader::default();
    plan.generate(&mut loader, |_| {}).expect("filled");
    loader.flush();
    (loader.store.expect("a catalog came first"), plan.config().now)
}

/// Appends generated records to a store in batches.
#[derive(Debug, Default)]
struct StoreLoader {
    store: Option<MemoryStore>,
    events: Vec<memory::Event>,
    entries: Vec<memory::Entry>,
    purchases: Vec<memory::Purchase>,
}

const BATCH: usize = 1_000_000;

impl StoreLoader {
    fn flush(&mut self) {
        let Some(store) = &self.store else { return };
        store.append_events(self.events.drain(..));
        store.append_entries(self.entries.drain(..));
        store.append_purchases(self.purchases.drain(..));
    }
}

impl Sink for StoreLoader {
    fn catalog(&mut self, catalog: &generator::Catalog) -> io::Result<()> {
        let catalog = Cursor::new(serde_json::to_vec(catalog)?);
        self.store = Some(MemoryStore::load(Files::new().catalog_from("catalog", catalog)).map_err(io::Error::other)?);
        Ok(())
    }

    fn event(&mut self, event: &generator::Event) -> io::Result<()> {
        let Some(activity) = event.activity_id else { return Ok(()) };
        self.events.push(memory::Event {
            trigger: event.trigger().as_str().into(),
            definition: event.kind.definition().map(i64::from),
            at: event.occurred(),
            activity: ActivityId(activity.get().into()),
            user: event.user_id.map(|user| user.get().into()),
            session: event.session.map(|session| session.to_string()),
        });
        if self.events.len() >= BATCH {
            self.flush();
        }
        Ok(())
    }

    fn entry(&mut self, entry: &generator::Entry) -> io::Result<()> {
        self.entries.push(memory::Entry {
            id: entry.id.into(),
            activity: ActivityId(entry.activity_id.into()),
            user: entry.user_id.into(),
            status: entry.status.as_str().into(),
            created_at: entry.created(),
        });
        Ok(())
    }

    fn purchase(&mut self, purchase: &generator::Purchase) -> io::Result<()> {
        self.purchases.push(memory::Purchase {
            id: purchase.id.into(),
            user: purchase.user_id.into(),
            product: Some(ProductId(purchase.product_id.into())),
            activity: purchase.activity_id.map(|id| ActivityId(id.into())),
            price: Money::from(purchase.price) / Money::ONE_HUNDRED,
            quantity: purchase.quantity.into(),
            status: purchase.status.as_str().into(),
            at: purchase.purchased(),
        });
        Ok(())
    }

    fn realtime(&mut self, slots: &[generator::Slot]) -> io::Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        for slot in slots {
            let (activity, change) = (ActivityId(slot.activity_id.into()), memory::SlotChange::Taken);
            store.append_slots(slot.members.iter().map(|user| memory::Slot { activity, user: (*user).into(), change }));
        }
        Ok(())
    }
}

/// A dashboard over one store, without caches: each answer asks the store.
pub fn dashboard(store: &MemoryStore) -> Dashboard {
    over(store).lifetimes(axon_metrics::Lifetimes::none()).build()
}

/// A dashboard over one store, with caches of the default lifetimes.
pub fn caching_dashboard(store: &MemoryStore) -> Dashboard {
    over(store).build()
}

fn over(store: &MemoryStore) -> DashboardBuilder<Arc<dyn CatalogSource>> {
    Dashboard::builder().memory(store.clone())
}

//! A plan: the campaigns of a valid configuration. Running it gives records and totals.

use std::io;

use super::calendar::{self, HOUR, instant};
use super::expected_totals::{
    ExpectedActivity, ExpectedCampaign, ExpectedTotals, Figures, InflowHour, PeriodFigures, Periods, Range, Setting,
    Stock,
};
use super::ndjson::{NdjsonSink, Outputs};
use super::progress::Progress;
use super::run::Run;
use super::scenario::{Stage, World};
use super::{ActivityType, Catalog, Config, ConfigError, Sink, Slot};

/// A plan of the data. It can be run any number of times, each time with the same result.
#[derive(Debug, Clone)]
pub struct Plan {
    config: Config,
    world: World,
    start: i64,
}

impl Plan {
    /// Plans campaigns, activities and products.
    /// # Errors
    /// The configuration is invalid.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let today = calendar::date(config.zone, config.now.timestamp_millis());
        let first = calendar::back(today, u64::from(config.days));
        Ok(Self { start: calendar::midnight(config.zone, first), world: World::new(&config), config })
    }

    /// The configuration of the plan.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The planned campaigns, activities and products.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.world.catalog
    }

    /// Writes the files in the format of the embedded store, and returns the expected totals. The
    /// number of lines of events is exactly the configured one.
    /// # Errors
    /// The first error of an output.
    pub fn write(&self, outputs: Outputs<'_>, progress: impl FnMut(Progress)) -> io::Result<ExpectedTotals> {
        self.generate(&mut NdjsonSink::new(&self.config, outputs), progress)
    }

    /// Passes the records to a sink, one by one, and returns the expected totals.
    /// # Errors
    /// The first error of the sink.
    pub fn generate<S: Sink>(&self, sink: &mut S, mut progress: impl FnMut(Progress)) -> io::Result<ExpectedTotals> {
        let mut run = Run::new(&self.config, &self.world, self.start, sink);
        let slots = run.run(self.start, &mut progress)?;
        Ok(self.expected(&run, &slots))
    }

    fn expected<S: Sink>(&self, run: &Run<'_, S>, slots: &[Slot]) -> ExpectedTotals {
        let mut load = run.tally.load.clone();
        load.events_by_trigger = run.tally.by_trigger().collect();
        let all: Vec<(usize, &Stage)> = self.world.stages.iter().enumerate().collect();
        let campaigns = self.world.catalog.campaigns.iter().enumerate().map(|(index, campaign)| {
            let of_it = |(_, stage): &&(usize, &Stage)| usize::from(stage.campaign) == index;
            let stages: Vec<_> = all.iter().filter(of_it).copied().collect();
            let scope = self.world.stages.len() + index;
            let activities = stages.iter().zip(&campaign.activities).map(|(stage, activity)| ExpectedActivity {
                activity_id: activity.id,
                name: activity.name.clone(),
                kind: activity.kind,
                figures: self.figures(run, slots, stage.0, &[*stage]),
            });
            ExpectedCampaign {
                campaign_id: campaign.id,
                name: campaign.name.clone(),
                activities: activities.collect(),
                figures: self.figures(run, slots, scope, &stages),
            }
        });
        ExpectedTotals {
            setting: Setting {
                seed: self.config.seed,
                events: self.config.events,
                now: self.config.now,
                from: instant(self.start),
                days: self.config.days,
                zone: self.config.zone.name().to_owned(),
                export: self.config.export,
            },
            as_of: instant(run.tally.as_of),
            load,
            campaigns: campaigns.collect(),
        }
    }

    fn figures<S: Sink>(&self, run: &Run<'_, S>, slots: &[Slot], scope: usize, stages: &[(usize, &Stage)]) -> Figures {
        let has_funnel = |stage: &Stage| stage.kind == ActivityType::FirstComeFirstServe;
        let is_activity = scope < self.world.stages.len();
        let funnel: Vec<usize> =
            stages.iter().filter(|(_, stage)| is_activity || has_funnel(stage)).map(|(index, _)| *index).collect();
        let tally = &run.tally.scopes[scope];
        let period = |range: usize| PeriodFigures {
            range: as_range(run.tally.ranges.current[range]),
            previous_range: as_range(run.tally.ranges.previous[range]),
            counts: tally.steps.counts[range],
            uniques: tally.steps.uniques[range],
            previous_counts: tally.steps.counts[range + 3],
            previous_uniques: tally.steps.uniques[range + 3],
            approved_entries: funnel.iter().map(|index| run.sales.entries(*index)[range]).sum(),
            previous_approved_entries: funnel.iter().map(|index| run.sales.entries(*index)[range + 3]).sum(),
            sales: run.sales.figures(scope, range, &self.world),
        };
        let hours = (0i64..).zip(tally.inflow).map(|(hour, visits)| {
            let from = run.tally.inflow_from + hour * HOUR;
            InflowHour { from: instant(from), to: instant(from + HOUR), visits }
        });
        Figures {
            funnel: stages.iter().any(|(_, stage)| has_funnel(stage)),
            periods: Periods { day: period(0), week: period(1), month: period(2) },
            inflow: hours.collect(),
            active_users: u64::try_from(tally.active.len()).unwrap_or(u64::MAX),
            stock: stock(stages, slots),
        }
    }
}

fn as_range(span: calendar::Span) -> Range {
    Range { from: instant(span.from), to: instant(span.to) }
}

/// The stock summed over activities. An activity that has not started holds no slots.
fn stock(stages: &[(usize, &Stage)], slots: &[Slot]) -> Stock {
    let slot = |stage: &Stage| slots.iter().find(|slot| slot.activity_id == stage.id);
    let counter = |stage: &Stage| slot(stage).map_or(0, |slot| slot.counter);
    let members = |stage: &Stage| slot(stage).map_or(0, |slot| slot.members.len());
    Stock {
        initial_stock: stages.iter().map(|(_, stage)| stage.limit.map(u64::from)).sum(),
        remaining_stock: stages
            .iter()
            .map(|(_, stage)| stage.limit.map(|limit| u64::from(limit.saturating_sub(counter(stage)))))
            .sum(),
        participants_total: stages.iter().map(|(_, stage)| u64::try_from(members(stage)).unwrap_or(u64::MAX)).sum(),
        counter: stages.iter().map(|(_, stage)| u64::from(counter(stage))).sum(),
    }
}

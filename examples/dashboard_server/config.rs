//! Every setting of the server, with its default. A file and the environment override the defaults.
//! Lives here: the keys, and the order of their sources. Lives elsewhere: types of values (`config/values`), further sections
//! (`config/cache`, `config/limits`, `config/numbers`), the command line (`cli`), the use of the settings (`stores`, `serve`).

use std::{net::SocketAddr, path::Path};

use anyhow::Context as _;
use axon_metrics::{DashboardBuilder, StepRules, definitions::AnonymousUsers};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

mod cache;
mod funnels;
mod limits;
mod mysql;
mod numbers;
mod records;
mod values;

pub(crate) use cache::{Cache, Shared};
use funnels::FunnelSettings;
pub(crate) use limits::Limits;
pub(crate) use mysql::MySql;
pub(crate) use numbers::BudgetSettings;
use records::{EntryStatus, PurchaseStatus};
pub(crate) use values::{CountingMode, LogFormat, Profile, Secret, StockCounts, Url};

/// The prefix of environment variables: `AXON_DASHBOARD__MYSQL__URL` is the key `mysql.url`.
const ENVIRONMENT: &str = "AXON_DASHBOARD";

/// The longest `elasticsearch.ingest_lag_ms`, one hour: a longer lag is a typing error for a live dashboard.
const MAX_LAG_MS: u64 = 3_600_000;

/// The server's settings. A store without a `url` is not connected; without any store the server uses the embedded one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The layout of the platform's data, which decides the defaults of names and steps.
    pub(crate) profile: Profile,
    pub(crate) listen: SocketAddr,
    #[serde(with = "values::as_text")]
    pub(crate) zone: Tz,
    pub(crate) default_mode: CountingMode,
    pub(crate) log_format: LogFormat,
    /// Concurrent requests; more are refused.
    pub(crate) max_concurrent: usize,
    /// Whole weeks before a promotion that its baseline is computed from.
    pub(crate) baseline_weeks: u32,
    /// The texts that name nobody in the place of a user or a session. `serde(default)`, since merging sources loses empty lists.
    #[serde(default, deserialize_with = "values::list")]
    pub(crate) anonymous_users: Vec<String>,
    pub(crate) server: ServerSettings,
    coverage: CoverageSettings,
    pub(crate) steps: Steps,
    pub(crate) budgets: BudgetSettings,
    pub(crate) limits: Limits,
    pub(crate) cache: Cache,
    pub(crate) elasticsearch: Elasticsearch,
    pub(crate) mysql: MySql,
    pub(crate) purchase_status: PurchaseStatus,
    pub(crate) entry_status: EntryStatus,
    pub(crate) redis: Redis,
    /// Further funnels beside the plan's; only a file can define them. `serde(default)`, since merging sources loses empty lists.
    #[serde(default)]
    funnels: Vec<FunnelSettings>,
}

/// How answers are sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    /// Whether bodies are compressed for callers who accept that.
    pub(crate) compress: bool,
}

/// What counts as a whole figure.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CoverageSettings {
    /// The share of left-out records up to which a figure counts as whole.
    tolerance: f64,
}

/// The rule of each step of the funnel: `event PAGE_VIEW`, `event PAGE_VIEW,SCREEN_VIEW of 3,4`, `approved entries`, `purchases`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Steps {
    visit: values::StepText,
    engage: values::StepText,
    approve: values::StepText,
    purchase: values::StepText,
}

/// The store of visitors' events.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Elasticsearch {
    pub(crate) url: Url,
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) password_file: String,
    /// An encoded API key, instead of a user.
    pub(crate) api_key: Secret,
    pub(crate) api_key_file: String,
    /// The certificate authority of the server's certificate, PEM; empty for the public ones.
    pub(crate) ca_file: String,
    /// The client's certificate and its key, PEM.
    pub(crate) client_certificate: String,
    pub(crate) client_key: String,
    #[serde(deserialize_with = "values::list")]
    pub(crate) event_indices: Vec<String>,
    #[serde(deserialize_with = "values::list")]
    pub(crate) purchase_indices: Vec<String>,
    /// Whether `purchase_indices` is set, and not the default of the profile.
    #[serde(skip)]
    purchase_indices_are_set: bool,
    /// URLs of an activity's pages, with `{id}` for its id. `serde(default)`, since merging sources loses empty lists.
    #[serde(default, deserialize_with = "values::list")]
    pub(crate) page_urls: Vec<String>,
    pub(crate) ingest_lag_ms: u64,
    /// Whether the lag was measured; for an assumed one, answers carry a warning.
    pub(crate) ingest_lag_measured: bool,
    /// The zone or offset of local times that are stored as if they were UTC; empty for none.
    pub(crate) occurred_at_zone: String,
}

impl Elasticsearch {
    /// The indices from which files' `PURCHASE` events are accepted. `None` if the default of the files applies, which
    /// accepts those of every profile.
    pub(crate) fn purchase_indices_of_files(&self) -> Option<&[String]> {
        self.purchase_indices_are_set.then_some(&self.purchase_indices)
    }
}

/// The store of stock and participants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redis {
    pub(crate) url: Url,
    pub(crate) password: Secret,
    pub(crate) password_file: String,
    /// The login for sentinels.
    pub(crate) sentinel_username: String,
    pub(crate) sentinel_password: Secret,
    pub(crate) sentinel_password_file: String,
    /// PEM files: the authority of the server's certificate, the client's certificate, and its key.
    pub(crate) ca_file: String,
    pub(crate) client_certificate: String,
    pub(crate) client_key: String,
    pub(crate) stock_key: String,
    pub(crate) stock_counts: StockCounts,
    pub(crate) members_key: String,
    /// The time-out of connecting.
    pub(crate) connect_ms: u64,
}

impl Config {
    /// The defaults of a profile.
    fn of(profile: Profile) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let plan = profile == Profile::Plan;
        let (events, purchases, approve) = if plan {
            (["behavior-events"], ["behavior-events"], "approved entries")
        } else {
            (["axon.event.behavior"], ["axon.event.commerce"], "event APPROVED")
        };
        let (stock, counts, members) = if plan {
            ("campaign:{activityId}:remaining", StockCounts::Remaining, "campaignActivity:{activityId}:participants")
        } else {
            ("campaign:{activityId}:counter", StockCounts::Held, "campaign:{activityId}:users")
        };
        Self {
            profile,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            zone: chrono_tz::Asia::Seoul,
            default_mode: CountingMode::Count,
            log_format: LogFormat::Text,
            max_concurrent: 1_024,
            baseline_weeks: 4,
            anonymous_users: AnonymousUsers::default().texts().to_vec(),
            server: ServerSettings { compress: true },
            coverage: CoverageSettings { tolerance: 0.001 },
            steps: Steps {
                visit: "event PAGE_VIEW".into(),
                engage: "event CLICK".into(),
                approve: approve.into(),
                purchase: "event PURCHASE".into(),
            },
            budgets: BudgetSettings::default(),
            limits: Limits::default(),
            cache: Cache::default(),
            elasticsearch: Elasticsearch {
                url: Url::default(),
                username: String::new(),
                password: Secret::default(),
                password_file: String::new(),
                api_key: Secret::default(),
                api_key_file: String::new(),
                ca_file: String::new(),
                client_certificate: String::new(),
                client_key: String::new(),
                event_indices: texts(&events),
                purchase_indices: texts(&purchases),
                purchase_indices_are_set: false,
                page_urls: Vec::new(),
                ingest_lag_ms: 2_000,
                ingest_lag_measured: false,
                occurred_at_zone: String::new(),
            },
            mysql: MySql::default(),
            purchase_status: PurchaseStatus::default(),
            entry_status: EntryStatus::default(),
            redis: Redis {
                url: Url::default(),
                password: Secret::default(),
                password_file: String::new(),
                sentinel_username: String::new(),
                sentinel_password: Secret::default(),
                sentinel_password_file: String::new(),
                ca_file: String::new(),
                client_certificate: String::new(),
                client_key: String::new(),
                stock_key: stock.into(),
                stock_counts: counts,
                members_key: members.into(),
                connect_ms: 200,
            },
            funnels: Vec::new(),
        }
    }

    /// The settings: defaults of the profile, overridden by the file, overridden by the environment.
    /// # Errors
    /// A key is unknown or wrong; the error names the key and its source.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct ProfileOnly {
            profile: Option<Profile>,
        }
        let sources = with_sources(config::Config::builder(), file)?;
        let purchase_indices_are_set = sources.get::<config::Value>("elasticsearch.purchase_indices").is_ok();
        let first: ProfileOnly = sources.try_deserialize()?;
        let defaults = config::Config::try_from(&Self::of(first.profile.unwrap_or_default()))?;
        let mut config: Self = with_sources(config::Config::builder().add_source(defaults), file)?.try_deserialize()?;
        config.elasticsearch.purchase_indices_are_set = purchase_indices_are_set;
        config.steps.rules().context("steps")?;
        funnels::definitions(&config.funnels)?;
        let tolerance = config.coverage.tolerance;
        anyhow::ensure!(
            (0.0..=1.0).contains(&tolerance),
            "coverage.tolerance must be a share from 0 to 1, not {tolerance}"
        );
        config.limits.check().context("limits")?;
        config.cache.check(&config.redis.url).context("cache")?;
        config.mysql.check().context("mysql")?;
        config.purchase_status.check().context("purchase_status")?;
        config.entry_status.check().context("entry_status")?;
        let lag = config.elasticsearch.ingest_lag_ms;
        anyhow::ensure!(lag <= MAX_LAG_MS, "elasticsearch.ingest_lag_ms must be at most {MAX_LAG_MS}, not {lag}");
        config.with_secret_files()
    }

    /// Reads the secrets that are in files. A secret that is set twice is an error.
    fn with_secret_files(mut self) -> anyhow::Result<Self> {
        let secrets = [
            (&mut self.elasticsearch.password, &self.elasticsearch.password_file, "elasticsearch.password"),
            (&mut self.elasticsearch.api_key, &self.elasticsearch.api_key_file, "elasticsearch.api_key"),
            (&mut self.mysql.password, &self.mysql.password_file, "mysql.password"),
            (&mut self.redis.password, &self.redis.password_file, "redis.password"),
            (&mut self.redis.sentinel_password, &self.redis.sentinel_password_file, "redis.sentinel_password"),
            (&mut self.cache.password, &self.cache.password_file, "cache.password"),
            (&mut self.cache.sentinel_password, &self.cache.sentinel_password_file, "cache.sentinel_password"),
        ];
        for (secret, file, key) in secrets {
            if file.is_empty() {
                continue;
            }
            anyhow::ensure!(secret.is_empty(), "{key} and {key}_file are both set: remove one");
            let text = std::fs::read_to_string(file).with_context(|| format!("{key}_file: cannot read {file}"))?;
            *secret = text.trim_end_matches(['\r', '\n']).to_owned().into();
        }
        Ok(self)
    }

    /// Whether any store is connected.
    pub(crate) fn has_stores(&self) -> bool {
        [&self.elasticsearch.url, &self.mysql.url, &self.redis.url].iter().any(|url| !url.is_empty())
    }

    /// Applies the settings to a dashboard.
    pub(crate) fn apply<C>(&self, builder: DashboardBuilder<C>) -> anyhow::Result<DashboardBuilder<C>> {
        let funnels = funnels::definitions(&self.funnels)?;
        let builder = funnels.into_iter().fold(builder, DashboardBuilder::funnel);
        Ok(builder
            .zone(self.zone)
            .default_mode(self.default_mode.into())
            .step_rules(self.steps.rules()?)
            .budgets(self.budgets.0)
            .concurrency(self.limits.questions)
            .max_loads(self.limits.max_loads)
            .lifetimes(self.cache.lifetimes())
            .tenant(&self.cache.tenant)
            .baseline_weeks(self.baseline_weeks)
            .coverage_tolerance(self.coverage.tolerance))
    }

    /// Every key with its value, as a file for `--config`. Secrets are masked.
    pub(crate) fn print(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }
}

/// Adds the file and the environment to the builder's sources.
fn with_sources(
    builder: config::ConfigBuilder<config::builder::DefaultState>,
    file: Option<&Path>,
) -> anyhow::Result<config::Config> {
    let environment = config::Environment::with_prefix(ENVIRONMENT).prefix_separator("__").separator("__");
    let builder = match file {
        Some(path) => builder.add_source(config::File::from(path).format(config::FileFormat::Toml)),
        None => builder,
    };
    builder.add_source(environment).build().map_err(without_lines)
}

/// An error without the line of the file that the parser quotes: it may contain a password.
fn without_lines(error: config::ConfigError) -> anyhow::Error {
    let config::ConfigError::FileParse { uri, cause } = error else { return error.into() };
    let cause = cause.to_string();
    let own: Vec<_> = cause.lines().filter(|line| !line.contains(" |") && !line.contains("| ")).collect();
    anyhow::anyhow!("{}: {}", uri.unwrap_or_else(|| "settings".into()), own.join(": "))
}

impl Steps {
    /// The parsed rules of all steps.
    pub(crate) fn rules(&self) -> anyhow::Result<StepRules> {
        let rule = |key, text: &values::StepText| text.record().with_context(|| format!("steps.{key}"));
        let steps = [
            ("visit", &self.visit),
            ("engage", &self.engage),
            ("approve", &self.approve),
            ("purchase", &self.purchase),
        ];
        steps.into_iter().try_fold(StepRules::default(), |rules, (key, text)| Ok(rules.with(key, rule(key, text)?)?))
    }
}

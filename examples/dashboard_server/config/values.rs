//! The types of settings, and their text forms.

use std::{fmt, str::FromStr};

use anyhow::bail;
use axon_metrics::{EventRule, LedgerStep, Mode, Record};
use clap::ValueEnum;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The layout of the platform's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Profile {
    /// The platform's actual layout.
    #[default]
    Platform,
    /// The layout of the plan.
    Plan,
}

/// The modes that can be the default.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CountingMode {
    /// Number of events
    Count,
    /// Distinct people
    Unique,
}

impl From<CountingMode> for Mode {
    fn from(mode: CountingMode) -> Self {
        match mode {
            CountingMode::Count => Self::Count,
            CountingMode::Unique => Self::Unique,
        }
    }
}

/// Forms of log lines.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// What the stock key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StockCounts {
    /// Slots taken.
    Held,
    /// Slots left.
    Remaining,
}

/// An address. Its text form masks the password.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Url(String);

impl Url {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address with its password.
    pub(crate) fn exposed(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    /// Masks everything that may be a secret. That is the password, and also a single word before the host: some servers take it for
    /// a password, and only for MySQL it is the user. A password may contain any character, so the masked part ends at the last
    /// `@`. Text that is no address is masked as a whole, since it may be a secret that was put into the wrong setting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((login, host)) = self.0.rsplit_once('@') else {
            return f.write_str(if self.is_empty() || self.0.contains("://") { without_login(&self.0) } else { "***" });
        };
        let (scheme, login) = login.split_once("://").map_or(("", login), |(scheme, login)| (scheme, login));
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        let user = match login.split_once(':') {
            Some((user, _)) if plain(user) => format!("{user}:***"),
            None if plain(login) && ["mysql", "mariadb"].contains(&scheme) => login.to_owned(),
            _ => "***".to_owned(),
        };
        let slashes = if scheme.is_empty() { "" } else { "://" };
        write!(f, "{scheme}{slashes}{user}@{}", without_login(host))
    }
}

/// An address without its parameters, if one of them is a password: those of Java programs have the login there.
fn without_login(address: &str) -> &str {
    match address.split_once('?') {
        Some((address, parameters)) if parameters.to_ascii_lowercase().contains("pass") => address,
        _ => address,
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A secret. Its text forms are masked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn is_empty(&self) -> bool {
        self.exposed().is_empty()
    }

    pub(crate) fn exposed(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret.into())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { "***" })
    }
}

/// The rule of a step as text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StepText(String);

impl From<&str> for StepText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl StepText {
    /// The parsed rule.
    pub(crate) fn record(&self) -> anyhow::Result<Record> {
        match self.0.trim() {
            "approved entries" => return Ok(Record::Ledger(LedgerStep::ApprovedEntry)),
            "purchases" => return Ok(Record::Ledger(LedgerStep::Purchase)),
            _ => {}
        }
        let Some(rule) = self.0.trim().strip_prefix("event ") else {
            bail!(
                "{:?} is none of `event TRIGGER,...`, `event TRIGGER,... of DEFINITION,...`, `approved entries`, `purchases`",
                self.0
            )
        };
        let (triggers, definitions) = rule.split_once(" of ").unwrap_or((rule, ""));
        let triggers: Vec<String> = parts(triggers).map(str::to_owned).collect();
        if triggers.is_empty() {
            bail!("{:?} names no trigger", self.0);
        }
        let number =
            |text: &str| text.parse::<i64>().map_err(|_| anyhow::anyhow!("{text:?} is no id of an event definition"));
        let definitions: Vec<i64> = parts(definitions).map(number).collect::<Result<_, _>>()?;
        Ok(Record::Event(EventRule::any_of(triggers).of_definitions(definitions)))
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A list, or one text with commas, as in an environment variable.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum ListForm {
        Many(Vec<String>),
        One(String),
    }
    Ok(match ListForm::deserialize(deserializer)? {
        ListForm::Many(texts) => texts,
        ListForm::One(text) => parts(&text).map(str::to_owned).collect(),
    })
}

/// Serialises values in their `Display` form.
pub(super) mod as_text {
    use super::*;

    pub(crate) fn serialize<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
    }
}

/// An offset from UTC, `+hh:mm`. The name of a zone is an error that says where it belongs.
pub(super) mod offset {
    use chrono::FixedOffset;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &FixedOffset, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FixedOffset, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_zone = text.trim().parse::<chrono_tz::Tz>().is_ok();
        text.trim().parse().map_err(|_| match is_zone {
            true => {
                D::Error::custom(format!("{text:?} is a zone: set it in the key that ends in _zone instead of _offset"))
            }
            false => D::Error::custom(format!(
                "{text:?} is no offset such as +09:00; a zone has a key of its own, which ends in _zone"
            )),
        })
    }
}

/// The name of a zone, or an empty text for none.
pub(super) mod zone {
    use chrono_tz::Tz;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Option<Tz>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.map_or("", |zone| zone.name()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Tz>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = text.trim();
        if name.is_empty() {
            return Ok(None);
        }
        let unknown =
            || format!("{text:?} is no zone such as America/New_York; an offset has the key that ends in _offset");
        name.parse().map(Some).map_err(|_| D::Error::custom(unknown()))
    }
}

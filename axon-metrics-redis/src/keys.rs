//! The names of the keys. Pure.
//! Lives elsewhere: the commands on them (`command`), the meaning of their values (`reply`).

use std::{fmt, str::FromStr, sync::Arc};

use axon_metrics::ActivityId;

/// The part of a template that the activity's id replaces.
const PLACEHOLDER: &str = "{activityId}";

/// A template of key names: a text that contains `{activityId}` exactly once, where the activity's id goes.
///
/// The rest is literal. Another pair of braces around the placeholder makes the id a hash tag, so that all keys of an
/// activity are in one slot of a cluster:
/// ```
/// use axon_metrics::ActivityId;
/// use axon_metrics_redis::KeyTemplate;
/// let key = |template: &str| template.parse::<KeyTemplate>().map(|template| template.key(ActivityId(789)));
/// assert_eq!(key("campaign:{activityId}:counter")?, "campaign:789:counter");
/// assert_eq!(key("campaign:{{activityId}}:counter")?, "campaign:{789}:counter");
/// assert!(key("campaign:{id}:counter").is_err());
/// # Ok::<(), axon_metrics_redis::KeyTemplateError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyTemplate {
    before: Arc<str>,
    after: Arc<str>,
}

/// Why a text is not a valid [`KeyTemplate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTemplateError {
    /// The placeholder is missing.
    #[error("{PLACEHOLDER} is missing: all activities would share one key")]
    NoPlaceholder,
    /// The placeholder occurs more than once.
    #[error("{PLACEHOLDER} occurs more than once: a key template must contain it exactly once")]
    ManyPlaceholders,
}

impl KeyTemplate {
    fn new(before: &str, after: &str) -> Self {
        Self { before: before.into(), after: after.into() }
    }

    /// The key of an activity.
    pub fn key(&self, activity: ActivityId) -> String {
        format!("{}{activity}{}", self.before, self.after)
    }
}

impl FromStr for KeyTemplate {
    type Err = KeyTemplateError;

    fn from_str(text: &str) -> Result<Self, KeyTemplateError> {
        let (before, after) = text.split_once(PLACEHOLDER).ok_or(KeyTemplateError::NoPlaceholder)?;
        if after.contains(PLACEHOLDER) {
            return Err(KeyTemplateError::ManyPlaceholders);
        }
        Ok(Self::new(before, after))
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{PLACEHOLDER}{}", self.before, self.after)
    }
}

impl fmt::Debug for KeyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// The key of an activity's counter, by what it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StockKey {
    /// Slots taken.
    Held(KeyTemplate),
    /// Slots left.
    Remaining(KeyTemplate),
}

impl StockKey {
    /// The template of the key.
    pub fn template(&self) -> &KeyTemplate {
        match self {
            Self::Held(template) | Self::Remaining(template) => template,
        }
    }
}

/// The keys of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RedisKeys {
    /// The counter: a string that holds an integer.
    pub stock: StockKey,
    /// The participants, who hold a slot: a set.
    pub members: KeyTemplate,
}

impl RedisKeys {
    /// The keys of counters and participants.
    pub fn new(stock: StockKey, members: KeyTemplate) -> Self {
        Self { stock, members }
    }

    /// The keys of the platform: `campaign:{activityId}:counter` counts slots taken, `campaign:{activityId}:users` has
    /// the participants.
    pub fn platform() -> Self {
        let stock = StockKey::Held(KeyTemplate::new("campaign:", ":counter"));
        Self::new(stock, KeyTemplate::new("campaign:", ":users"))
    }

    /// The keys of the plan: `campaign:{activityId}:remaining` counts slots left,
    /// `campaignActivity:{activityId}:participants` has the participants.
    pub fn plan() -> Self {
        let stock = StockKey::Remaining(KeyTemplate::new("campaign:", ":remaining"));
        Self::new(stock, KeyTemplate::new("campaignActivity:", ":participants"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVITY: ActivityId = ActivityId(789);

    #[test]
    fn the_default_keys_are_those_of_the_platform_and_of_the_plan() {
        let (platform, plan) = (RedisKeys::platform(), RedisKeys::plan());
        assert_eq!(platform.stock.template().key(ACTIVITY), "campaign:789:counter");
        assert_eq!(platform.members.key(ACTIVITY), "campaign:789:users");
        assert_eq!(plan.stock.template().key(ACTIVITY), "campaign:789:remaining");
        assert_eq!(plan.members.key(ACTIVITY), "campaignActivity:789:participants");
    }

    #[test]
    fn a_template_is_displayed_as_its_text() {
        for text in ["campaign:{activityId}:counter", "{activityId}", "{axon}:{{activityId}}:재고"] {
            assert_eq!(text.parse::<KeyTemplate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_braces_are_literal() {
        let template: KeyTemplate = "{axon}:campaign:{{activityId}}".parse().unwrap();
        assert_eq!(template.key(ACTIVITY), "{axon}:campaign:{789}");
    }

    #[test]
    fn a_template_contains_the_placeholder_exactly_once() {
        let parse = |text: &str| text.parse::<KeyTemplate>();
        for text in ["", "campaign:counter", "campaign:{activityid}:counter", "campaign:{activityId:counter"] {
            assert_eq!(parse(text), Err(KeyTemplateError::NoPlaceholder));
        }
        assert_eq!(parse("{activityId}:{activityId}"), Err(KeyTemplateError::ManyPlaceholders));
    }
}

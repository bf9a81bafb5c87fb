//! Which keys hold what. Pure. Lives elsewhere: what is asked of them (`command`), what the values mean (`reply`).

use std::{fmt, str::FromStr, sync::Arc};

use axon_metrics::ActivityId;

/// What stands for the activity's id.
const PLACEHOLDER: &str = "{activityId}";

/// The name of a key, with the text `{activityId}` in it once where the activity's id goes.
///
/// All else is taken as it stands. So a brace more on each side makes the id a hash tag, and all keys of an activity lie in
/// one slot of a cluster:
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

/// A text that is no template of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTemplateError {
    /// All activities would share one key.
    #[error("{PLACEHOLDER} is missing: all activities would share one key")]
    NoPlaceholder,
    /// Only one place is filled in.
    #[error("{PLACEHOLDER} stands there more than once")]
    ManyPlaceholders,
}

impl KeyTemplate {
    fn around(before: &str, after: &str) -> Self {
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
        Ok(Self::around(before, after))
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

/// The key of an activity's counter, and what it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StockKey {
    /// Slots taken.
    Held(KeyTemplate),
    /// Slots left.
    Remaining(KeyTemplate),
}

impl StockKey {
    /// The key's name.
    pub fn template(&self) -> &KeyTemplate {
        match self {
            Self::Held(template) | Self::Remaining(template) => template,
        }
    }
}

/// The keys of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedisKeys {
    /// The counter: a string that holds an integer.
    pub stock: StockKey,
    /// Those who hold a slot: a set.
    pub members: KeyTemplate,
}

impl RedisKeys {
    /// The keys of the platform: `campaign:{activityId}:counter` counts slots taken, `campaign:{activityId}:users` holds who
    /// took them.
    pub fn platform() -> Self {
        Self {
            stock: StockKey::Held(KeyTemplate::around("campaign:", ":counter")),
            members: KeyTemplate::around("campaign:", ":users"),
        }
    }

    /// The keys of the plan: `campaign:{activityId}:remaining` counts slots left, `campaignActivity:{activityId}:participants`
    /// holds who took the others.
    pub fn plan() -> Self {
        Self {
            stock: StockKey::Remaining(KeyTemplate::around("campaign:", ":remaining")),
            members: KeyTemplate::around("campaignActivity:", ":participants"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVITY: ActivityId = ActivityId(789);

    #[test]
    fn the_keys_of_the_profiles_are_those_of_the_platform_and_the_plan() {
        let (platform, plan) = (RedisKeys::platform(), RedisKeys::plan());
        assert_eq!(platform.stock.template().key(ACTIVITY), "campaign:789:counter");
        assert_eq!(platform.members.key(ACTIVITY), "campaign:789:users");
        assert_eq!(plan.stock.template().key(ACTIVITY), "campaign:789:remaining");
        assert_eq!(plan.members.key(ACTIVITY), "campaignActivity:789:participants");
    }

    #[test]
    fn a_template_is_shown_as_it_was_written() {
        for text in ["campaign:{activityId}:counter", "{activityId}", "{axon}:{{activityId}}:재고"] {
            assert_eq!(text.parse::<KeyTemplate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_braces_are_part_of_the_key() {
        let template: KeyTemplate = "{axon}:campaign:{{activityId}}".parse().unwrap();
        assert_eq!(template.key(ACTIVITY), "{axon}:campaign:{789}");
    }

    #[test]
    fn a_template_has_the_activity_in_it_exactly_once() {
        let parsed = |text: &str| text.parse::<KeyTemplate>();
        for text in ["", "campaign:counter", "campaign:{activityid}:counter", "campaign:{activityId:counter"] {
            assert_eq!(parsed(text), Err(KeyTemplateError::NoPlaceholder));
        }
        assert_eq!(parsed("{activityId}:{activityId}"), Err(KeyTemplateError::ManyPlaceholders));
    }
}

//! The settings of the store that decide its numbers, as texts: they are a part of the definition's hash. Pure.

use super::files::Files;

/// The settings that are not the default, by what the store is asked about. Empty for the defaults, so that their hash
/// stays the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Definitions {
    pub(super) catalog: String,
    /// Of events, and so of slots that are derived from them.
    pub(super) behavior: String,
    pub(super) ledger: String,
}

impl Definitions {
    pub(super) fn of(files: &Files) -> Self {
        let usual = Files::new();
        let (rules, usual_rules) = (&files.rules, &usual.rules);
        let part = |name: &str, is_usual: bool, text: String| (!is_usual).then(|| format!("{name}={text}"));
        let zone = part("zone", files.zone == usual.zone, files.zone.name().to_owned());
        let anonymous = part("anonymousUsers", rules.anonymous == usual_rules.anonymous, rules.anonymous.to_string());
        let indices = &files.purchase_indices;
        let indices = part("purchaseIndices", *indices == usual.purchase_indices, format!("{indices:?}"));
        let pages = part("pages", files.pages == usual.pages, format!("{:?}", files.pages));
        let purchases = part("status", rules.purchases == usual_rules.purchases, rules.purchases.to_string());
        let entries = part("entryStatus", rules.entries == usual_rules.entries, rules.entries.to_string());
        let join = |parts: &[&Option<String>]| parts.iter().copied().flatten().cloned().collect::<Vec<_>>().join(";");
        Self {
            catalog: join(&[&zone]),
            behavior: join(&[&zone, &anonymous, &indices, &pages]),
            ledger: join(&[&zone, &anonymous, &purchases, &entries]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::StatusNames;

    #[test]
    fn only_settings_of_ones_own_that_change_numbers_are_part_of_the_definition() {
        let usual = Files::new().accept_rejected().anonymous_users([
            "null",
            "undefined",
            "none",
            "nan",
            "unknown",
            "anonymous",
            "guest",
            "(NOT SET)",
        ]);
        let usual = usual.purchase_statuses(StatusNames::of_purchases()).events_from("events", std::io::empty());
        assert_eq!(Definitions::of(&usual), Definitions::default());
        let own = Files::new()
            .zone(chrono_tz::UTC)
            .anonymous_users(["nobody"])
            .purchase_indices(["shop"])
            .page_templates(["/a/{id}".parse().expect("a template")])
            .purchase_statuses(StatusNames::of_purchases().with_counted(["paid"]))
            .entry_statuses(StatusNames::of_entries().with_counted(["won"]));
        let Definitions { catalog, behavior, ledger } = Definitions::of(&own);
        assert_eq!(catalog, "zone=UTC");
        assert!(behavior.starts_with(r#"zone=UTC;anonymousUsers=["nobody"];purchaseIndices=["shop"];pages="#));
        assert_eq!(
            ledger,
            "zone=UTC;anonymousUsers=[\"nobody\"];status=[\"PAID\"]/[\"CANCELLED\"]/[\"REFUNDED\"]/[];\
             entryStatus=[\"WON\"]/[]/[]/[\"PENDING\", \"REJECTED\", \"DUPLICATED\"]"
        );
    }
}

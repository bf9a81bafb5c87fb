//! Groups the indices of a search, and decides which triggers count in each group. Pure.
//!
//! - Purchases count in purchase indices only, all other events in event indices only. An index may be both.
//! - A rule over both kinds reads each kind in its own indices.
//! - If all indices of a kind are missing, empty or without activity ids, the whole rule is not measured: the other
//!   kind alone would be a smaller number.
//! - If only some of them are, the count is partial: they may lack events.

use axon_metrics::{EventRule, Reason};

use crate::{
    mapping::{Field, IndexFields, IndexMapping, IndexState, Mappings},
    time_encoding::TimeEncoding,
    times::Times,
};

/// The trigger type that counts in purchase indices only.
pub(crate) const PURCHASE: &str = "PURCHASE";

/// The indices of one search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexGroups {
    /// Indices with the same fields and triggers form one group.
    pub(crate) groups: Vec<IndexGroup>,
    /// The names of all indices, in order.
    pub(crate) names: Vec<String>,
    /// The primary shards of all indices.
    pub(crate) shards: u64,
    /// An index of the kind cannot be read, so the counts may be too small.
    pub(crate) incomplete: bool,
}

/// Indices with the same fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexGroup {
    pub(crate) indices: Vec<String>,
    pub(crate) fields: IndexFields,
    pub(crate) triggers: Triggers,
}

/// Which trigger types count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Triggers {
    /// Exactly these, sorted.
    Only(Vec<String>),
    Any,
    AnyButPurchases,
}

/// The fields of distinct subjects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SubjectFields {
    pub(crate) user: Field,
    pub(crate) session: Field,
}

/// The indices of a rule.
/// # Errors
/// The reason why the rule is not measured.
pub(crate) fn for_rule(rule: &EventRule, mappings: &Mappings) -> Result<IndexGroups, Reason> {
    let mut others: Vec<String> = rule.triggers.iter().filter(|trigger| *trigger != PURCHASE).cloned().collect();
    others.sort_unstable();
    others.dedup();
    let purchases = rule.triggers.iter().any(|trigger| trigger == PURCHASE);
    if !others.is_empty() {
        check_readable(mappings, |index| index.events)?;
    }
    if purchases {
        check_readable(mappings, |index| index.purchases)?;
    }
    let groups = group_indices(mappings, |index| {
        let mut triggers = if index.events { others.clone() } else { Vec::new() };
        if purchases && index.purchases {
            triggers.push(PURCHASE.to_owned());
        }
        (!triggers.is_empty()).then_some(Triggers::Only(triggers))
    });
    let has_definitions = !rule.definitions.is_empty();
    if has_definitions && groups.groups.iter().any(|group| group.fields.definition.is_none()) {
        return Err(Reason::BadValue);
    }
    Ok(groups)
}

/// The indices of a search for any event. A purchase index that is missing or empty is left out: it is created with the
/// first purchase, so nothing is lost.
/// # Errors
/// The reason why the search is not measured.
pub(crate) fn for_any_event(mappings: &Mappings) -> Result<IndexGroups, Reason> {
    check_readable(mappings, |index| index.events)?;
    if mappings.indices.iter().any(|index| matches!(index.state, IndexState::Unreadable(_))) {
        return Err(Reason::BadValue);
    }
    let has_no_purchase =
        |index: &IndexMapping| !index.events && matches!(index.state, IndexState::Missing | IndexState::Empty);
    Ok(group_indices(mappings, |index| match index.purchases {
        _ if has_no_purchase(index) => None,
        true => Some(Triggers::Any),
        false => Some(Triggers::AnyButPurchases),
    }))
}

/// Checks that at least one index of a kind can be read, and none is unreadable.
fn check_readable(mappings: &Mappings, of_kind: impl Fn(&IndexMapping) -> bool) -> Result<(), Reason> {
    let states = || mappings.indices.iter().filter(|index| of_kind(index)).map(|index| &index.state);
    if states().any(|state| matches!(state, IndexState::Unreadable(_))) {
        Err(Reason::BadValue)
    } else if states().any(|state| matches!(state, IndexState::Readable { .. })) {
        Ok(())
    } else if states().any(|state| matches!(state, IndexState::Empty | IndexState::NoActivityIds)) {
        Err(Reason::NoRecords)
    } else {
        Err(Reason::NoIndex)
    }
}

fn group_indices(mappings: &Mappings, triggers: impl Fn(&IndexMapping) -> Option<Triggers>) -> IndexGroups {
    let mut result = IndexGroups { groups: Vec::new(), names: Vec::new(), shards: 0, incomplete: false };
    for index in &mappings.indices {
        let Some(triggers) = triggers(index) else { continue };
        let IndexState::Readable { fields, shards, .. } = &index.state else {
            result.incomplete = true;
            continue;
        };
        result.names.push(index.name.clone());
        result.shards += shards;
        match result.groups.iter_mut().find(|group| group.fields == *fields && group.triggers == triggers) {
            Some(group) => group.indices.push(index.name.clone()),
            None => {
                result.groups.push(IndexGroup { indices: vec![index.name.clone()], fields: *fields, triggers });
            }
        }
    }
    result
}

impl IndexGroups {
    /// The time encoding, if all indices share one.
    pub(crate) fn time_encoding(&self) -> Option<TimeEncoding> {
        common_value(self.groups.iter().map(|group| group.fields.times)).and_then(Times::only)
    }

    /// Whether only purchases are read.
    pub(crate) fn is_of_purchases_only(&self) -> bool {
        let has_purchases_only =
            |group: &IndexGroup| matches!(&group.triggers, Triggers::Only(triggers) if *triggers == [PURCHASE]);
        self.groups.iter().all(has_purchases_only)
    }

    /// The field of activity ids, if all indices have it under one name and in one form.
    pub(crate) fn activity(&self) -> Option<Field> {
        common_value(self.groups.iter().map(|group| group.fields.activity))
    }

    /// The fields of distinct subjects.
    /// # Errors
    /// [`Reason::BadValue`] if a field differs between indices, since a person would count twice, and if an index maps
    /// neither field.
    pub(crate) fn subject_fields(&self) -> Result<SubjectFields, Reason> {
        let is_unmapped = |field: Option<Field>| field.is_some_and(|field| !field.mapped);
        if self.groups.iter().any(|group| is_unmapped(group.fields.user) && is_unmapped(group.fields.session)) {
            return Err(Reason::BadValue);
        }
        let common = |field: fn(&IndexFields) -> Option<Field>| {
            let fields: Option<Vec<Field>> = self.groups.iter().map(|group| field(&group.fields)).collect();
            let fields = fields.ok_or(Reason::BadValue)?;
            let mapped = fields.iter().filter(|field| field.mapped).copied();
            // If no index maps the field, every name of it finds nothing.
            let unmapped = fields.first().copied();
            if fields.iter().any(|field| field.mapped) { common_value(mapped) } else { unmapped }
                .ok_or(Reason::BadValue)
        };
        Ok(SubjectFields { user: common(|fields| fields.user)?, session: common(|fields| fields.session)? })
    }
}

/// The value, if all are equal; `None` of none.
fn common_value<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

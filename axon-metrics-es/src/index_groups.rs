//! Groups the indices that a search reads, and says which triggers count in each. Pure.
//!
//! - Purchases count in purchase indices only, all other events in event indices only. An index may be both.
//! - A rule that asks for both kinds reads both, each in its own indices.
//! - If all indices of a kind are missing, empty or without an activity's id, the whole rule is not measured: the other kind
//!   alone would be a smaller number.
//! - If only some of them are, the count is partial: whether those should hold events cannot be known.

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
    /// Indices with the same fields, asked for the same triggers, form one group.
    pub(crate) groups: Vec<IndexGroup>,
    /// The names of all indices, in order.
    pub(crate) names: Vec<String>,
    /// The primary shards of all indices.
    pub(crate) shards: u64,
    /// An index that belongs to them has nothing to read. The counts are those of the others, and may be too small.
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
    /// These, in order.
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

/// The indices that a rule reads.
pub(crate) fn for_rule(rule: &EventRule, mappings: &Mappings) -> Result<IndexGroups, Reason> {
    let mut others: Vec<String> = rule.triggers.iter().filter(|trigger| *trigger != PURCHASE).cloned().collect();
    others.sort_unstable();
    others.dedup();
    let purchases = rule.triggers.iter().any(|trigger| trigger == PURCHASE);
    if !others.is_empty() {
        readable(mappings, |index| index.events)?;
    }
    if purchases {
        readable(mappings, |index| index.purchases)?;
    }
    let groups = group_indices(mappings, |index| {
        let mut triggers = if index.events { others.clone() } else { Vec::new() };
        if purchases && index.purchases {
            triggers.push(PURCHASE.to_owned());
        }
        (!triggers.is_empty()).then_some(Triggers::Only(triggers))
    });
    let narrowed = !rule.definitions.is_empty();
    if narrowed && groups.groups.iter().any(|group| group.fields.definition.is_none()) {
        return Err(Reason::BadValue);
    }
    Ok(groups)
}

/// The indices that are read for any event. Purchase indices come into being with the first purchase: until then there is none to miss.
pub(crate) fn for_any_event(mappings: &Mappings) -> Result<IndexGroups, Reason> {
    readable(mappings, |index| index.events)?;
    if mappings.indices.iter().any(|index| matches!(index.state, IndexState::Unreadable(_))) {
        return Err(Reason::BadValue);
    }
    let to_come =
        |index: &IndexMapping| !index.events && matches!(index.state, IndexState::Missing | IndexState::Empty);
    Ok(group_indices(mappings, |index| match index.purchases {
        _ if to_come(index) => None,
        true => Some(Triggers::Any),
        false => Some(Triggers::AnyButPurchases),
    }))
}

/// Whether there is something to read in the indices of a kind.
fn readable(mappings: &Mappings, of_kind: impl Fn(&IndexMapping) -> bool) -> Result<(), Reason> {
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
    /// The time encoding of all indices, if it is one.
    pub(crate) fn time_encoding(&self) -> Option<TimeEncoding> {
        one(self.groups.iter().map(|group| group.fields.times)).and_then(Times::only)
    }

    /// Whether nothing but purchases is read.
    pub(crate) fn is_of_purchases_only(&self) -> bool {
        let only = |group: &IndexGroup| matches!(&group.triggers, Triggers::Only(triggers) if *triggers == [PURCHASE]);
        self.groups.iter().all(only)
    }

    /// The activity's field, if it is one in all indices, by its form too.
    pub(crate) fn activity(&self) -> Option<Field> {
        one(self.groups.iter().map(|group| group.fields.activity))
    }

    /// The fields of distinct subjects. Where they differ between indices the same person would count twice.
    /// Where neither of them is in the mapping, subjects cannot be counted at all.
    pub(crate) fn subject_fields(&self) -> Result<SubjectFields, Reason> {
        let unknown = |field: Option<Field>| field.is_some_and(|field| !field.mapped);
        if self.groups.iter().any(|group| unknown(group.fields.user) && unknown(group.fields.session)) {
            return Err(Reason::BadValue);
        }
        let common = |field: fn(&IndexFields) -> Option<Field>| {
            let fields: Option<Vec<Field>> = self.groups.iter().map(|group| field(&group.fields)).collect();
            let fields = fields.ok_or(Reason::BadValue)?;
            let mapped = fields.iter().filter(|field| field.mapped).copied();
            // Where no record has the field, any name finds nothing.
            let unmapped = fields.first().copied();
            if fields.iter().any(|field| field.mapped) { one(mapped) } else { unmapped }.ok_or(Reason::BadValue)
        };
        Ok(SubjectFields { user: common(|fields| fields.user)?, session: common(|fields| fields.session)? })
    }
}

/// The value, if all are the same.
fn one<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

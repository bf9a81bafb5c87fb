//! Which indices a search reads, and what it may believe of each. Pure.
//!
//! Purchases are believed from the purchase indices only, and everything else comes from the event indices; an index may be
//! both. A rule that asks for both kinds reads both, each for its own. A kind whose indices are all missing, empty or without an
//! activity's id makes the whole rule not measured: the other kind alone would be a smaller number. One index among several of a kind
//! that has nothing to read makes it partial: whether it should have something cannot be told.

use axon_metrics::{EventRule, Reason};

use crate::{
    clock::Clock,
    shape::{Field, Index, Shape, Shapes, State},
    times::Times,
};

/// The trigger type that only some indices are believed.
pub(crate) const PURCHASE: &str = "PURCHASE";

/// The indices of a search.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// Those of one shape, asked for the same triggers, together.
    pub(crate) groups: Vec<Group>,
    /// Their names, in order.
    pub(crate) indices: Vec<String>,
    /// The primary shards they have together.
    pub(crate) shards: u64,
    /// An index that belongs to them has nothing to read: the counts are those of the others, and may be too small.
    pub(crate) lacking: bool,
}

/// Indices of one shape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) indices: Vec<String>,
    pub(crate) shape: Shape,
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
pub(crate) struct Distinct {
    pub(crate) user: Field,
    pub(crate) session: Field,
}

/// What a rule reads.
pub(crate) fn of_rule(rule: &EventRule, shapes: &Shapes) -> Result<Reading, Reason> {
    let mut others: Vec<String> = rule.triggers.iter().filter(|trigger| *trigger != PURCHASE).cloned().collect();
    others.sort_unstable();
    others.dedup();
    let purchases = rule.triggers.iter().any(|trigger| trigger == PURCHASE);
    if !others.is_empty() {
        readable(shapes, |index| index.events)?;
    }
    if purchases {
        readable(shapes, |index| index.purchases)?;
    }
    let reading = reading(shapes, |index| {
        let mut triggers = if index.events { others.clone() } else { Vec::new() };
        if purchases && index.purchases {
            triggers.push(PURCHASE.to_owned());
        }
        (!triggers.is_empty()).then_some(Triggers::Only(triggers))
    });
    let narrowed = !rule.definitions.is_empty();
    if narrowed && reading.groups.iter().any(|group| group.shape.definition.is_none()) {
        return Err(Reason::BadValue);
    }
    Ok(reading)
}

/// What any event reads. Purchase indices come into being with the first purchase: until then there is none to miss.
pub(crate) fn of_any(shapes: &Shapes) -> Result<Reading, Reason> {
    readable(shapes, |index| index.events)?;
    if shapes.indices.iter().any(|index| matches!(index.state, State::Unreadable(_))) {
        return Err(Reason::BadValue);
    }
    let to_come = |index: &Index| !index.events && matches!(index.state, State::Missing | State::Empty);
    Ok(reading(shapes, |index| match index.purchases {
        _ if to_come(index) => None,
        true => Some(Triggers::Any),
        false => Some(Triggers::AnyButPurchases),
    }))
}

/// Whether there is something to read in the indices of a kind.
fn readable(shapes: &Shapes, of_kind: impl Fn(&Index) -> bool) -> Result<(), Reason> {
    let states = || shapes.indices.iter().filter(|index| of_kind(index)).map(|index| &index.state);
    if states().any(|state| matches!(state, State::Unreadable(_))) {
        Err(Reason::BadValue)
    } else if states().any(|state| matches!(state, State::Readable { .. })) {
        Ok(())
    } else if states().any(|state| matches!(state, State::Empty | State::Nameless)) {
        Err(Reason::NoRecords)
    } else {
        Err(Reason::NoIndex)
    }
}

fn reading(shapes: &Shapes, triggers: impl Fn(&Index) -> Option<Triggers>) -> Reading {
    let mut reading = Reading { groups: Vec::new(), indices: Vec::new(), shards: 0, lacking: false };
    for index in &shapes.indices {
        let Some(triggers) = triggers(index) else { continue };
        let State::Readable { shape, shards, .. } = &index.state else {
            reading.lacking = true;
            continue;
        };
        reading.indices.push(index.name.clone());
        reading.shards += shards;
        match reading.groups.iter_mut().find(|group| group.shape == *shape && group.triggers == triggers) {
            Some(group) => group.indices.push(index.name.clone()),
            None => {
                reading.groups.push(Group { indices: vec![index.name.clone()], shape: *shape, triggers });
            }
        }
    }
    reading
}

impl Reading {
    /// The clock of all indices, if it is one.
    pub(crate) fn clock(&self) -> Option<Clock> {
        one(self.groups.iter().map(|group| group.shape.times)).and_then(Times::only)
    }

    /// Whether nothing but purchases is read.
    pub(crate) fn is_of_purchases_only(&self) -> bool {
        let only = |group: &Group| matches!(&group.triggers, Triggers::Only(triggers) if *triggers == [PURCHASE]);
        self.groups.iter().all(only)
    }

    /// The activity's field, if it is one in all indices, by its form too.
    pub(crate) fn activity(&self) -> Option<Field> {
        one(self.groups.iter().map(|group| group.shape.activity))
    }

    /// The fields of distinct subjects. Where they differ between indices the same person would count twice.
    /// Where neither of them is in the mapping, whoever did something cannot be told at all.
    pub(crate) fn distinct(&self) -> Result<Distinct, Reason> {
        let unknown = |field: Option<Field>| field.is_some_and(|field| !field.mapped);
        if self.groups.iter().any(|group| unknown(group.shape.user) && unknown(group.shape.session)) {
            return Err(Reason::BadValue);
        }
        let common = |field: fn(&Shape) -> Option<Field>| {
            let fields: Option<Vec<Field>> = self.groups.iter().map(|group| field(&group.shape)).collect();
            let fields = fields.ok_or(Reason::BadValue)?;
            let mapped = fields.iter().filter(|field| field.mapped).copied();
            // Where no record has the field, any name finds nothing.
            let unmapped = fields.first().copied();
            if fields.iter().any(|field| field.mapped) { one(mapped) } else { unmapped }.ok_or(Reason::BadValue)
        };
        Ok(Distinct { user: common(|shape| shape.user)?, session: common(|shape| shape.session)? })
    }
}

/// The value, if all are the same.
fn one<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Option<T> {
    let mut values = values.into_iter();
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

//! What the replies mean: one fact per reply, each standing or failing alone. Pure.

use std::sync::Arc;

use axon_metrics::{
    ActivityId, Measured, Missing, Reason, Timestamp,
    facts::{Fact, RealtimeFacts, Slots, Stock},
    source::SourceError,
};
use redis::Value;

use crate::{
    command::Command,
    error::{NAME, QueryError, Trouble},
    keys::{RedisKeys, StockKey},
};

/// What Redis replied to one command, of the shape that fits it, or why there is nothing.
pub(crate) type Reply = Result<Value, Trouble>;

/// What is asked for activities: counter and members of each, in that order.
pub(crate) fn commands(keys: &RedisKeys, activities: &[ActivityId]) -> Vec<Command> {
    let of = |activity: &ActivityId| {
        [Command::Get(keys.stock.template().key(*activity)), Command::SetSize(keys.members.key(*activity))]
    };
    activities.iter().flat_map(of).collect()
}

/// What the replies to these commands say.
/// # Errors
/// If none of them says anything: the first one's trouble.
pub(crate) fn facts(
    keys: &RedisKeys,
    activities: &[ActivityId],
    replies: Vec<Reply>,
    as_of: Timestamp,
) -> Result<RealtimeFacts, SourceError> {
    let reader = Reader { keys, source: NAME.into(), as_of };
    let heard =
        replies.iter().any(|reply| reply.as_ref().map_or_else(|trouble| trouble.code() == WRONG_TYPE, |_| true));
    let mut replies = replies.into_iter();
    if let (false, Some(Err(trouble))) = (heard, replies.as_slice().first()) {
        return Err(query_error(&reader.stock_question(), trouble.clone()));
    }
    let mut next = || replies.next().unwrap_or(Err(Trouble::Unreadable));
    let slots = activities
        .iter()
        .map(|activity| {
            let (stock, members) = (reader.stock(next()), reader.members(next()));
            (*activity, Slots { stock, members, derived: false })
        })
        .collect();
    Ok(RealtimeFacts { slots })
}

/// Whether the keys may be read, by the replies to a ping and the commands for one activity.
/// # Errors
/// The first right that is missing, or what else is wrong.
pub(crate) fn rights(keys: &RedisKeys, replies: Vec<Reply>) -> Result<(), SourceError> {
    // A ping needs a right of its own, which is not needed otherwise.
    let questions = [stock_question(keys), members_question(keys)];
    for (question, reply) in questions.iter().zip(replies.into_iter().skip(1)) {
        match reply {
            Err(trouble) if trouble.code() != WRONG_TYPE => return Err(query_error(question, trouble)),
            _ => {}
        }
    }
    Ok(())
}

/// What Redis replies to a command for another kind of value than the key holds.
pub(crate) const WRONG_TYPE: &str = "WRONGTYPE";

struct Reader<'a> {
    keys: &'a RedisKeys,
    source: Arc<str>,
    as_of: Timestamp,
}

impl Reader<'_> {
    fn stock(&self, reply: Reply) -> Fact<Stock> {
        let count = match reply {
            Ok(Value::Nil) => Err(Missing::NotMeasured(Reason::KeyMissing)),
            Ok(Value::BulkString(text)) => integer(&text).ok_or(Missing::NotMeasured(Reason::BadValue)),
            Ok(_) => Err(missing(&self.stock_question(), Trouble::Unreadable)),
            Err(trouble) => Err(missing(&self.stock_question(), trouble)),
        };
        Ok(self.measured(match self.keys.stock {
            StockKey::Held(_) => Stock::Held(count?),
            StockKey::Remaining(_) => Stock::Remaining(count?),
        }))
    }

    fn members(&self, reply: Reply) -> Fact<u64> {
        match reply {
            // Redis drops a set that loses its last member, and counts 0 of what is not there.
            Ok(Value::Int(0)) => Err(Missing::NotMeasured(Reason::KeyMissing)),
            Ok(Value::Int(size)) => match u64::try_from(size) {
                Ok(size) => Ok(self.measured(size)),
                Err(_) => Err(missing(&self.members_question(), Trouble::Unreadable)),
            },
            Ok(_) => Err(missing(&self.members_question(), Trouble::Unreadable)),
            Err(trouble) => Err(missing(&self.members_question(), trouble)),
        }
    }

    fn measured<T>(&self, value: T) -> Measured<T> {
        Measured::exact(value, Arc::clone(&self.source), self.as_of)
    }

    fn stock_question(&self) -> String {
        stock_question(self.keys)
    }

    fn members_question(&self) -> String {
        members_question(self.keys)
    }
}

fn stock_question(keys: &RedisKeys) -> String {
    format!("GET {}", keys.stock.template())
}

fn members_question(keys: &RedisKeys) -> String {
    format!("SCARD {}", keys.members)
}

pub(crate) fn query_error(question: &str, trouble: Trouble) -> SourceError {
    QueryError { question: question.to_owned(), source: trouble }.into()
}

fn missing(question: &str, trouble: Trouble) -> Missing {
    if trouble.code() == WRONG_TYPE {
        return Missing::NotMeasured(Reason::BadValue);
    }
    Missing::Unavailable(Arc::new(query_error(question, trouble)))
}

/// An integer as Redis itself reads one: no plus, no blanks, no zeros in front.
fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use redis::ServerError;

    use super::*;

    const ONE: [ActivityId; 1] = [ActivityId(789)];

    fn error_reply(line: &str) -> Reply {
        let reply = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        Err(Trouble::error_reply(&ServerError::try_from(reply.extract_error().unwrap_err()).unwrap()))
    }

    fn text(text: &str) -> Reply {
        Ok(Value::BulkString(text.as_bytes().to_vec()))
    }

    fn slots(keys: &RedisKeys, stock: Reply, members: Reply) -> Slots {
        let mut found = facts(keys, &ONE, vec![stock, members], Timestamp::UNIX_EPOCH).unwrap().slots;
        found.remove(0).1
    }

    fn stock(reply: Reply) -> Fact<Stock> {
        slots(&RedisKeys::platform(), reply, Ok(Value::Int(45))).stock
    }

    fn members(reply: Reply) -> Fact<u64> {
        slots(&RedisKeys::platform(), text("45"), reply).members
    }

    #[test]
    fn counter_and_members_of_each_activity_are_asked_for_in_that_order() {
        let commands = commands(&RedisKeys::plan(), &[ActivityId(7), ActivityId(8)]);
        assert_eq!(
            commands,
            [
                Command::Get("campaign:7:remaining".into()),
                Command::SetSize("campaignActivity:7:participants".into()),
                Command::Get("campaign:8:remaining".into()),
                Command::SetSize("campaignActivity:8:participants".into()),
            ]
        );
    }

    #[test]
    fn a_counter_is_passed_on_as_it_is_stored() {
        for (stored, value) in [("45", 45), ("0", 0), ("-3", -3), ("9223372036854775807", i64::MAX)] {
            assert_eq!(stock(text(stored)).unwrap().value, Stock::Held(value));
            let left = slots(&RedisKeys::plan(), text(stored), Ok(Value::Int(1))).stock;
            assert_eq!(left.unwrap().value, Stock::Remaining(value));
        }
    }

    #[test]
    fn what_is_no_integer_to_redis_is_a_bad_value() {
        for stored in ["", "many", "1.5", " 45", "+45", "045", "-0", "9223372036854775808", "4e1", "４５"] {
            let found = stock(text(stored));
            assert!(matches!(found, Err(Missing::NotMeasured(Reason::BadValue))), "{stored}: {found:?}");
        }
        let binary = stock(Ok(Value::BulkString(vec![0xff, 0xfe])));
        assert!(matches!(binary, Err(Missing::NotMeasured(Reason::BadValue))));
    }

    #[test]
    fn a_key_that_is_not_there_is_missing_and_no_zero() {
        assert!(matches!(stock(Ok(Value::Nil)), Err(Missing::NotMeasured(Reason::KeyMissing))));
        assert!(matches!(members(Ok(Value::Int(0))), Err(Missing::NotMeasured(Reason::KeyMissing))));
    }

    #[test]
    fn a_key_of_another_kind_is_a_bad_value() {
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert!(matches!(stock(error_reply(wrong)), Err(Missing::NotMeasured(Reason::BadValue))));
        assert!(matches!(members(error_reply(wrong)), Err(Missing::NotMeasured(Reason::BadValue))));
        // Also where there is nothing else: the store answered.
        let both = slots(&RedisKeys::platform(), error_reply(wrong), error_reply(wrong));
        assert!(matches!(both.stock, Err(Missing::NotMeasured(Reason::BadValue))));
    }

    #[test]
    fn facts_stand_and_fail_apart() {
        let denied = error_reply("NOPERM this user has no permissions to run the 'scard' command");
        let found = slots(&RedisKeys::platform(), text("45"), denied);
        assert_eq!(found.stock.unwrap().value, Stock::Held(45));
        let Err(Missing::Unavailable(error)) = found.members else { panic!("{:?}", found.members) };
        assert!(
            matches!(&*error, SourceError::Denied { missing, .. } if missing.contains("SCARD campaign:{activityId}:users"))
        );
    }

    #[test]
    fn a_store_that_says_nothing_at_all_is_an_error() {
        let denied = || error_reply("NOPERM this user has no permissions to run the 'get' command");
        let found = facts(&RedisKeys::platform(), &ONE, vec![denied(), denied()], Timestamp::UNIX_EPOCH);
        assert!(matches!(found, Err(SourceError::Denied { .. })), "{found:?}");
    }

    #[test]
    fn a_reply_too_few_is_no_number() {
        let found = facts(&RedisKeys::platform(), &ONE, vec![text("45")], Timestamp::UNIX_EPOCH).unwrap();
        assert!(matches!(found.slots[0].1.members, Err(Missing::Unavailable(_))));
    }

    #[test]
    fn facts_are_complete_up_to_the_answers_instant() {
        let as_of: Timestamp = "2024-11-12T10:30:00Z".parse().unwrap();
        let found = facts(&RedisKeys::platform(), &ONE, vec![text("45"), Ok(Value::Int(45))], as_of).unwrap();
        let (stock, members) = (found.slots[0].1.stock.clone().unwrap(), found.slots[0].1.members.clone().unwrap());
        assert_eq!((stock.complete_to, members.complete_to), (as_of, as_of));
        assert_eq!((&*stock.source, &*members.source), ("redis", "redis"));
    }
}

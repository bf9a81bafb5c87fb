//! Turns replies into facts: one fact per reply, so that a failed reply costs its own fact only. Pure.

use std::sync::Arc;

use axon_metrics::{
    ActivityId, Measured, Missing, Reason, Timestamp,
    facts::{Fact, RealtimeFacts, Slots, Stock},
    source::SourceError,
};
use redis::Value;

use crate::{
    command::Command,
    error::{Fault, NAME, QueryError},
    keys::{RedisKeys, StockKey},
};

/// The reply to one command, of the type that fits it, or why there is none.
pub(crate) type Reply = Result<Value, Fault>;

/// The commands for activities: counter and members of each, in that order.
pub(crate) fn commands(keys: &RedisKeys, activities: &[ActivityId]) -> Vec<Command> {
    let pair = |activity: &ActivityId| {
        [Command::Get(keys.stock.template().key(*activity)), Command::SetSize(keys.members.key(*activity))]
    };
    activities.iter().flat_map(pair).collect()
}

/// The facts of activities, from the replies to [`commands`].
/// # Errors
/// The first fault if no command got an answer. A key of another type counts as an answer.
pub(crate) fn facts(
    keys: &RedisKeys,
    activities: &[ActivityId],
    replies: Vec<Reply>,
    as_of: Timestamp,
) -> Result<RealtimeFacts, SourceError> {
    let reader = Reader { keys, source: NAME.into(), as_of };
    let has_answer =
        replies.iter().any(|reply| reply.as_ref().map_or_else(|fault| fault.code() == WRONG_TYPE, |_| true));
    let mut replies = replies.into_iter();
    if let (false, Some(Err(fault))) = (has_answer, replies.as_slice().first()) {
        return Err(query_error(&reader.stock_question(), fault.clone()));
    }
    let mut next = || replies.next().unwrap_or(Err(Fault::WrongReply));
    let slots = activities
        .iter()
        .map(|activity| {
            let (stock, members) = (reader.stock(next()), reader.members(next()));
            (*activity, Slots::new(stock, members))
        })
        .collect();
    Ok(RealtimeFacts::new(slots))
}

/// Checks that the keys may be read, by the replies to a `PING` and the commands for some activities.
/// # Errors
/// The first missing right, or another fault.
pub(crate) fn rights(keys: &RedisKeys, replies: Vec<Reply>) -> Result<(), SourceError> {
    // The reply to `PING` is skipped: it needs a right of its own, which questions do not need.
    let questions = [stock_question(keys), members_question(keys)];
    for (question, reply) in questions.iter().cycle().zip(replies.into_iter().skip(1)) {
        match reply {
            Err(fault) if fault.code() != WRONG_TYPE => return Err(query_error(question, fault)),
            _ => {}
        }
    }
    Ok(())
}

/// The error code of a command on a key of another type.
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
            Ok(_) => Err(missing(&self.stock_question(), Fault::WrongReply)),
            Err(fault) => Err(missing(&self.stock_question(), fault)),
        };
        Ok(self.measured(match self.keys.stock {
            StockKey::Held(_) => Stock::Held(count?),
            StockKey::Remaining(_) => Stock::Remaining(count?),
        }))
    }

    fn members(&self, reply: Reply) -> Fact<u64> {
        match reply {
            // Redis removes an empty set, so 0 means that the key is missing.
            Ok(Value::Int(0)) => Err(Missing::NotMeasured(Reason::KeyMissing)),
            Ok(Value::Int(size)) => match u64::try_from(size) {
                Ok(size) => Ok(self.measured(size)),
                Err(_) => Err(missing(&self.members_question(), Fault::WrongReply)),
            },
            Ok(_) => Err(missing(&self.members_question(), Fault::WrongReply)),
            Err(fault) => Err(missing(&self.members_question(), fault)),
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

pub(crate) fn query_error(question: &str, fault: Fault) -> SourceError {
    QueryError { question: question.to_owned(), source: fault }.into()
}

fn missing(question: &str, fault: Fault) -> Missing {
    if fault.code() == WRONG_TYPE {
        return Missing::NotMeasured(Reason::BadValue);
    }
    Missing::Unavailable(Arc::new(query_error(question, fault)))
}

/// An integer by the rules of Redis: no plus sign, no blanks, no leading zeros. `None` for any other text.
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
        Err(Fault::error_reply(&ServerError::try_from(reply.extract_error().unwrap_err()).unwrap()))
    }

    fn text(text: &str) -> Reply {
        Ok(Value::BulkString(text.as_bytes().to_vec()))
    }

    fn slots(keys: &RedisKeys, stock: Reply, members: Reply) -> Slots {
        let mut slots = facts(keys, &ONE, vec![stock, members], Timestamp::UNIX_EPOCH).unwrap().slots;
        slots.remove(0).1
    }

    fn stock(reply: Reply) -> Fact<Stock> {
        slots(&RedisKeys::platform(), reply, Ok(Value::Int(45))).stock
    }

    fn members(reply: Reply) -> Fact<u64> {
        slots(&RedisKeys::platform(), text("45"), reply).members
    }

    #[test]
    fn each_activity_has_a_command_for_its_counter_and_one_for_members() {
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
    fn a_counter_is_passed_on_unchanged() {
        for (stored, value) in [("45", 45), ("0", 0), ("-3", -3), ("9223372036854775807", i64::MAX)] {
            assert_eq!(stock(text(stored)).unwrap().value, Stock::Held(value));
            let left = slots(&RedisKeys::plan(), text(stored), Ok(Value::Int(1))).stock;
            assert_eq!(left.unwrap().value, Stock::Remaining(value));
        }
    }

    #[test]
    fn a_text_that_is_no_integer_to_redis_is_a_bad_value() {
        for stored in ["", "many", "1.5", " 45", "+45", "045", "-0", "9223372036854775808", "4e1", "４５"] {
            let fact = stock(text(stored));
            assert!(matches!(fact, Err(Missing::NotMeasured(Reason::BadValue))), "{stored}: {fact:?}");
        }
        let binary = stock(Ok(Value::BulkString(vec![0xff, 0xfe])));
        assert!(matches!(binary, Err(Missing::NotMeasured(Reason::BadValue))));
    }

    #[test]
    fn a_missing_key_is_not_zero() {
        assert!(matches!(stock(Ok(Value::Nil)), Err(Missing::NotMeasured(Reason::KeyMissing))));
        assert!(matches!(members(Ok(Value::Int(0))), Err(Missing::NotMeasured(Reason::KeyMissing))));
    }

    #[test]
    fn a_key_of_another_type_is_a_bad_value() {
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert!(matches!(stock(error_reply(wrong)), Err(Missing::NotMeasured(Reason::BadValue))));
        assert!(matches!(members(error_reply(wrong)), Err(Missing::NotMeasured(Reason::BadValue))));
        // Also if both keys are of another type, since Redis answered.
        let both = slots(&RedisKeys::platform(), error_reply(wrong), error_reply(wrong));
        assert!(matches!(both.stock, Err(Missing::NotMeasured(Reason::BadValue))));
    }

    #[test]
    fn a_failed_reply_costs_its_own_fact_only() {
        let denied = error_reply("NOPERM this user has no permissions to run the 'scard' command");
        let slots = slots(&RedisKeys::platform(), text("45"), denied);
        assert_eq!(slots.stock.unwrap().value, Stock::Held(45));
        let Err(Missing::Unavailable(error)) = slots.members else { panic!("{:?}", slots.members) };
        assert!(
            matches!(&*error, SourceError::Denied { missing, .. } if missing.contains("SCARD campaign:{activityId}:users"))
        );
    }

    #[test]
    fn a_question_without_any_answer_is_an_error() {
        let denied = || error_reply("NOPERM this user has no permissions to run the 'get' command");
        let result = facts(&RedisKeys::platform(), &ONE, vec![denied(), denied()], Timestamp::UNIX_EPOCH);
        assert!(matches!(result, Err(SourceError::Denied { .. })), "{result:?}");
    }

    #[test]
    fn a_missing_reply_is_not_zero() {
        let facts = facts(&RedisKeys::platform(), &ONE, vec![text("45")], Timestamp::UNIX_EPOCH).unwrap();
        assert!(matches!(facts.slots[0].1.members, Err(Missing::Unavailable(_))));
    }

    #[test]
    fn facts_are_complete_up_to_as_of() {
        let as_of: Timestamp = "2024-11-12T10:30:00Z".parse().unwrap();
        let facts = facts(&RedisKeys::platform(), &ONE, vec![text("45"), Ok(Value::Int(45))], as_of).unwrap();
        let Slots { stock, members, .. } = facts.slots[0].1.clone();
        let (stock, members) = (stock.unwrap(), members.unwrap());
        assert_eq!((stock.complete_to, members.complete_to), (as_of, as_of));
        assert_eq!((&*stock.source, &*members.source), ("redis", "redis"));
    }
}

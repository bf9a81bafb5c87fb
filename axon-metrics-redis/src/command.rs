//! What is asked of Redis: reads alone. Pure.

use redis::{Cmd, Value};

/// A command, and the shape of its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// The value of a string; nil if there is no such key.
    Get(String),
    /// The size of a set; 0 if there is no such key.
    SetSize(String),
    /// Whether anybody is there.
    Ping,
}

impl Command {
    pub(crate) fn encoded(&self) -> Cmd {
        match self {
            Self::Get(key) => {
                let mut get = redis::cmd("GET");
                get.arg(key);
                get
            }
            Self::SetSize(key) => {
                let mut size = redis::cmd("SCARD");
                size.arg(key);
                size
            }
            Self::Ping => redis::cmd("PING"),
        }
    }

    /// Whether a reply can be the one to this command. If it cannot, it may be the reply to another one, and so may be all
    /// after it.
    pub(crate) fn fits(&self, reply: &Value) -> bool {
        match self {
            Self::Get(_) => matches!(reply, Value::Nil | Value::BulkString(_)),
            Self::SetSize(_) => matches!(reply, Value::Int(0..)),
            Self::Ping => matches!(reply, Value::SimpleString(pong) if pong == "PONG"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_to_one_command_does_not_fit_another() {
        let commands = [Command::Get("a".into()), Command::SetSize("a".into()), Command::Ping];
        let replies = [Value::BulkString(b"45".to_vec()), Value::Int(45), Value::SimpleString("PONG".into())];
        for (index, command) in commands.iter().enumerate() {
            for (other, reply) in replies.iter().enumerate() {
                assert_eq!(command.fits(reply), index == other, "{command:?} {reply:?}");
            }
        }
    }

    #[test]
    fn replies_of_no_command_fit_none() {
        let strange = [
            Value::Okay,
            Value::Int(-1),
            Value::Array(vec![]),
            Value::Double(45.0),
            Value::Boolean(true),
            Value::SimpleString("45".into()),
        ];
        for reply in strange {
            assert!(!Command::Get("a".into()).fits(&reply) && !Command::SetSize("a".into()).fits(&reply), "{reply:?}");
        }
    }
}

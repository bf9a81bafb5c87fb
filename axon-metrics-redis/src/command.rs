//! What is asked of Redis: reads of the platform's keys; of a cache's own keys reads and `SET`. Pure.

use redis::{Cmd, Value};

/// A command, and the shape of its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// The value of a string; nil if there is no such key.
    Get(String),
    /// The size of a set; 0 if there is no such key.
    SetSize(String),
    /// The values of several strings; nil for each that is no such key or no string.
    GetAll(Vec<String>),
    /// Keeps a value, in place of any other, for so many milliseconds.
    Put { key: String, value: Vec<u8>, millis: u64 },
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
            Self::GetAll(keys) => {
                let mut get = redis::cmd("MGET");
                get.arg(keys);
                get
            }
            Self::Put { key, value, millis } => {
                let mut put = redis::cmd("SET");
                put.arg(key).arg(value).arg("PX").arg(*millis);
                put
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
            Self::GetAll(keys) => match reply {
                Value::Array(values) => {
                    let may_be = |value: &Value| matches!(value, Value::Nil | Value::BulkString(_));
                    values.len() == keys.len() && values.iter().all(may_be)
                }
                _ => false,
            },
            Self::Put { .. } => matches!(reply, Value::Okay),
            Self::Ping => matches!(reply, Value::SimpleString(pong) if pong == "PONG"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_to_one_command_does_not_fit_another() {
        let commands = [
            Command::Get("a".into()),
            Command::SetSize("a".into()),
            Command::GetAll(vec!["a".into()]),
            Command::Put { key: "a".into(), value: b"45".to_vec(), millis: 1 },
            Command::Ping,
        ];
        let replies = [
            Value::BulkString(b"45".to_vec()),
            Value::Int(45),
            Value::Array(vec![Value::BulkString(b"45".to_vec())]),
            Value::Okay,
            Value::SimpleString("PONG".into()),
        ];
        for (index, command) in commands.iter().enumerate() {
            for (other, reply) in replies.iter().enumerate() {
                assert_eq!(command.fits(reply), index == other, "{command:?} {reply:?}");
            }
        }
    }

    #[test]
    fn several_values_fit_only_as_many_keys() {
        let three = Command::GetAll(["a", "b", "c"].map(String::from).into());
        let value = || Value::BulkString(b"45".to_vec());
        assert!(three.fits(&Value::Array(vec![value(), Value::Nil, value()])));
        for values in [vec![], vec![value(), value()], vec![Value::Nil; 4], vec![value(), Value::Int(45), value()]] {
            assert!(!three.fits(&Value::Array(values.clone())), "{values:?}");
        }
    }

    #[test]
    fn a_value_is_put_with_its_time() {
        let put = Command::Put { key: "a:b".into(), value: b"\x00\r\n".to_vec(), millis: 1_500 };
        assert_eq!(
            put.encoded().get_packed_command(),
            b"*5\r\n$3\r\nSET\r\n$3\r\na:b\r\n$3\r\n\x00\r\n\r\n$2\r\nPX\r\n$4\r\n1500\r\n"
        );
    }

    #[test]
    fn replies_of_no_command_fit_none() {
        let strange = [
            Value::Int(-1),
            Value::Array(vec![]),
            Value::Double(45.0),
            Value::Boolean(true),
            Value::SimpleString("45".into()),
        ];
        for reply in strange {
            let commands = [Command::Get("a".into()), Command::SetSize("a".into()), Command::GetAll(vec!["a".into()])];
            assert!(commands.iter().all(|command| !command.fits(&reply)), "{reply:?}");
        }
    }
}

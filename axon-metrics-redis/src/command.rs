//! The commands that are sent to Redis: reads of the platform's keys; reads and `SET` of the cache's own keys. Pure.

use redis::{Cmd, Value};

/// A command. Each variant states the reply that it expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `GET`: the value of a string; nil without the key.
    Get(String),
    /// `SCARD`: the size of a set; 0 without the key.
    SetSize(String),
    /// `MGET`: the values of several strings; nil for each missing key and each key of another type.
    GetAll(Vec<String>),
    /// `SET`: stores a value for this many milliseconds and replaces any other one.
    Put { key: String, value: Vec<u8>, millis: u64 },
    /// `PING`.
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

    /// Whether a reply can belong to this command. If not, it may belong to another one, and so may all later replies
    /// on the connection.
    pub(crate) fn fits(&self, reply: &Value) -> bool {
        match self {
            Self::Get(_) => matches!(reply, Value::Nil | Value::BulkString(_)),
            Self::SetSize(_) => matches!(reply, Value::Int(0..)),
            Self::GetAll(keys) => match reply {
                Value::Array(values) => {
                    let is_string_or_nil = |value: &Value| matches!(value, Value::Nil | Value::BulkString(_));
                    values.len() == keys.len() && values.iter().all(is_string_or_nil)
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
    fn a_list_of_values_fits_only_as_many_keys() {
        let three = Command::GetAll(["a", "b", "c"].map(String::from).into());
        let value = || Value::BulkString(b"45".to_vec());
        assert!(three.fits(&Value::Array(vec![value(), Value::Nil, value()])));
        for values in [vec![], vec![value(), value()], vec![Value::Nil; 4], vec![value(), Value::Int(45), value()]] {
            assert!(!three.fits(&Value::Array(values.clone())), "{values:?}");
        }
    }

    #[test]
    fn a_value_is_stored_with_its_time_to_live() {
        let put = Command::Put { key: "a:b".into(), value: b"\x00\r\n".to_vec(), millis: 1_500 };
        assert_eq!(
            put.encoded().get_packed_command(),
            b"*5\r\n$3\r\nSET\r\n$3\r\na:b\r\n$3\r\n\x00\r\n\r\n$2\r\nPX\r\n$4\r\n1500\r\n"
        );
    }

    #[test]
    fn a_reply_of_an_unused_type_fits_no_command() {
        let replies = [
            Value::Int(-1),
            Value::Array(vec![]),
            Value::Double(45.0),
            Value::Boolean(true),
            Value::SimpleString("45".into()),
        ];
        for reply in replies {
            let commands = [Command::Get("a".into()), Command::SetSize("a".into()), Command::GetAll(vec!["a".into()])];
            assert!(commands.iter().all(|command| !command.fits(&reply)), "{reply:?}");
        }
    }
}

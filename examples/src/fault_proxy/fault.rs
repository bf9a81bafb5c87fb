//! The faults of a proxy, and their text forms.

use std::{fmt, num::NonZeroUsize, str::FromStr, time::Duration};

/// What a proxy does to its connections. The text forms are in the table of [`Fault::from_str`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing: all bytes pass.
    #[default]
    None,
    /// Every byte of a reply arrives this much later; the throughput is not limited.
    Latency(Duration),
    /// Connections are accepted, and no bytes pass in either direction. Bytes sent meanwhile are forwarded after the fault, as by a
    /// network that lost packets for a while.
    Blackhole,
    /// Connections that are open when the fault is set are dead for good, without a sign: writes succeed, and no reply comes. New
    /// connections work. A firewall that loses its table of connections behaves so.
    HalfOpen,
    /// Open connections are reset (RST) at once, new ones as soon as they are accepted.
    Reset,
    /// Open connections are closed (FIN) at once, new ones as soon as they are accepted.
    Close,
    /// Of each reply - the bytes that the server sends between two requests - only the first bytes arrive, then the connection is
    /// closed. Shorter replies pass.
    Cut {
        /// The number of bytes of a reply that arrive.
        after_bytes: u64,
    },
    /// Replies arrive a few bytes at a time.
    Drip {
        /// The number of bytes at a time.
        bytes: NonZeroUsize,
        /// The time between two pieces.
        every: Duration,
    },
    /// Each reply is replaced by pseudo-random bytes of the same length, which are equal on every connection and in every run.
    Garbage,
    /// The port and all open connections are closed, as if the server's process had ended. Setting any other fault, or none, opens
    /// the port again.
    Refuse,
    /// Open connections are closed. On new ones, each request is refused in the server's protocol, as after a changed password. No
    /// bytes reach the server.
    Unauthorized(Protocol),
}

/// The protocol of a server, for a fault that replies instead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Elasticsearch: 401 to every request.
    Http,
    /// MySQL and MariaDB: error 1045 to the login.
    Mysql,
    /// Redis: `WRONGPASS` to a password, `NOAUTH` to everything else.
    Redis,
}

impl Protocol {
    /// Its name in the text form.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
        }
    }
}

/// The error of a text that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no fault: none, latency=300ms, blackhole, half-open, reset, close, cut=BYTES, drip=BYTES/20ms, garbage, refuse, unauthorized=http|mysql|redis"
)]
pub struct FaultError(String);

impl FromStr for Fault {
    type Err = FaultError;

    /// Parses a fault from its `Display` form:
    ///
    /// | text | fault |
    /// |---|---|
    /// | `none`, `blackhole`, `half-open`, `reset`, `close`, `garbage`, `refuse` | the variant of that name |
    /// | `latency=300ms`, `latency=2s` | [`Latency`](Fault::Latency) |
    /// | `cut=100` | [`Cut`](Fault::Cut) after 100 bytes |
    /// | `drip=1/20ms` | [`Drip`](Fault::Drip), a byte each 20 ms |
    /// | `unauthorized=http`, `=mysql`, `=redis` | [`Unauthorized`](Fault::Unauthorized) |
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let fault = match text.trim().split_once('=') {
            None => match text.trim() {
                "none" => Some(Self::None),
                "blackhole" => Some(Self::Blackhole),
                "half-open" => Some(Self::HalfOpen),
                "reset" => Some(Self::Reset),
                "close" => Some(Self::Close),
                "garbage" => Some(Self::Garbage),
                "refuse" => Some(Self::Refuse),
                _ => None,
            },
            Some(("latency", delay)) => duration(delay).map(Self::Latency),
            Some(("cut", bytes)) => bytes.parse().ok().map(|after_bytes| Self::Cut { after_bytes }),
            Some(("unauthorized", name)) => [Protocol::Http, Protocol::Mysql, Protocol::Redis]
                .into_iter()
                .find(|protocol| protocol.as_str() == name)
                .map(Self::Unauthorized),
            Some(("drip", pace)) => pace
                .split_once('/')
                .and_then(|(bytes, every)| Some(Self::Drip { bytes: bytes.parse().ok()?, every: duration(every)? })),
            Some(_) => None,
        };
        fault.ok_or_else(|| FaultError(text.to_owned()))
    }
}

/// `20ms` or `2s`, whole numbers.
fn duration(text: &str) -> Option<Duration> {
    if let Some(millis) = text.strip_suffix("ms") {
        millis.parse().ok().map(Duration::from_millis)
    } else {
        text.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Latency(delay) => write!(f, "latency={}ms", delay.as_millis()),
            Self::Blackhole => f.write_str("blackhole"),
            Self::HalfOpen => f.write_str("half-open"),
            Self::Reset => f.write_str("reset"),
            Self::Close => f.write_str("close"),
            Self::Cut { after_bytes } => write!(f, "cut={after_bytes}"),
            Self::Drip { bytes, every } => write!(f, "drip={bytes}/{}ms", every.as_millis()),
            Self::Garbage => f.write_str("garbage"),
            Self::Refuse => f.write_str("refuse"),
            Self::Unauthorized(protocol) => write!(f, "unauthorized={}", protocol.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_parsed_from_its_text() {
        for text in [
            "none",
            "latency=300ms",
            "blackhole",
            "half-open",
            "reset",
            "close",
            "cut=100",
            "drip=1/20ms",
            "garbage",
            "refuse",
            "unauthorized=http",
            "unauthorized=mysql",
            "unauthorized=redis",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!("latency=2s".parse(), Ok(Fault::Latency(Duration::from_secs(2))));
    }

    #[test]
    fn the_error_of_an_unknown_fault_lists_all_faults() {
        for text in [
            "",
            "slow",
            "latency",
            "latency=300",
            "latency=-1ms",
            "cut=x",
            "drip=0/20ms",
            "drip=1",
            "reset=1",
            "unauthorized=ftp",
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains("drip=BYTES/20ms"), "{error}");
        }
    }
}

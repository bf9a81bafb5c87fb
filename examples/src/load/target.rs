//! Targets of load: an address, a path, and a weight.

use std::{fmt, io, net::SocketAddr, str::FromStr, sync::Arc};

/// A URL with a weight, written `http://host:port/path` or `3*http://host:port/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its weight relative to other targets when one is drawn.
    pub weight: u32,
    /// Host and port, as in the URL.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// The error of a text that is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no target such as http://127.0.0.1:8080/path or 3*http://127.0.0.1:8080/path; TLS is not supported")]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(text.to_owned());
        let (weight, url) = match text.split_once('*') {
            Some((weight, url)) if !weight.contains('/') => (weight.parse().map_err(|_| wrong())?, url),
            _ => (1, text),
        };
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let blank = text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
        if authority.is_empty() || weight == 0 || blank {
            return Err(wrong());
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { weight, authority: authority.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*http://{}{}", self.weight, self.authority, self.path)
    }
}

impl Target {
    /// Whether it is an event stream.
    pub(super) fn is_stream(&self) -> bool {
        self.path.split('?').next().is_some_and(|path| path.ends_with("/stream"))
    }

    pub(super) async fn resolve(&self) -> io::Result<ResolvedTarget> {
        let host = if self.authority.contains(':') { self.authority.clone() } else { format!("{}:80", self.authority) };
        let address = tokio::net::lookup_host(host).await?.next();
        let address = address.ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("the host {} has no address", self.authority))
        })?;
        let head = |accept: &str| {
            format!("GET {} HTTP/1.1\r\nhost: {}\r\naccept: {accept}\r\n", self.path, self.authority).into()
        };
        let (poll, stream) = (head("application/json"), head("text/event-stream"));
        Ok(ResolvedTarget { weight: self.weight, address, poll, stream })
    }
}

/// A target with its address.
#[derive(Debug, Clone)]
pub(super) struct ResolvedTarget {
    weight: u32,
    pub(super) address: SocketAddr,
    /// A request without its last lines.
    pub(super) poll: Arc<str>,
    pub(super) stream: Arc<str>,
}

/// The index of the target for the request, viewer or stream with this number: the next one in turn, or one drawn by weight.
pub(super) fn target_index(
    targets: &[ResolvedTarget],
    in_turn: bool,
    number: u64,
    random: &mut fastrand::Rng,
) -> usize {
    if in_turn { usize::try_from(number).unwrap_or_default() % targets.len().max(1) } else { choose(targets, random) }
}

/// The index of a target, drawn by weight.
fn choose(targets: &[ResolvedTarget], random: &mut fastrand::Rng) -> usize {
    let all: u64 = targets.iter().map(|target| u64::from(target.weight)).sum();
    let mut left = random.u64(..all.max(1));
    for (index, target) in targets.iter().enumerate() {
        match left.checked_sub(target.weight.into()) {
            Some(rest) => left = rest,
            None => return index,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_with_a_weight() {
        let target: Target = "3*http://localhost:8080/campaign/1?period=7d".parse().unwrap();
        assert_eq!((target.weight, &*target.authority, &*target.path), (3, "localhost:8080", "/campaign/1?period=7d"));
        assert_eq!("http://h".parse::<Target>().unwrap().path, "/");
    }

    #[test]
    fn the_error_of_an_invalid_target_shows_a_valid_one() {
        for text in
            ["", "localhost:80", "https://h/", "0*http://h/", "x*http://h/", "http:///", "http://h/ x", "http://h/\r\n"]
        {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("3*http://"), "{error}");
        }
    }

    #[test]
    fn a_stream_is_known_by_the_end_of_its_path() {
        let is_stream = |url: &str| url.parse::<Target>().unwrap().is_stream();
        assert!(is_stream("http://h/campaign/1/stream?widgets=funnel"));
        assert!(!is_stream("http://h/campaign/1?x=/stream"));
    }

    #[tokio::test]
    async fn targets_are_chosen_by_weight() {
        let mut targets = Vec::new();
        for text in ["http://127.0.0.1:1/a", "3*http://127.0.0.1:1/b"] {
            targets.push(text.parse::<Target>().unwrap().resolve().await.unwrap());
        }
        let mut random = fastrand::Rng::with_seed(1);
        let second = (0..4_000).filter(|_| choose(&targets, &mut random) == 1).count();
        assert!((2_850..3_150).contains(&second), "{second}");
    }
}

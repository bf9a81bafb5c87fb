//! Reading the text of an address. Pure.

use percent_encoding::percent_decode_str;
use redis::ProtocolVersion;
use url::{Host, Url};

use super::{AddressError, Kind, Node, RedisAddress};

pub(super) fn parse(address: &str) -> Result<RedisAddress, AddressError> {
    let mut parts = parts(address.trim()).into_iter().map(Part::parse);
    let mut first = parts.next().unwrap_or(Err(AddressError::Scheme))?;
    for part in parts {
        first.join(part?)?;
    }
    first.address()
}

/// The addresses of a list. A comma separates two addresses where a scheme follows it, and two hosts elsewhere.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (comma, _) in text.match_indices(',') {
        let rest = &text[comma + 1..];
        let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphabetic() || b"+ ".contains(&byte));
        if rest.split_once("://").is_some_and(|(scheme, _)| !scheme.trim().is_empty() && is_scheme(scheme)) {
            parts.push(text[start..comma].trim());
            start = comma + 1;
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// What the address leads to, by its scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Cluster,
    Sentinels,
    Socket,
}

/// One address of a list.
struct Part {
    form: Form,
    tls: bool,
    nodes: Vec<Node>,
    /// What follows the first `/`: a database, a service, or the path of a socket.
    path: String,
    username: Option<String>,
    password: Option<String>,
    database: Option<i64>,
    protocol: Option<ProtocolVersion>,
}

impl Part {
    fn parse(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        let (form, tls) = form(&scheme.to_ascii_lowercase())?;
        let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment)));
        match fragment {
            None => {}
            Some(fragment) if fragment.starts_with("insecure") => return Err(AddressError::Insecure),
            Some(_) => return Err(AddressError::Form("a # must be written as %23")),
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let mut part = Self {
            form,
            tls,
            nodes: Vec::new(),
            path: decoded(path)?,
            username: None,
            password: None,
            database: None,
            protocol: None,
        };
        if let Some(login) = login {
            let (username, password) = login.split_once(':').map_or((login, None), |(user, rest)| (user, Some(rest)));
            part.username = Some(decoded(username)?).filter(|name| !name.is_empty());
            part.password = password.map(decoded).transpose()?.filter(|password| !password.is_empty());
        }
        if form == Form::Socket {
            if !authority.is_empty() {
                return Err(AddressError::Form("a socket is a path after three slashes, redis+unix:///run/redis.sock"));
            }
        } else {
            let port = if form == Form::Sentinels { 26379 } else { 6379 };
            part.nodes = hosts.split(',').map(|host| node(host.trim(), port)).collect::<Result<_, _>>()?;
        }
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            part.parameter(&name, &value)?;
        }
        Ok(part)
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<(), AddressError> {
        let bad_value = || AddressError::BadValue(shown(name));
        match name {
            "db" => set(&mut self.database, database(value).ok_or_else(bad_value)?, bad_value),
            "protocol" => {
                let protocol = match value {
                    "2" | "resp2" => ProtocolVersion::RESP2,
                    "3" | "resp3" => ProtocolVersion::RESP3,
                    _ => return Err(bad_value()),
                };
                set(&mut self.protocol, protocol, bad_value)
            }
            "user" if self.form == Form::Socket => set(&mut self.username, value.to_owned(), bad_value),
            "pass" if self.form == Form::Socket => set(&mut self.password, value.to_owned(), bad_value),
            _ => Err(AddressError::UnknownParameter(shown(name))),
        }
    }

    /// Adds the hosts of a further address of the list. What else it says must be what the first one says.
    fn join(&mut self, other: Self) -> Result<(), AddressError> {
        let differs = |what| Err(AddressError::Form(what));
        if (self.form, self.tls) != (other.form, other.tls) || self.form == Form::Socket {
            return differs("the addresses of a list must have the same scheme, and be none of sockets");
        }
        if (other.username.is_some() || other.password.is_some())
            && (&self.username, &self.password) != (&other.username, &other.password)
        {
            return differs("the addresses of a list must have the same login");
        }
        let same_path = other.path.is_empty() || self.path == other.path;
        if !same_path
            || other.database.is_some_and(|database| self.database != Some(database))
            || other.protocol.is_some_and(|protocol| self.protocol != Some(protocol))
        {
            return differs("the addresses of a list must have the same database, service and protocol");
        }
        self.nodes.extend(other.nodes);
        Ok(())
    }

    fn address(mut self) -> Result<RedisAddress, AddressError> {
        let path = self.path.trim_end_matches('/');
        if matches!(self.form, Form::Plain | Form::Cluster) && !path.is_empty() {
            let in_path = database(path).ok_or(AddressError::Form("the database behind the host is no number"))?;
            set(&mut self.database, in_path, || AddressError::Form("the database is given twice"))?;
        }
        let database = self.database.unwrap_or(0);
        let mut nodes = self.nodes;
        let kind = match self.form {
            Form::Socket if path.is_empty() => return Err(AddressError::Form("the path of the socket is missing")),
            Form::Socket => Kind::Socket(format!("/{}", self.path).into()),
            Form::Sentinels if path.is_empty() || path.contains('/') => {
                return Err(AddressError::Form(
                    "behind the sentinels stands the name of the service that they watch, redis+sentinel://host:26379/SERVICE, \
                     and the database as ?db=0",
                ));
            }
            Form::Sentinels => Kind::Sentinels { sentinels: nodes, service: path.to_owned() },
            Form::Plain if nodes.len() == 1 => Kind::Server(nodes.remove(0)),
            Form::Plain | Form::Cluster if database != 0 => {
                return Err(AddressError::Form("a cluster has no other database than 0"));
            }
            Form::Plain | Form::Cluster => Kind::Cluster(nodes),
        };
        if matches!(kind, Kind::Cluster(_)) && !cfg!(feature = "cluster") {
            return Err(AddressError::Feature("cluster"));
        }
        Ok(RedisAddress {
            kind,
            tls: self.tls,
            username: self.username,
            password: self.password,
            database,
            protocol: self.protocol.unwrap_or_default(),
            sentinel_login: None,
            authority: None,
            client: None,
        })
    }
}

/// What a scheme stands for, and whether with TLS.
fn form(scheme: &str) -> Result<(Form, bool), AddressError> {
    let (base, suffix) = scheme.split_once('+').unwrap_or((scheme, ""));
    let tls = match base {
        "redis" | "valkey" => false,
        "rediss" | "valkeys" => true,
        "unix" if suffix.is_empty() => return Ok((Form::Socket, false)),
        _ => return Err(AddressError::Scheme),
    };
    match suffix {
        "" if !scheme.contains('+') => Ok((Form::Plain, tls)),
        "cluster" => Ok((Form::Cluster, tls)),
        "sentinel" => Ok((Form::Sentinels, tls)),
        "unix" if !tls => Ok((Form::Socket, false)),
        _ => Err(AddressError::Scheme),
    }
}

fn node(text: &str, default_port: u16) -> Result<Node, AddressError> {
    let url = Url::parse(&format!("redis://{text}")).map_err(|error| match error {
        url::ParseError::EmptyHost => AddressError::NoHost,
        url::ParseError::InvalidPort => {
            AddressError::Form("a port is no number; in a login / ? # @ : and commas are written as % and two digits")
        }
        _ => AddressError::Form("a host cannot be read"),
    })?;
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        // Without the brackets of an address.
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err(AddressError::NoHost),
    };
    match host.as_str() {
        "0.0.0.0" | "::" => Err(AddressError::Form("0.0.0.0 is no host to connect to")),
        _ => Ok(Node { host, port: url.port().unwrap_or(default_port) }),
    }
}

/// Sets a value that may be given once, or twice alike.
fn set<T: PartialEq>(
    place: &mut Option<T>,
    value: T,
    error: impl FnOnce() -> AddressError,
) -> Result<(), AddressError> {
    match place {
        Some(given) if *given != value => Err(error()),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

fn database(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number >= 0)
}

fn decoded(text: &str) -> Result<String, AddressError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(|text| text.into_owned()).map_err(|_| AddressError::Form("a part is not UTF-8"))
}

/// The name of a parameter, if it can be no part of a password that was written without `%`.
fn shown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || b"-_.".contains(&byte);
    let is_name = name.len() <= 40 && name.bytes().all(is_plain) && !name.is_empty();
    if is_name { name.to_owned() } else { "(not shown)".to_owned() }
}

/// What to do instead.
pub(super) fn hint(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["insecure", "verify", "cert_reqs", "check_hostname", "hostname"]) {
        ": the server's certificate is always checked, with its name"
    } else if has(&["ssl", "tls", "cert", "ca_", "cacert", "key"]) {
        ": TLS is asked for by rediss://, and its files are ca_file, client_certificate and client_key"
    } else if has(&["timeout"]) {
        ": the time to connect is connect_ms"
    } else if has(&["user", "pass", "auth"]) {
        ": the login stands before the host, redis://user:password@host"
    } else if has(&["master", "service", "sentinel"]) {
        ": the service is named behind the sentinels, redis+sentinel://host:26379/SERVICE"
    } else {
        "; remove it"
    }
}

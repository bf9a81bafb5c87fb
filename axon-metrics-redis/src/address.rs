//! The address of Redis, as people write it: one server, a cluster, or sentinels that name the server.
//! Lives here: what an address says, and the driver's clients for it. Lives elsewhere: connections (`connection`), the
//! search for a master (`connection/sentinels`).
//!
//! The driver skips parameters that it does not know, also those that ask for security, and has a mark that switches off
//! the check of certificates. So addresses are read here, and each part that is not read is an error that names it.

mod text;

use std::{fmt, path::PathBuf};

use redis::{Client, ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo};

/// Why an address cannot be used. It names parameters, and neither values nor anything that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is of another kind: a wrong scheme, or no `//`.
    #[error(
        "it must begin with redis://, rediss:// (with TLS), redis+cluster://, rediss+cluster://, redis+sentinel://, \
         rediss+sentinel:// or redis+unix://"
    )]
    Scheme,
    /// It cannot be read.
    #[error("it has not the form redis://user:password@host:6379/0: {0}")]
    Form(&'static str),
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// A parameter is not read.
    #[error("the parameter {0} is not read here{hint}", hint = text::hint(.0))]
    UnknownParameter(String),
    /// A parameter has a value that is not read.
    #[error("the parameter {0} has a value that is not read here")]
    BadValue(String),
    /// It asks that certificates are not checked.
    #[error(
        "#insecure would switch off the check of the server's certificate, and is refused: give the authority that signed it \
         (ca_file)"
    )]
    Insecure,
    /// What is asked for TLS or a login does not fit together.
    #[error("{0}")]
    Security(&'static str),
    /// The crate was built without a feature.
    #[error("this build has no such connections: the feature {0} of axon-metrics-redis is missing")]
    Feature(&'static str),
}

/// Where Redis is, and how to log in. It connects to nothing by itself.
///
/// | address | what |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server, without TLS; database 0 |
/// | `rediss://host:6379` | one server, with TLS |
/// | `redis+unix:///run/redis.sock?db=0` | one server on this machine |
/// | `redis://a:6379,b:6379` or `redis://a:6379,redis://b:6379` | a cluster, by some of its nodes |
/// | `redis+cluster://a:6379`, `rediss+cluster://..` | a cluster, also by one address |
/// | `redis+sentinel://a:26379,b:26379/SERVICE?db=0`, `rediss+sentinel://..` | the master that the sentinels name; login and database are the master's. With TLS to sentinels and master |
///
/// `valkey` may stand for `redis` in each of them. Parameters are `db`, the database, and `protocol`, `resp2` (the default)
/// or `resp3`; of a socket `user` and `pass`, too. Everything else is an error. Without a port it is 6379, of sentinels
/// 26379.
///
/// The server's certificate is always checked, with its name; nothing switches that off.
/// ```
/// use axon_metrics_redis::RedisAddress;
/// let address = RedisAddress::parse("redis+sentinel://a.internal,b.internal/stock?db=3")?.with_password("secret");
/// assert_eq!(format!("{address:?}"), "RedisAddress { kind: \"sentinels\", tls: false, .. }");
/// let error = RedisAddress::parse("rediss://a.internal/?ssl_cert_reqs=none").expect_err("not read");
/// assert!(error.to_string().starts_with("the parameter ssl_cert_reqs is not read here"));
/// # Ok::<(), axon_metrics_redis::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress {
    kind: Kind,
    tls: bool,
    username: Option<String>,
    password: Option<String>,
    database: i64,
    protocol: ProtocolVersion,
    /// User and password for the sentinels.
    sentinel_login: Option<(Option<String>, String)>,
    /// The text of the PEM files.
    authority: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

/// What the address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Server(Node),
    Socket(PathBuf),
    Cluster(Vec<Node>),
    Sentinels { sentinels: Vec<Node>, service: String },
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// How a certificate begins in a PEM file.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

impl RedisAddress {
    /// Reads an address.
    /// # Errors
    /// It is of another kind, has no host, or has a part that is not read.
    pub fn parse(address: &str) -> Result<Self, AddressError> {
        text::parse(address)
    }

    /// The password, instead of one in the address.
    #[must_use]
    pub fn with_password(self, password: impl Into<String>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// The login for the sentinels, if they ask for one: user, for those that have users, and password. The login of the
    /// address is for the servers that they name.
    #[must_use]
    pub fn with_sentinel_login(self, username: Option<&str>, password: impl Into<String>) -> Self {
        Self { sentinel_login: Some((username.map(str::to_owned), password.into())), ..self }
    }

    /// The authority that signed the server's certificate, as the text of a PEM file, instead of those that this machine
    /// knows; several may stand one after the other.
    #[must_use]
    pub fn with_authority(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { authority: Some(pem.into()), ..self }
    }

    /// The client's certificate, for a server that asks for one, and its private key, as the text of PEM files.
    #[must_use]
    pub fn with_client_certificate(self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { client: Some((certificate.into(), key.into())), ..self }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Checks what is set by several calls.
    pub(crate) fn check(&self) -> Result<(), AddressError> {
        let security = |why| Err(AddressError::Security(why));
        if !self.tls && (self.authority.is_some() || self.client.is_some()) {
            return security("files of certificates are given, and the address asks for no TLS: use rediss://");
        }
        let has_certificate = |pem: &Vec<u8>| pem.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE);
        if !self.authority.as_ref().is_none_or(has_certificate) {
            return security("the authority contains no certificate: it must be a PEM file (ca_file)");
        }
        if self.tls && !cfg!(feature = "tls") {
            return Err(AddressError::Feature("tls"));
        }
        if self.username.is_some() && self.password.is_none() {
            return security(
                "a user is given, and no password: a password alone stands behind a colon, redis://:password@host",
            );
        }
        if self.sentinel_login.is_some() && !matches!(self.kind, Kind::Sentinels { .. }) {
            return security(
                "a login for sentinels is given, and the address is none of sentinels: use redis+sentinel://",
            );
        }
        Ok(())
    }

    /// A client of the server at this node, with the login of the address.
    pub(crate) fn client(&self, node: &Node) -> Result<Client, AddressError> {
        self.client_with(ConnectionAddr::Tcp(node.host.clone(), node.port), self.server_login())
    }

    /// A client of the server behind a socket of this machine.
    pub(crate) fn socket_client(&self, path: PathBuf) -> Result<Client, AddressError> {
        self.client_with(ConnectionAddr::Unix(path), self.server_login())
    }

    fn server_login(&self) -> RedisConnectionInfo {
        let login = RedisConnectionInfo::default().set_protocol(self.protocol).set_db(self.database);
        let login = self.username.iter().fold(login, RedisConnectionInfo::set_username);
        self.password.iter().fold(login, RedisConnectionInfo::set_password)
    }

    /// A client of a sentinel, with the login for sentinels.
    pub(crate) fn sentinel_client(&self, node: &Node) -> Result<Client, AddressError> {
        let mut login = RedisConnectionInfo::default();
        if let Some((username, password)) = &self.sentinel_login {
            login = login.set_password(password);
            login = username.iter().fold(login, RedisConnectionInfo::set_username);
        }
        self.client_with(ConnectionAddr::Tcp(node.host.clone(), node.port), login)
    }

    fn client_with(&self, address: ConnectionAddr, login: RedisConnectionInfo) -> Result<Client, AddressError> {
        self.check()?;
        let refused = |_| AddressError::Form("a part of it cannot be used");
        let address = match address {
            ConnectionAddr::Tcp(host, port) if self.tls => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            }
            other => other,
        };
        let info = address.into_connection_info().map_err(refused)?.set_redis_settings(login);
        #[cfg(feature = "tls")]
        if let Some(certificates) = self.certificates() {
            return Client::build_with_tls(info, certificates).map_err(|error| unusable_pem(&error));
        }
        Client::open(info).map_err(refused)
    }

    /// A client of the cluster with these nodes.
    #[cfg(feature = "cluster")]
    pub(crate) fn cluster_client(&self, nodes: &[Node]) -> Result<redis::cluster::ClusterClient, AddressError> {
        let clients: Vec<Client> = nodes.iter().map(|node| self.client(node)).collect::<Result<_, _>>()?;
        let infos = clients.iter().map(|client| client.get_connection_info().clone());
        let builder = redis::cluster::ClusterClientBuilder::new(infos);
        #[cfg(feature = "tls")]
        let builder = match self.certificates() {
            Some(certificates) => builder.certs(certificates),
            None => builder,
        };
        builder.build().map_err(|_| AddressError::Form("its nodes cannot be used together"))
    }

    /// The certificates that are given; `None`: those of this machine count.
    #[cfg(feature = "tls")]
    fn certificates(&self) -> Option<redis::TlsCertificates> {
        if self.authority.is_none() && self.client.is_none() {
            return None;
        }
        let client = self.client.as_ref().map(|(certificate, key)| redis::ClientTlsConfig {
            client_cert: certificate.clone(),
            client_key: key.clone(),
        });
        Some(redis::TlsCertificates { client_tls: client, root_cert: self.authority.clone() })
    }
}

/// Which of the PEM texts the driver cannot read.
#[cfg(feature = "tls")]
fn unusable_pem(error: &redis::RedisError) -> AddressError {
    let text = error.to_string();
    AddressError::Security(if text.contains("private key") {
        "the client's key cannot be read: it must be a PEM file without a passphrase (client_key)"
    } else if text.contains("client certificate") {
        "the client's certificate cannot be read: it must be a PEM file (client_certificate)"
    } else {
        "the authority cannot be read: it must be a PEM file of certificates (ca_file)"
    })
}

impl fmt::Debug for RedisAddress {
    /// Leaves out hosts, login and certificates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Server(_) => "server",
            Kind::Socket(_) => "socket",
            Kind::Cluster(_) => "cluster",
            Kind::Sentinels { .. } => "sentinels",
        };
        f.debug_struct("RedisAddress").field("kind", &kind).field("tls", &self.tls).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The address of a server, as people write it: `mysql://`, `mariadb://`, and the addresses of Java programs.
//! Lives here: which parameters of an address are read. Lives elsewhere: the options of connections (`pool`).
//!
//! The driver reads an address without a look at its scheme, takes a missing host for `localhost`, and skips parameters that
//! it does not know, also those that ask for security. So addresses are checked here, and each parameter that is not read is
//! an error that names it.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use url::Url;

/// Why an address cannot be used. It names parameters, and neither values nor anything that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is of another kind: a wrong scheme, or no `//`.
    #[error("it must begin with mysql://, mariadb://, jdbc:mysql:// or jdbc:mariadb://")]
    Scheme,
    /// It cannot be read.
    #[error("it has not the form mysql://user@host:3306/database: {0}")]
    Form(&'static str),
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// A parameter is not read.
    #[error("the parameter {0} is not read here{hint}", hint = hint(.0))]
    UnknownParameter(String),
    /// A parameter has a value that is not read.
    #[error("the parameter {0} has a value that is not read here")]
    BadValue(String),
    /// What is asked for TLS does not fit together.
    #[error("{0}")]
    Tls(&'static str),
}

/// Certificates for TLS to a server, in the text of their PEM files. The default has none.
#[derive(Clone, Default)]
pub struct TlsPem {
    authority: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

impl TlsPem {
    /// The authority that signed the server's certificate; several may stand one after the other.
    #[must_use]
    pub fn with_authority(self, certificates: impl Into<Vec<u8>>) -> Self {
        Self { authority: Some(certificates.into()), ..self }
    }

    /// The client's certificate, for a server that asks for one, and its private key.
    #[must_use]
    pub fn with_client(self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { client: Some((certificate.into(), key.into())), ..self }
    }
}

impl fmt::Debug for TlsPem {
    /// Leaves out the certificates and the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPem")
            .field("authority", &self.authority.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}

/// The connection options of an address.
///
/// Addresses of Java programs (`jdbc:mysql://`, `jdbc:mariadb://`) are read with the parameters that mean something here.
/// A parameter that is not read is an error, so that nothing that it asks for is left out in silence. Of several
/// parameters about TLS the strictest counts.
///
/// With an authority the server's certificate is checked, and its name too (`VERIFY_IDENTITY`), unless the address asks for
/// `VERIFY_CA`. With a client's certificate there is no connection without TLS (`REQUIRED`).
///
/// | parameter | what |
/// |---|---|
/// | `user`, `password` | the login, where it does not stand before the host |
/// | `ssl-mode`, `sslmode`, `sslMode` | `DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`; of MariaDB `disable`, `trust`, `verify-ca`, `verify-full` |
/// | `useSSL`, `requireSSL`, `verifyServerCertificate`, `trustServerCertificate` | the same of older programs: `true` or `false` |
/// | `ssl-ca`, `sslca`, `serverSslCert` | the PEM file of the authority that signed the server's certificate |
/// | `ssl-cert`, `sslcert`, `ssl-key`, `sslkey` | the PEM files of the client's certificate and its key |
/// | `socket` | the path of a Unix socket |
/// | `statement-cache-capacity` | of sqlx; it has no effect here |
/// | `allowPublicKeyRetrieval` | only `true`: the driver always asks for the key |
/// | `charset`, `collation`, `characterEncoding`, `connectionCollation`, `useUnicode` | taken and not used: sessions are always set to `utf8mb4` |
/// # Errors
/// The address is of another kind, has no host, or has a parameter that is not read; or it names an authority and a mode that
/// checks no certificate.
/// ```
/// use axon_metrics_mysql::connect_options;
/// let options = connect_options("jdbc:mysql://db.internal:3307/axon_db?user=axon_ro&useSSL=true")?;
/// assert_eq!((options.get_host(), options.get_port()), ("db.internal", 3307));
/// let error = connect_options("mysql://db.internal/axon_db?serverTimezone=UTC").expect_err("not read");
/// assert!(error.to_string().starts_with("the parameter serverTimezone is not read here"));
/// # Ok::<(), axon_metrics_mysql::AddressError>(())
/// ```
pub fn connect_options(address: &str) -> Result<MySqlConnectOptions, AddressError> {
    connect_options_with_tls(address, &TlsPem::default())
}

/// [`connect_options`] with certificates, as if the address named their files.
/// # Errors
/// Those of [`connect_options`]; or the address names such files, too.
pub fn connect_options_with_tls(address: &str, tls: &TlsPem) -> Result<MySqlConnectOptions, AddressError> {
    let address = address.trim();
    let rest =
        address.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("jdbc:")).map_or(address, |_| &address[5..]);
    let scheme = rest.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    if !["mysql", "mariadb"].contains(&scheme.as_str()) {
        return Err(AddressError::Scheme);
    }
    let url = Url::parse(rest).map_err(|error| form(&error))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddressError::NoHost)?;
    let mut options = MySqlConnectOptions::new().host(host.trim_matches(['[', ']'])).port(url.port().unwrap_or(3306));
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned()).map_err(|_| AddressError::Form("a part is not UTF-8"))
    };
    if !url.username().is_empty() {
        options = options.username(&decoded(url.username())?);
    }
    if let Some(password) = url.password() {
        options = options.password(&decoded(password)?);
    }
    let database = decoded(url.path().trim_start_matches('/'))?;
    if !database.is_empty() {
        options = options.database(&database);
    }
    if url.fragment().is_some() {
        return Err(AddressError::Form("a # must be written as %23"));
    }
    let mut security = Security::default();
    for (name, value) in url.query_pairs() {
        options = parameter(options, &mut security, &name, &value)?;
    }
    if let Some(authority) = &tls.authority {
        once(&mut security.authority)?;
        options = options.ssl_ca_from_pem(authority.clone());
    }
    if let Some((certificate, key)) = &tls.client {
        once(&mut security.certificate)?;
        once(&mut security.key)?;
        options = options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key);
    }
    Ok(match security.mode()? {
        Some(mode) => options.ssl_mode(mode),
        None => options,
    })
}

/// Notes that a file is given.
fn once(given: &mut bool) -> Result<(), AddressError> {
    match std::mem::replace(given, true) {
        true => Err(AddressError::Tls("a file of certificates is given twice: remove it from the address")),
        false => Ok(()),
    }
}

/// The options with one more parameter.
fn parameter(
    options: MySqlConnectOptions,
    security: &mut Security,
    name: &str,
    value: &str,
) -> Result<MySqlConnectOptions, AddressError> {
    let bad_value = || AddressError::BadValue(shown(name));
    let flag = || match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(bad_value()),
    };
    match name.to_ascii_lowercase().as_str() {
        "user" => return Ok(options.username(value)),
        "password" => return Ok(options.password(value)),
        "ssl-mode" | "sslmode" => security.name(mode(value).ok_or_else(bad_value)?),
        "usessl" => security.use_ssl = Some(flag()?),
        "requiressl" => security.require |= flag()?,
        "verifyservercertificate" => security.verify |= flag()?,
        // What it leaves unchecked is not checked without it either.
        "trustservercertificate" => security.require |= flag()?,
        "ssl-ca" | "sslca" | "serversslcert" => {
            once(&mut security.authority)?;
            return Ok(options.ssl_ca(value));
        }
        "ssl-cert" | "sslcert" => {
            once(&mut security.certificate)?;
            return Ok(options.ssl_client_cert(value));
        }
        "ssl-key" | "sslkey" => {
            once(&mut security.key)?;
            return Ok(options.ssl_client_key(value));
        }
        "socket" => return Ok(options.socket(value)),
        "allowpublickeyretrieval" if flag()? => {}
        "allowpublickeyretrieval" => return Err(bad_value()),
        "charset"
        | "collation"
        | "characterencoding"
        | "connectioncollation"
        | "useunicode"
        | "statement-cache-capacity" => {}
        _ => return Err(AddressError::UnknownParameter(shown(name))),
    }
    Ok(options)
}

/// What is asked for.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one parameter")]
struct Security {
    named: Option<MySqlSslMode>,
    use_ssl: Option<bool>,
    require: bool,
    verify: bool,
    /// Whether the authority, the client's certificate and its key are given.
    authority: bool,
    certificate: bool,
    key: bool,
}

impl Security {
    /// Of several modes the strictest counts.
    fn name(&mut self, mode: MySqlSslMode) {
        let stricter = self.named.is_none_or(|named| strictness(named) < strictness(mode));
        if stricter {
            self.named = Some(mode);
        }
    }

    /// The strictest of what is asked for; `None`: nothing.
    /// # Errors
    /// A mode cannot do what the files ask for.
    fn mode(mut self) -> Result<Option<MySqlSslMode>, AddressError> {
        if self.certificate != self.key {
            return Err(AddressError::Tls("the client's certificate and its key must be given together"));
        }
        if self.use_ssl == Some(true) || self.require {
            self.name(MySqlSslMode::Required);
        }
        if self.verify {
            self.name(MySqlSslMode::VerifyCa);
        }
        // `useSSL=false` counts only where nothing else is said.
        let asked = self.named.or((self.use_ssl == Some(false)).then_some(MySqlSslMode::Disabled));
        if self.authority {
            return match asked {
                None => Ok(Some(MySqlSslMode::VerifyIdentity)),
                Some(mode) if strictness(mode) >= strictness(MySqlSslMode::VerifyCa) => Ok(Some(mode)),
                Some(_) => Err(AddressError::Tls(
                    "an authority is given, and ssl-mode does not check the server's certificate: use VERIFY_IDENTITY, or VERIFY_CA",
                )),
            };
        }
        match asked {
            Some(MySqlSslMode::Disabled | MySqlSslMode::Preferred) if self.certificate => Err(AddressError::Tls(
                "a client's certificate is given, and ssl-mode allows connections without TLS: use REQUIRED or a stricter one",
            )),
            None if self.certificate => Ok(Some(MySqlSslMode::Required)),
            asked => Ok(asked),
        }
    }
}

/// The place of a mode among all, from the weakest on.
fn strictness(mode: MySqlSslMode) -> u8 {
    match mode {
        MySqlSslMode::Disabled => 0,
        MySqlSslMode::Preferred => 1,
        MySqlSslMode::Required => 2,
        MySqlSslMode::VerifyCa => 3,
        MySqlSslMode::VerifyIdentity => 4,
    }
}

fn mode(value: &str) -> Option<MySqlSslMode> {
    match value.to_ascii_lowercase().as_str() {
        "disable" => Some(MySqlSslMode::Disabled),
        "trust" => Some(MySqlSslMode::Required),
        "verify-ca" => Some(MySqlSslMode::VerifyCa),
        "verify-full" => Some(MySqlSslMode::VerifyIdentity),
        _ => MySqlSslMode::from_str(value).ok(),
    }
}

/// The name of a parameter, if it can be no part of a password that was written without `%`.
fn shown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || b"-_.".contains(&byte);
    let is_name = name.len() <= 40 && name.bytes().all(is_plain) && !name.is_empty();
    if is_name { name.to_owned() } else { "(not shown)".to_owned() }
}

/// What to do instead.
fn hint(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "servertimezone" | "connectiontimezone" | "timezone" | "time-zone" => {
            ": how times are read is set for each group of columns, by offset or zone"
        }
        name if name.contains("keystore") || name.contains("truststore") => {
            ": name PEM files by ssl-ca, ssl-cert and ssl-key"
        }
        _ => "; remove it",
    }
}

/// The reason without the text of the address.
fn form(error: &url::ParseError) -> AddressError {
    match error {
        url::ParseError::EmptyHost => AddressError::NoHost,
        url::ParseError::InvalidPort => {
            AddressError::Form("the port is no number; one host only, and / ? # @ : in a password as % and two digits")
        }
        _ => AddressError::Form("the part before the database cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn host(address: &str) -> (String, u16, Option<String>) {
        let options = connect_options(address).unwrap();
        (options.get_host().to_owned(), options.get_port(), options.get_database().map(str::to_owned))
    }

    fn error(address: &str) -> String {
        connect_options(address).unwrap_err().to_string()
    }

    #[test]
    fn each_kind_of_address_leads_to_its_host() {
        let expected = ("db.internal".to_owned(), 3306, Some("axon_db".to_owned()));
        for address in [
            "mysql://axon_ro:pw@db.internal/axon_db",
            "mariadb://db.internal:3306/axon_db",
            "jdbc:mysql://db.internal:3306/axon_db?useSSL=false&allowPublicKeyRetrieval=true&characterEncoding=UTF-8",
            "jdbc:mariadb://db.internal/axon_db?user=axon_ro&password=pw",
            "JDBC:MYSQL://db.internal/axon_db",
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
        assert_eq!(host("mysql://[::1]:3307/d").0, "::1");
    }

    #[test]
    fn an_address_of_another_kind_never_leads_to_localhost() {
        let scheme = AddressError::Scheme.to_string();
        for address in [
            "postgres://db/axon",
            "http://db/axon",
            "mysql:root@tcp(127.0.0.1:3306)/db",
            "root:pw@tcp(127.0.0.1:3306)/db",
            "jdbc:postgresql://db/axon",
            "jdbc:mysql:loadbalance://a,b/axon",
            "jdbc:mysql+srv://db/axon",
            "db:3306",
            "",
        ] {
            assert_eq!(error(address), scheme, "{address}");
        }
        for address in ["mysql:///axon", "jdbc:mysql:///axon", "mariadb://:3306/axon", "mysql://user@/axon", "mysql://"]
        {
            assert!(connect_options(address).is_err(), "{address}");
        }
        assert_eq!(error("jdbc:mysql:///axon"), "it names no host");
    }

    #[test]
    fn a_parameter_that_is_not_read_is_named() {
        let text = |address: &str| error(&format!("jdbc:mysql://db/axon?{address}"));
        assert!(
            text("serverTimezone=UTC").starts_with("the parameter serverTimezone is not read here: how times are read")
        );
        assert!(
            text("trustCertificateKeyStoreUrl=file:x")
                .contains("trustCertificateKeyStoreUrl is not read here: name PEM files")
        );
        assert_eq!(
            text("enabledTLSProtocols=TLSv1.3"),
            "the parameter enabledTLSProtocols is not read here; remove it"
        );
        assert_eq!(text("sslMode=SOMETIMES"), "the parameter sslMode has a value that is not read here");
        assert_eq!(
            text("allowPublicKeyRetrieval=false"),
            "the parameter allowPublicKeyRetrieval has a value that is not read here"
        );
        assert!(text("se%40cret1").starts_with("the parameter (not shown)"));
    }

    #[test]
    fn what_was_asked_for_security_is_kept() {
        let mode = |parameters: &str| {
            let options = connect_options(&format!("jdbc:mysql://db/axon?{parameters}")).unwrap();
            format!("{:?}", options.get_ssl_mode())
        };
        assert_eq!(mode("useSSL=true"), "Required");
        assert_eq!(mode("useSSL=false"), "Disabled");
        assert_eq!(mode("useSSL=true&requireSSL=true&verifyServerCertificate=true"), "VerifyCa");
        assert_eq!(mode("sslMode=VERIFY_IDENTITY&useSSL=false"), "VerifyIdentity");
        assert_eq!(mode("sslMode=verify-full"), "VerifyIdentity");
        assert_eq!(mode("sslMode=trust"), "Required");
        assert_eq!(mode("user=a"), "Preferred");
        // Of two that differ the stricter one.
        assert_eq!(mode("sslMode=DISABLED&requireSSL=true"), "Required");
        assert_eq!(mode("sslMode=PREFERRED&verifyServerCertificate=true"), "VerifyCa");
        assert_eq!(mode("sslMode=VERIFY_CA&ssl-mode=DISABLED"), "VerifyCa");
        // A file is asked for to be used.
        assert_eq!(mode("ssl-ca=/a.pem"), "VerifyIdentity");
        assert_eq!(mode("ssl-ca=/a.pem&ssl-mode=VERIFY_CA"), "VerifyCa");
        assert_eq!(mode("serverSslCert=/a.pem&useSSL=true&verifyServerCertificate=true"), "VerifyCa");
        assert_eq!(mode("ssl-cert=/c.pem&ssl-key=/k.pem"), "Required");
    }

    #[test]
    fn files_that_a_mode_would_not_use_are_an_error() {
        let text = |parameters: &str| error(&format!("mysql://db/axon?{parameters}"));
        for mode in ["DISABLED", "PREFERRED", "REQUIRED"] {
            assert!(text(&format!("ssl-mode={mode}&ssl-ca=/a.pem")).contains("use VERIFY_IDENTITY"), "{mode}");
        }
        assert!(text("useSSL=false&ssl-ca=/a.pem").contains("use VERIFY_IDENTITY"));
        assert!(text("ssl-mode=DISABLED&ssl-cert=/c.pem&ssl-key=/k.pem").contains("use REQUIRED"));
        assert!(text("ssl-cert=/c.pem").contains("must be given together"));
        let pem = TlsPem::default().with_authority(*b"pem");
        let twice = connect_options_with_tls("mysql://db/axon?ssl-ca=/a.pem", &pem).unwrap_err();
        assert!(twice.to_string().contains("given twice"));
        let options = connect_options_with_tls("mysql://db/axon", &pem.with_client(*b"pem", *b"key")).unwrap();
        assert!(matches!(options.get_ssl_mode(), MySqlSslMode::VerifyIdentity));
    }

    #[test]
    fn no_error_shows_a_password() {
        for address in [
            "mysql://u:CANARY@[/d",
            "mysql://u:CANARY@host:port/d",
            "mysql://u:CANARY/x@host/d",
            "mysql://u:CAN?CANARY@host/d",
            "CANARY",
            "jdbc:mysql://host/d?CANARY1=x",
        ] {
            let error = connect_options(address).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
        }
    }
}

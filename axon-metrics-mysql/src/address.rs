//! The address of a server, as people write it: `mysql://`, `mariadb://`, and the addresses of Java programs.
//! Lives here: which parameters of an address are read. Lives elsewhere: the options of connections (`pool`).
//!
//! The driver reads an address without a look at its scheme, takes a missing host for `localhost`, and skips parameters that
//! it does not know, also those that ask for security. So addresses are checked here, and each parameter that is not read is
//! an error that names it.

use std::str::FromStr;

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
}

/// The connection options of an address.
///
/// Addresses of Java programs (`jdbc:mysql://`, `jdbc:mariadb://`) are read with the parameters that mean something here.
/// A parameter that is not read is an error, so that nothing that it asks for is left out in silence.
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
/// The address is of another kind, has no host, or has a parameter that is not read.
/// ```
/// use axon_metrics_mysql::connect_options;
/// let options = connect_options("jdbc:mysql://db.internal:3307/axon_db?user=axon_ro&useSSL=true")?;
/// assert_eq!((options.get_host(), options.get_port()), ("db.internal", 3307));
/// let error = connect_options("mysql://db.internal/axon_db?serverTimezone=UTC").expect_err("not read");
/// assert!(error.to_string().starts_with("the parameter serverTimezone is not read here"));
/// # Ok::<(), axon_metrics_mysql::AddressError>(())
/// ```
pub fn connect_options(address: &str) -> Result<MySqlConnectOptions, AddressError> {
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
    Ok(match security.mode() {
        Some(mode) => options.ssl_mode(mode),
        None => options,
    })
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
        "ssl-mode" | "sslmode" => security.named = Some(mode(value).ok_or_else(bad_value)?),
        "usessl" => security.use_ssl = Some(flag()?),
        "requiressl" => security.require |= flag()?,
        "verifyservercertificate" => security.verify |= flag()?,
        // What it leaves unchecked is not checked without it either.
        "trustservercertificate" => security.require |= flag()?,
        "ssl-ca" | "sslca" | "serversslcert" => return Ok(options.ssl_ca(value)),
        "ssl-cert" | "sslcert" => return Ok(options.ssl_client_cert(value)),
        "ssl-key" | "sslkey" => return Ok(options.ssl_client_key(value)),
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

/// What the parameters ask for.
#[derive(Debug, Default)]
struct Security {
    named: Option<MySqlSslMode>,
    use_ssl: Option<bool>,
    require: bool,
    verify: bool,
}

impl Security {
    /// The strictest of what is asked for; `None`: nothing.
    fn mode(&self) -> Option<MySqlSslMode> {
        if let Some(mode) = self.named {
            return Some(mode);
        }
        match self.use_ssl {
            _ if self.verify => Some(MySqlSslMode::VerifyCa),
            _ if self.require => Some(MySqlSslMode::Required),
            Some(true) => Some(MySqlSslMode::Required),
            Some(false) => Some(MySqlSslMode::Disabled),
            None => None,
        }
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

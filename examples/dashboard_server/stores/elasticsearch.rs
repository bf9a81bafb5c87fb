//! The source over Elasticsearch: the address, the login, and the certificates of its client.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use axon_metrics::QuestionKind;
use axon_metrics_es::{EsBehavior, EsOptions};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use elasticsearch::{
    auth::{ClientCertificate, Credentials},
    cert::{Certificate, CertificateValidation},
    http::{
        Url,
        headers::{AUTHORIZATION, HeaderValue},
        transport::{SingleNodeConnectionPool, TransportBuilder},
    },
};

use super::pem::Pem;
use crate::config::{Config, Elasticsearch};

pub(super) fn behavior(settings: &Config) -> anyhow::Result<EsBehavior> {
    let config = &settings.elasticsearch;
    let url = address(config.url.exposed()).context("elasticsearch.url is no address such as http://host:9200")?;
    let pem = Pem::read("elasticsearch", &config.ca_file, &config.client_certificate, &config.client_key)?;
    ensure!(
        pem.is_empty() || url.scheme() == "https",
        "elasticsearch: files of certificates are given, and elasticsearch.url asks for no TLS: use https://"
    );
    let mut transport = TransportBuilder::new(SingleNodeConnectionPool::new(url)).disable_proxy();
    let login = login(config)?;
    if let Some((certificate, key)) = pem.client {
        // The client takes either a certificate or a login, so the login is a header.
        if let Some(login) = login {
            transport = transport.header(AUTHORIZATION, header(&login)?);
        }
        let pem = ClientCertificate::Pem([certificate, key].join(&b'\n'));
        transport = transport.auth(Credentials::Certificate(pem));
    } else if let Some(login) = login {
        transport = transport.auth(login);
    }
    if let Some(pem) = pem.authority {
        let authority = Certificate::from_pem(&pem).context("elasticsearch.ca_file contains no PEM certificate")?;
        transport = transport.cert_validation(CertificateValidation::Full(authority));
    }
    let transport = transport.build().context("elasticsearch")?;

    let lag = Duration::from_millis(config.ingest_lag_ms);
    let options = EsOptions::default()
        .with_event_indices(&config.event_indices)
        .with_purchase_indices(&config.purchase_indices)
        .with_page_templates(&config.page_urls)
        .with_occurred_at_zone(&config.occurred_at_zone)
        .with_anonymous_users(&settings.anonymous_users)
        .with_search_timeout(settings.budgets.0.of(QuestionKind::Behavior) * 7 / 8);
    let options =
        if config.ingest_lag_measured { options.with_measured_ingest_lag(lag) } else { options.with_ingest_lag(lag) };
    EsBehavior::with_options(elasticsearch::Elasticsearch::new(transport), options).context("elasticsearch")
}

/// The address. Everything in it that would not be used is an error, which repeats nothing that may be a secret.
fn address(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).map_err(|why| anyhow!("{why}"))?;
    ensure!(["http", "https"].contains(&url.scheme()), "it must begin with http:// or https://");
    if let Some(query) = url.query() {
        let name = query.split(['=', '&']).next().unwrap_or_default();
        // An unescaped password may look like a parameter.
        let is_name =
            !query.contains('@') && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(&byte));
        let name = if is_name { name } else { "(not shown)" };
        bail!(
            "the parameter {name} is not read here; the server's certificate is always checked, and certificates are \
             ca_file, client_certificate and client_key"
        );
    }
    ensure!(url.fragment().is_none(), "what stands after # is not read; remove it");
    Ok(url)
}

fn login(config: &Elasticsearch) -> anyhow::Result<Option<Credentials>> {
    let (password, key) = (config.password.exposed(), config.api_key.exposed());
    ensure!(password.is_empty() || !config.username.is_empty(), "elasticsearch.password needs elasticsearch.username");
    if !key.is_empty() {
        ensure!(
            config.username.is_empty(),
            "elasticsearch.api_key and elasticsearch.username are both set: remove one"
        );
        return Ok(Some(Credentials::EncodedApiKey(key.to_owned())));
    }
    let user = &config.username;
    Ok((!user.is_empty()).then(|| Credentials::Basic(user.clone(), password.to_owned())))
}

/// The header of a login.
fn header(login: &Credentials) -> anyhow::Result<HeaderValue> {
    let text = match login {
        Credentials::Basic(user, password) => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        Credentials::EncodedApiKey(key) => format!("ApiKey {key}"),
        _ => bail!("elasticsearch: this login cannot be used with a client's certificate"),
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| anyhow!("elasticsearch.api_key is no key"))?;
    value.set_sensitive(true);
    Ok(value)
}

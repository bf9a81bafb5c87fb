//! The settings of a dashboard server that reads the loaded stores: a file for its `--config`, with only the values that differ from
//! the defaults of the profile (docs/operate/settings.md). It never contains passwords.

use anyhow::Context as _;
use axon_examples::stores::{Layout, elasticsearch::Indices, redis::Keys};
use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use elasticsearch::http::Url;
use serde::Serialize;

/// The stores that were loaded; `None` for a store that was not.
pub(crate) struct Target<'a> {
    pub(crate) layout: Layout,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) zone: Tz,
    pub(crate) elasticsearch: Option<&'a str>,
    pub(crate) index_prefix: &'a str,
    pub(crate) mysql: Option<&'a str>,
    pub(crate) database: &'a str,
    pub(crate) redis: Option<&'a str>,
    pub(crate) key_prefix: &'a str,
}

/// The settings in the file. A `None` is not written.
#[derive(Serialize)]
struct Settings {
    profile: &'static str,
    zone: Option<&'static str>,
    elasticsearch: Option<ElasticsearchKeys>,
    mysql: Option<MySqlKeys>,
    redis: Option<RedisKeys>,
}

#[derive(Serialize)]
struct ElasticsearchKeys {
    url: String,
    username: Option<String>,
    event_indices: Option<[String; 1]>,
    purchase_indices: Option<[String; 1]>,
}

#[derive(Serialize)]
struct MySqlKeys {
    url: String,
}

#[derive(Serialize)]
struct RedisKeys {
    url: String,
    stock_key: Option<String>,
    members_key: Option<String>,
}

/// The file as TOML.
/// # Errors
/// An address is invalid. The error does not contain it.
pub(crate) fn toml(target: &Target<'_>) -> anyhow::Result<String> {
    let Target { layout, as_of, zone, .. } = target;
    let as_of = as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut text = format!("# Layout {layout}, as of {as_of}: --now {as_of} starts the server's clock there.\n");

    let mut secrets = Vec::new();
    let mut address = |store: &'static str, url: Option<&str>| {
        let Some(url) = url else { return Ok(None) };
        let (url, secret) = without_password(url).with_context(|| format!("--{store} is no address"))?;
        if secret {
            secrets.push(store);
        }
        anyhow::Ok(Some(url))
    };
    let elasticsearch = address("elasticsearch", target.elasticsearch)?;
    let mysql = address("mysql", target.mysql)?;
    let redis = address("redis", target.redis)?;
    for store in secrets {
        let variable = store.to_uppercase();
        text +=
            &format!("# The password is left out: AXON_DASHBOARD__{variable}__PASSWORD, or {store}.password_file.\n");
    }
    if mysql.is_none() {
        text += "# Without mysql.url the server refuses to start: the catalog is in MySQL.\n";
    }

    let settings = Settings {
        profile: if *layout == Layout::Plan { "plan" } else { "platform" },
        zone: (*zone != chrono_tz::Asia::Seoul).then(|| zone.name()),
        elasticsearch: elasticsearch.map(|url| elasticsearch_keys(target, url)),
        mysql: mysql.map(|mut url| {
            url.set_path(&format!("/{}", target.database));
            MySqlKeys { url: url.into() }
        }),
        redis: redis.map(|url| redis_keys(target, url)),
    };
    text += &toml::to_string(&settings)?;
    Ok(text)
}

/// The server takes the user as a setting of its own, not in the address.
fn elasticsearch_keys(target: &Target<'_>, mut url: Url) -> ElasticsearchKeys {
    let username = decode(url.username());
    // This fails only for an address without a host, which has no user either.
    let _ = url.set_username("");
    let indices = Indices::new(target.layout).prefixed(target.index_prefix);
    let prefixed = !target.index_prefix.is_empty();
    ElasticsearchKeys {
        url: url.into(),
        username: Some(username).filter(|name| !name.is_empty()),
        event_indices: prefixed.then_some([indices.behavior]),
        purchase_indices: prefixed.then_some([indices.commerce]),
    }
}

fn redis_keys(target: &Target<'_>, url: Url) -> RedisKeys {
    let keys = Keys::of(target.layout).with_prefix(target.key_prefix);
    let prefixed = !target.key_prefix.is_empty();
    RedisKeys {
        url: url.into(),
        stock_key: prefixed.then(|| keys.counter()),
        members_key: prefixed.then(|| keys.members()),
    }
}

/// An address without its password, and whether it had one. An address of a Unix socket of Redis has it as a parameter.
fn without_password(url: &str) -> anyhow::Result<(Url, bool)> {
    let mut url = Url::parse(url)?;
    let mut secret = url.password().is_some();
    // This fails only for an address without a host, which has no password either.
    let _ = url.set_password(None);
    if url.query_pairs().any(|(key, _)| key == "pass") {
        secret = true;
        let rest: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(key, _)| key != "pass").collect();
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
    }
    Ok((url, secret))
}

/// A part of an address, percent-decoded.
fn decode(part: &str) -> String {
    // Decoded as a parameter, whose only difference is the plus sign.
    let parameter = Url::parse(&format!("parameter:?={}", part.replace('+', "%2B")));
    parameter.ok().and_then(|url| url.query_pairs().next().map(|(_, text)| text.into_owned())).unwrap_or_default()
}

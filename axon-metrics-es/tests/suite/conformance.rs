//! The source passes the suite that every source passes, with each way in which an index can keep times.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::common;

use std::time::Duration;

use async_trait::async_trait;
use axon_examples::stores::elasticsearch::client;
use axon_metrics::testing::{AbsentStore, BehaviorStore, EventRecord, FaultyStore};
use axon_metrics_es::EsBehavior;
use common::{Index, OwnedSource, Time, platform};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

macro_rules! mapped {
    ($($name:ident: $time:expr, step $step:literal s;)*) => { $(
        struct $name;

        #[async_trait]
        impl BehaviorStore for $name {
            type Source = OwnedSource;
            const TIME_STEP: Duration = Duration::from_secs($step);
            const TELLS_ACTIVE: bool = $step == 0;

            async fn holding(events: &[EventRecord]) -> Option<OwnedSource> {
                platform(events, $time).await
            }
        }
    )* };
}

mapped! {
    FloatSeconds: Time::Float, step 128 s;
    Template: Time::Date, step 0 s;
    DoubleSeconds: Time::Double, step 0 s;
    WholeMillis: Time::Millis, step 0 s;
    MillisReadAsSeconds: Time::Late, step 0 s;
}

/// A server that takes connections and says the same to each.
async fn server(says: Option<&'static [u8]>) -> EsBehavior {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if let Some(says) = says {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(says).await;
            } else {
                held.push(stream);
            }
        }
    });
    EsBehavior::new(client(&format!("http://{address}")).unwrap())
}

struct Misbehaving;

#[async_trait]
impl FaultyStore for Misbehaving {
    type Source = EsBehavior;

    async fn silent() -> EsBehavior {
        server(None).await
    }

    async fn garbled() -> EsBehavior {
        server(Some(b"HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\n\x00\xff<html>{{[1,2,\"oops\" ,,")).await
    }

    async fn cut() -> EsBehavior {
        server(Some(b"")).await
    }

    async fn refused() -> EsBehavior {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        EsBehavior::new(client(&format!("http://{nobody}")).unwrap())
    }
}

#[async_trait]
impl AbsentStore for Misbehaving {
    type Source = OwnedSource;

    async fn absent() -> Option<OwnedSource> {
        let named =
            [Index::of_events("behavior", Value::Null, vec![]), Index::of_purchases("commerce", Value::Null, vec![])];
        common::holding(named.into()).await
    }
}

mod float_seconds {
    axon_metrics::behavior_source_conformance!(super::FloatSeconds);
}
mod template {
    axon_metrics::behavior_source_conformance!(super::Template);
}
mod double_seconds {
    axon_metrics::behavior_source_conformance!(super::DoubleSeconds);
}
mod whole_millis {
    axon_metrics::behavior_source_conformance!(super::WholeMillis);
}
mod millis_read_as_seconds {
    axon_metrics::behavior_source_conformance!(super::MillisReadAsSeconds);
}
mod no_index {
    axon_metrics::behavior_server_conformance!(super::Misbehaving);
}

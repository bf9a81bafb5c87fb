//! Live visits: events that are written while a test measures.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axon_examples::stores::elasticsearch::{Bulk, client};
use chrono::{DateTime, SecondsFormat, Utc};
use elasticsearch::Elasticsearch;
use serde_json::json;

use crate::platform::Platform;

/// Writes visits of one user to one activity.
#[derive(Debug)]
pub(crate) struct Visits {
    client: Elasticsearch,
    index: String,
    user: u64,
    activity: u64,
    campaign: u64,
}

impl Visits {
    pub(crate) fn of(platform: &Platform, user: u64, activity: u64, campaign: u64) -> Self {
        let client = client(&format!("http://{}", platform.addresses.elasticsearch)).unwrap();
        Self { client, index: platform.indices.behavior.clone(), user, activity, campaign }
    }

    /// Writes a visit at this instant. It is stored when the call returns.
    pub(crate) async fn visit(&self, at: DateTime<Utc>) {
        let Self { activity, campaign, user, .. } = self;
        let event = json!({
            "eventId": 1, "eventName": "page view", "triggerType": "PAGE_VIEW",
            "occurredAt": at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "userId": user, "pageUrl": format!("https://shop.example/campaign-activity/{activity}/main"),
            "properties": {"activityId": activity, "campaignId": campaign},
        });
        let mut bulk = Bulk::default();
        bulk.document(&self.index, None, |line| line.extend_from_slice(event.to_string().as_bytes()));
        assert_eq!(bulk.send(&self.client, |_, _| false).await.unwrap().taken, 1);
    }
}

//! What makes a cached answer cheap to send: answers are encoded and compressed once, together with their tag and headers;
//! URLs are interned with the request they mean; and a cached answer is sent before any route runs. Lives here: only that.
//! Lives elsewhere: parsing of requests (`routes/`), ids and log lines (`access`).

mod answer_headers;
mod cached_response;
mod campaign_lists;
mod compression;
mod encoded_answer;
mod encoded_body;
mod etag;
mod interned_urls;
mod response_cache;
pub(crate) use cached_response::{cached, compress, interned, respond, send};
pub(crate) use campaign_lists::CampaignLists;
pub(crate) use encoded_answer::EncodedAnswer;
pub(crate) use encoded_body::EncodedBody;
pub(crate) use etag::of_content as etag_of;
pub(crate) use interned_urls::InternedUrls;
pub(crate) use response_cache::ResponseCache;

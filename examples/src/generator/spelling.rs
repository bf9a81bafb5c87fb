//! Encodes an event as the platform's JSON message, in the platform's varying forms. It is written
//! by hand into a buffer, since a large run writes tens of millions. Fixed texts are escaped once.

use chrono::{Datelike, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::calendar::{self, MINUTE};
use super::event::{Event, Kind};
use super::{Config, TimeFormat};

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Linux; Android 14; \"SM-S921N\") 삼성 인터넷/26.0",
    "Mozilla/5.0",
];
const REFERRERS: [&str; 4] =
    ["", "http://shop.example/", "https://search.example/?q=선착순 특가", "http://shop.example/campaigns"];
const SHOP: &str = "http://shop.example";
const CORE: &str = "http://core.example";

/// Appends events as JSON to a buffer: as messages for a topic or an index, or as lines of the
/// events file.
#[derive(Debug)]
pub struct MessageWriter {
    /// Per kind: everything up to the value of `occurredAt`.
    heads: Vec<String>,
    agents: Vec<String>,
    referrers: Vec<String>,
    export: bool,
    format: TimeFormat,
    zone: Tz,
    /// The quarter of an hour of the cached offset.
    quarter: i64,
    /// The offset in minutes, and whether its local times are unambiguous or the earlier ones.
    offset: (i64, bool),
}

impl MessageWriter {
    /// A writer with the formats of the configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let head = |kind: &Kind| {
            let mut head = String::from("{");
            match kind.definition() {
                Some(definition) => head += &format!("\"eventId\":{definition},"),
                None if *kind == Kind::Approved => head += "\"eventId\":null,",
                None => {}
            }
            if let Some(name) = kind.name() {
                head += &format!("\"eventName\":{},", quoted(name));
            }
            head + &format!("\"triggerType\":\"{}\",\"occurredAt\":", kind.trigger().as_str())
        };
        Self {
            heads: Kind::ALL.iter().map(head).collect(),
            agents: AGENTS.map(quoted).to_vec(),
            referrers: REFERRERS.map(quoted).to_vec(),
            export: config.export,
            format: config.time_format,
            zone: config.zone,
            quarter: i64::MIN,
            offset: (0, true),
        }
    }

    /// One line of the events file with its line break, and with the document's id if configured.
    pub fn line(&mut self, out: &mut Vec<u8>, event: &Event) {
        if self.export {
            let index = event.document.topic.as_str();
            text(out, "{\"_index\":\"");
            text(out, index);
            text(out, "\",\"_id\":\"");
            text(out, index);
            text(out, "+");
            number(out, event.document.partition());
            text(out, "+");
            number(out, event.document.offset());
            text(out, "\",\"_source\":");
        }
        self.message(out, event);
        text(out, if self.export { "}\n" } else { "\n" });
    }

    /// The platform's message: one JSON object on one line, without a line break.
    pub fn message(&mut self, out: &mut Vec<u8>, event: &Event) {
        let bits = event.spelling;
        text(out, &self.heads[event.kind as usize]);
        self.time(out, event.occurred_at, bits >> 20);
        match event.user_id {
            Some(user) => {
                text(out, ",\"userId\":");
                id(out, user.get(), bits & 0x7c00 == 0);
            }
            None if bits & 2 == 0 => text(out, ",\"userId\":null"),
            None => {}
        }
        match event.session {
            Some(session) => {
                text(out, ",\"sessionId\":\"");
                uuid(out, session.uuid());
                text(out, "\"");
            }
            None if bits & 1 == 0 => text(out, ",\"sessionId\":null"),
            None => {}
        }
        page(out, event);
        if event.kind.is_backend() {
            text(out, ",\"userAgent\":\"Axon-Backend/1.0\"");
        } else if !matches!(event.kind, Kind::Scroll | Kind::Stay | Kind::Diagnostic) {
            text(out, ",\"referrer\":");
            text(out, &self.referrers[(bits >> 3 & 3) as usize]);
            text(out, ",\"userAgent\":");
            text(out, &self.agents[(bits >> 5 & 3) as usize]);
        }
        properties(out, event);
        text(out, "}");
    }

    fn time(&mut self, out: &mut Vec<u8>, millis: i64, bits: u32) {
        let format = match (self.format, bits % 6) {
            (TimeFormat::Mixed, 0) => TimeFormat::Seconds,
            (TimeFormat::Mixed, 1) => TimeFormat::Scientific,
            (TimeFormat::Mixed, 2) => TimeFormat::Millis,
            (TimeFormat::Mixed, 3) => TimeFormat::Iso,
            (TimeFormat::Mixed, 4) => TimeFormat::IsoOffset,
            (TimeFormat::Mixed, _) => TimeFormat::Local,
            (format, _) => format,
        };
        match format {
            TimeFormat::Seconds => {
                number(out, millis.unsigned_abs() / 1_000);
                text(out, ".");
                padded(out, millis.unsigned_abs() % 1_000, 3);
                text(out, "000000");
            }
            TimeFormat::Scientific | TimeFormat::Mixed => scientific(out, millis),
            TimeFormat::Millis => number(out, millis.unsigned_abs()),
            TimeFormat::Iso => {
                text(out, "\"");
                clock(out, millis);
                text(out, "Z\"");
            }
            TimeFormat::IsoOffset => self.local(out, millis, true),
            TimeFormat::Local => self.local(out, millis, false),
        }
    }

    fn local(&mut self, out: &mut Vec<u8>, millis: i64, with_offset: bool) {
        let quarter = millis.div_euclid(15 * MINUTE);
        if quarter != self.quarter {
            self.quarter = quarter;
            let local = calendar::instant(quarter * 15 * MINUTE).with_timezone(&self.zone);
            let earliest = self.zone.from_local_datetime(&local.naive_local()).earliest();
            let seconds = local.offset().fix().local_minus_utc();
            self.offset = (i64::from(seconds / 60), earliest == Some(local));
        }
        let (offset, plain) = self.offset;
        text(out, "\"");
        clock(out, millis + offset * MINUTE);
        if with_offset || !plain {
            text(out, if offset < 0 { "-" } else { "+" });
            padded(out, offset.unsigned_abs() / 60, 2);
            text(out, ":");
            padded(out, offset.unsigned_abs() % 60, 2);
        }
        text(out, "\"");
    }
}

fn page(out: &mut Vec<u8>, event: &Event) {
    let (start, end) = match event.kind {
        Kind::Login => return text(out, ",\"pageUrl\":\"/backend/login\""),
        Kind::Diagnostic => return,
        Kind::ShopView | Kind::BannerClick => {
            text(out, ",\"pageUrl\":\"");
            text(out, SHOP);
            match event.product_id {
                Some(product) => {
                    text(out, "/products/");
                    number(out, product.get());
                }
                None => text(out, "/"),
            }
            return text(out, "\"");
        }
        Kind::StockView => ((SHOP, "/campaign-activities/"), ""),
        Kind::Approved => ((CORE, "/campaign-activity/"), "/checkout"),
        Kind::Purchase => (("", "/backend/campaign-activity/"), "/purchase"),
        _ => ((SHOP, "/campaign-activity/"), "/detail"),
    };
    let activity = match (event.kind, event.activity_id) {
        (Kind::StockView, _) => event.value,
        (_, Some(activity)) => activity.get(),
        (_, None) => return,
    };
    text(out, ",\"pageUrl\":\"");
    text(out, start.0);
    text(out, start.1);
    number(out, activity);
    text(out, end);
    text(out, "\"");
}

fn properties(out: &mut Vec<u8>, event: &Event) {
    const START: &str = ",\"properties\":{";
    let bits = event.spelling;
    let begin = out.len();
    text(out, START);
    let mut member = |name: &str, value: u32, quoted: bool| {
        if out.last() != Some(&b'{') {
            text(out, ",");
        }
        text(out, "\"");
        text(out, name);
        text(out, "\":");
        id(out, value, quoted);
    };
    let as_text = !event.kind.is_backend() && bits & 0xf_8000 == 0;
    if let Some(activity) = event.activity_id {
        member("activityId", activity.get(), as_text);
    }
    if let Some(campaign) = event.campaign_id {
        member("campaignId", campaign.get(), as_text);
    }
    if let Some(product) = event.product_id {
        member("productId", product.get(), as_text);
    }
    match event.kind {
        Kind::Approved => member("order", event.value, false),
        Kind::Scroll => member("depth", event.value, false),
        Kind::Stay => member("durationSec", event.value, false),
        _ => {}
    }
    match event.kind {
        Kind::Approved | Kind::Purchase => text(out, ",\"source\":\"backend\"}"),
        Kind::Login => text(out, "\"source\":\"backend\",\"eventType\":\"login\"}"),
        Kind::Diagnostic => {
            text(out, "\"source\":\"axon-js-sdk\"},\"attributes\":{\"reason\":\"eventSendFailures\"}");
        }
        _ if out.len() > begin + START.len() => text(out, "}"),
        kind => {
            out.truncate(begin);
            match bits >> 8 & 3 {
                0 => text(out, ",\"properties\":null"),
                1 => text(out, ",\"properties\":{}"),
                _ => {}
            }
            if kind == Kind::StockView {
                text(out, ",\"attributes\":{\"title\":\"선착순\"}");
            }
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn id(out: &mut Vec<u8>, value: u32, quoted: bool) {
    if quoted {
        text(out, "\"");
    }
    number(out, value);
    if quoted {
        text(out, "\"");
    }
}

/// A whole number in decimal.
fn number(out: &mut Vec<u8>, value: impl Into<u64>) {
    padded(out, value.into(), 1);
}

/// A whole number in decimal, with zeros in front up to `width` digits.
fn padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

/// Seconds in Java's text form of a double: one digit, a point, the rest, the exponent.
fn scientific(out: &mut Vec<u8>, millis: i64) {
    let begin = out.len();
    number(out, millis.unsigned_abs());
    let exponent = out.len() - begin - 1 - 3;
    while out.len() > begin + 2 && out.last() == Some(&b'0') {
        out.pop();
    }
    out.insert(begin + 1, b'.');
    text(out, "E");
    number(out, u64::try_from(exponent).unwrap_or(0));
}

/// Date and time to the millisecond.
fn clock(out: &mut Vec<u8>, millis: i64) {
    let at = calendar::instant(millis).with_timezone(&Utc);
    padded(out, u64::from(at.year().unsigned_abs()), 4);
    for (mark, value) in [("-", at.month()), ("-", at.day()), ("T", at.hour()), (":", at.minute()), (":", at.second())]
    {
        text(out, mark);
        padded(out, u64::from(value), 2);
    }
    text(out, ".");
    padded(out, millis.rem_euclid(1_000).unsigned_abs(), 3);
}

/// Five groups of lower-case hexadecimal digits.
fn uuid(out: &mut Vec<u8>, halves: [u64; 2]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (half, groups) in halves.into_iter().zip([[8usize, 12], [4, 16]]) {
        for digit in 0..16 {
            if digit == groups[0] || digit == groups[1] {
                out.push(b'-');
            }
            out.push(DIGITS[(half >> (60 - 4 * digit) & 15) as usize]);
        }
        if groups[1] == 12 {
            out.push(b'-');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn times_have_the_formats_of_the_platform() {
        let mut writer = MessageWriter::new(&Config::default());
        let mut time = |format, millis| {
            writer.format = format;
            written(|out| writer.time(out, millis, 0))
        };
        let at = 1_772_681_696_789;
        assert_eq!(time(TimeFormat::Scientific, at), "1.772681696789E9");
        assert_eq!(time(TimeFormat::Scientific, 1_772_681_700_000), "1.7726817E9");
        assert_eq!(time(TimeFormat::Scientific, 2_000_000_000_000), "2.0E9");
        assert_eq!(time(TimeFormat::Seconds, at), "1772681696.789000000");
        assert_eq!(time(TimeFormat::Millis, at), "1772681696789");
        assert_eq!(time(TimeFormat::Iso, at), "\"2026-03-05T03:34:56.789Z\"");
        assert_eq!(time(TimeFormat::IsoOffset, at), "\"2026-03-05T12:34:56.789+09:00\"");
        assert_eq!(time(TimeFormat::Local, at), "\"2026-03-05T12:34:56.789\"");
    }

    #[test]
    fn the_second_of_two_equal_local_hours_has_an_offset() {
        let zone = chrono_tz::America::Los_Angeles;
        let mut writer = MessageWriter::new(&Config { zone, time_format: TimeFormat::Local, ..Config::default() });
        let first = 1_730_622_600_000; // 2024-11-03T08:30:00Z, half past one in summer time
        let mut time = |millis| written(|out| writer.time(out, millis, 0));
        assert_eq!(time(first), "\"2024-11-03T01:30:00.000\"");
        assert_eq!(time(first + 3_600_000), "\"2024-11-03T01:30:00.000-08:00\"");
    }

    #[test]
    fn a_session_is_a_version_4_uuid() {
        let text = written(|out| uuid(out, [0x0123_4567_89ab_4def, 0x8123_4567_89ab_cdef]));
        assert_eq!(text, "01234567-89ab-4def-8123-456789abcdef");
    }
}

//! Hostile texts, composed of a list of fragments. The list is deterministic.

/// Texts that break out of SQL.
const SQL: [&str; 20] = [
    "' OR '1'='1",
    "\" OR 1=1 -- ",
    "1; DROP TABLE campaigns",
    "') UNION SELECT NULL, user_id FROM purchases -- ",
    "1 UNION ALL SELECT NULL,NULL,NULL#",
    "/*!50000 UNION*/ SELECT 1",
    "1/**/OR/**/1=1",
    "`; DELETE FROM purchases; --",
    "\\' OR 1=1#",
    "\\",
    "'",
    "\"",
    "`",
    "0x27206f7220",
    "SLEEP(5)",
    "@@version",
    "(SELECT user_id FROM purchases LIMIT 1)",
    "1e309",
    "%' AND name LIKE '%",
    "?",
];

/// Texts that break out of a search, or widen it.
const SEARCH: [&str; 22] = [
    "*",
    "*:*",
    "_all",
    "_search?q=*",
    "{\"match_all\":{}}",
    "{\"script\":{\"source\":\"ctx.op='delete'\"}}",
    "\"}}}\n{\"index\":\"*\"}\n{\"query\":{\"match_all\":{}}}\n",
    "\"],\"boost\":1e9,\"x\":[\"",
    "now-1d||/d",
    "<axon-{now/d}>",
    "a AND NOT b OR c",
    "userId:[1 TO *]",
    "/.*/",
    "title:(a b)~2^5",
    "\\u002a",
    "-axon.event.behavior",
    "remote:*",
    ".kibana,.security",
    "a,b",
    "a?b*c",
    "_exists_:userId",
    "\n",
];

/// Texts that inject a Redis command.
const COMMANDS: [&str; 10] = [
    "\r\nFLUSHALL\r\n",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "\r\n$3\r\nDEL\r\n",
    "$-1\r\n",
    "+OK\r\n",
    "EVAL \"return redis.call('KEYS','*')\" 0",
    "{a}{b}",
    "KEYS *",
    "789:counter\r\nSET campaign:789:counter 0\r\n",
    "\0",
];

/// Texts that inject a request, header, path, template or program.
const WEB: [&str; 24] = [
    "\r\nSet-Cookie: a=b",
    "\nHost: other",
    "%0d%0aX-Other: 1",
    "%00",
    "%c0%ae%c0%ae/",
    "%zz",
    "&widgets=overview",
    "#fragment",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "//other.example/",
    "file:///etc/passwd",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}",
    "${7*7}",
    "<%= 7*7 %>",
    "#{7*7}",
    "${jndi:ldap://127.0.0.1:1/a}",
    "{id}",
    "{activityId}",
    "%s%n%x{0}",
    "$(id)`id`|id;id",
];

/// Texts that look like other ones.
const UNICODE: [&str; 18] = [
    "７d",
    "1２3",
    "٣",
    "𝟏",
    "1\u{200b}",
    "\u{feff}7d",
    "\u{202e}d7",
    "\u{2028}",
    "e\u{301}",
    "ﬀ",
    "ı",
    "\u{212a}",
    "\u{1f}",
    "\u{7f}",
    "\u{85}",
    "\u{fffd}",
    "\u{10ffff}",
    "재고\u{3000}🎁",
];

/// Texts at the edge of numbers and of empty values.
const NUMBERS: [&str; 16] = [
    "-1",
    "0",
    "+1",
    "01",
    "1.0",
    "1e3",
    "1_000",
    "9223372036854775808",
    "18446744073709551616",
    "NaN",
    "Infinity",
    "null",
    "true",
    "[]",
    "{}",
    " ",
];

/// Prefixes and suffixes of a fragment, so that the text begins or ends like a valid one.
const AROUND: [(&str, &str); 7] =
    [("7d", ""), ("", "7d"), ("123", ""), ("overview,", ""), ("2024-01-01", ""), ("count ", " count"), ("'", "'")];

/// `count` different hostile texts: first the fragments, then fragments with a valid prefix or suffix, then pairs of fragments.
pub(crate) fn payloads(count: usize) -> Vec<String> {
    let fragments: Vec<&str> = [&SQL[..], &SEARCH, &COMMANDS, &WEB, &UNICODE, &NUMBERS].concat();
    let alone = fragments.iter().map(|&fragment| fragment.to_owned());
    let around = fragments.iter().enumerate().map(|(index, fragment)| {
        let (before, after) = AROUND[index % AROUND.len()];
        format!("{before}{fragment}{after}")
    });
    // A step that is coprime to the number of fragments reaches each of them.
    let pairs = (1..).flat_map(|step| {
        let fragments = fragments.clone();
        (0..fragments.len())
            .map(move |index| format!("{}{}", fragments[index], fragments[(index * 7 + step) % fragments.len()]))
    });
    let mut texts: Vec<String> = Vec::with_capacity(count);
    let mut seen = std::collections::BTreeSet::new();
    for text in alone.chain(around).chain(pairs) {
        if texts.len() == count {
            break;
        }
        if seen.insert(text.clone()) {
            texts.push(text);
        }
    }
    texts
}

/// The texts of the gate, or with `AXON_DRILL` ten times as many.
pub(crate) fn all() -> Vec<String> {
    payloads(if super::is_drill() { 5_000 } else { 500 })
}

/// A text, percent-encoded as a part of a URL: every reserved byte is encoded.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

/// A text as a part of a URL: only bytes that are invalid in one are encoded.
pub(crate) fn loose(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

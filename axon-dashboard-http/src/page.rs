//! The list of campaigns as HTML: no script, no style, nothing from elsewhere. Names are strangers' text and are escaped.

use std::fmt::{self, Display, Write};

use axon_metrics::{
    Instant, Phase,
    answer::{ActivityEntry, CampaignList},
};

/// What a browser may do with the page: show it, in a frame of the same site at most.
pub(crate) const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// What relative links start with on a page of this path: a nested router's root need not end in a slash.
pub(crate) fn base(path: &str) -> String {
    match path.rsplit('/').next() {
        None | Some("") => String::new(),
        Some(last) => format!("./{last}/"),
    }
}

/// The page. `local` writes an instant in the business zone.
pub(crate) fn campaigns(list: &CampaignList, base: &str, local: impl Fn(Instant) -> String) -> String {
    let base = Escaped(base);
    let mut rows = String::new();
    for campaign in &list.campaigns {
        let (id, name) = (campaign.campaign_id, Escaped(&campaign.name));
        let (start, end) = (date(campaign.start_at, &local), date(campaign.end_at, &local));
        let phase = phase(campaign.phase);
        let activities = activities(&campaign.activities, &base);
        let _ = writeln!(
            rows,
            "<tr><td><a href=\"{base}api/v1/dashboard/campaign/{id}\">{id}</a></td><td><bdi>{name}</bdi></td>\
             <td>{phase}</td><td>{start}</td><td>{end}</td><td>{activities}</td></tr>"
        );
    }
    if rows.is_empty() {
        rows.push_str("<tr><td colspan=\"6\">캠페인이 없습니다 <span lang=\"en\">No campaigns</span></td></tr>\n");
    }
    format!(
        "<!doctype html>\n<html lang=\"ko\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>캠페인 대시보드 · Campaigns</title>\n\
         </head>\n<body>\n<main>\n<h1>캠페인 <span lang=\"en\">Campaigns</span></h1>\n<table border=\"1\">\n<thead><tr>\
         <th scope=\"col\">번호 <span lang=\"en\">Id</span></th><th scope=\"col\">이름 <span lang=\"en\">Name</span></th>\
         <th scope=\"col\">상태 <span lang=\"en\">Phase</span></th><th scope=\"col\">시작 <span lang=\"en\">Start</span></th>\
         <th scope=\"col\">종료 <span lang=\"en\">End</span></th>\
         <th scope=\"col\">활동 (한도) <span lang=\"en\">Activities (limit)</span></th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</main>\n<footer><ul>\n\
         <li><a href=\"{base}api/v1/dashboard/definitions\">지표 정의 <span lang=\"en\">Definitions</span></a></li>\n\
         <li><a href=\"{base}openapi.json\">OpenAPI</a></li>\n\
         <li><a href=\"{base}readyz\">상태 점검 <span lang=\"en\">Health</span></a></li>\n</ul></footer>\n</body>\n</html>\n"
    )
}

fn activities(entries: &[ActivityEntry], base: &Escaped<'_>) -> String {
    let mut list = String::new();
    for activity in entries {
        let (id, name) = (activity.activity_id, Escaped(&activity.name));
        let limit = activity.limit_count.map_or_else(
            || "한도 없음 <span lang=\"en\">no limit</span>".to_owned(),
            |limit| format!("{limit}명 <span lang=\"en\">{limit} slots</span>"),
        );
        let _ = write!(
            list,
            "<li><a href=\"{base}api/v1/dashboard/activity/{id}\">{id}</a> <bdi>{name}</bdi> ({limit})</li>"
        );
    }
    if list.is_empty() { list } else { format!("<ul>{list}</ul>") }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::NotStarted => "시작 전 <span lang=\"en\">Not started</span>",
        Phase::Running => "진행 중 <span lang=\"en\">Running</span>",
        Phase::Ended => "종료 <span lang=\"en\">Ended</span>",
    }
}

fn date(instant: Option<Instant>, local: impl Fn(Instant) -> String) -> String {
    let machine = |instant: Instant| instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    instant.map_or_else(
        || "–".to_owned(),
        |instant| format!("<time datetime=\"{}\">{}</time>", machine(instant), Escaped(&local(instant))),
    )
}

/// Text that is text in HTML, inside elements and inside quoted attributes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            // Not allowed in HTML.
            control if control.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            character => f.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_is_text() {
        let hostile = "<script>alert('1')</script>\" onclick=\"x\" &amp;\0";
        let expected = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onclick=&quot;x&quot; &amp;amp;\u{fffd}";
        assert_eq!(Escaped(hostile).to_string(), expected);
    }

    #[test]
    fn links_start_where_the_page_lies() {
        assert_eq!(base("/"), "");
        assert_eq!(base("/metrics-api"), "./metrics-api/");
        assert_eq!(base("/a/metrics-api"), "./metrics-api/");
        assert_eq!(base("/metrics-api/"), "");
    }
}

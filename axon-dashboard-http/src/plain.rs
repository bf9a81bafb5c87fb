//! The list of campaigns as HTML, for a server without the dashboard page: no script, no style, nothing from elsewhere. Names
//! are strangers' text and are escaped.

use std::fmt::Write;

use axon_metrics::{
    Phase, Timestamp,
    answer::{ActivityEntry, CampaignList},
};

use crate::html::Escaped;

/// What a browser may do with the list: show it, in a frame of the same site at most.
pub(crate) const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Why there is no dashboard page, and how to get it.
const NOTICE: &str = "<p>이 빌드에는 대시보드 화면이 들어 있지 않습니다. <code>scripts/page</code>를 실행한 뒤 \
     <code>axon-dashboard-http</code>의 <code>page</code> 기능을 켜고 다시 빌드하십시오. \
     <span lang=\"en\">The dashboard page is not part of this build: run <code>scripts/page</code>, then build again with the \
     feature <code>page</code> of <code>axon-dashboard-http</code>.</span></p>\n";

/// The list, with a notice where the build has no dashboard page. `local` writes an instant in the business zone.
pub(crate) fn campaigns(
    list: &CampaignList,
    base: &str,
    has_page: bool,
    local: impl Fn(Timestamp) -> String,
) -> String {
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
    let notice = if has_page { "" } else { NOTICE };
    format!(
        "<!doctype html>\n<html lang=\"ko\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>캠페인 대시보드 · Campaigns</title>\n\
         </head>\n<body>\n<main>\n<h1>캠페인 <span lang=\"en\">Campaigns</span></h1>\n{notice}<table border=\"1\">\n<thead><tr>\
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

fn date(instant: Option<Timestamp>, local: impl Fn(Timestamp) -> String) -> String {
    let machine = |instant: Timestamp| instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    instant.map_or_else(
        || "–".to_owned(),
        |instant| format!("<time datetime=\"{}\">{}</time>", machine(instant), Escaped(&local(instant))),
    )
}

//! Every figure of an answer: key, names and formula in Korean and English, unit, and where it comes from.

use serde::{Deserialize, Serialize};

use super::source_kind::SourceKind;

/// What one figure means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The figure's path in the answer's `data` (`overview.conversionRate`).
    pub key: String,
    /// Its Korean name.
    pub ko: String,
    /// Its English name.
    pub en: String,
    /// How it is computed, in Korean.
    pub formula_ko: String,
    /// How it is computed, in English.
    pub formula_en: String,
    /// What it is counted in.
    pub unit: Unit,
    /// The stores it comes from, by name, joined by commas.
    pub source: String,
}

/// The catalogue of figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Definitions {
    /// One entry per figure of an answer.
    pub definitions: Vec<Definition>,
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Events in mode `count`, distinct subjects in the other modes.
    CountOfMode,
    /// Events.
    Events,
    /// Distinct subjects.
    Subjects,
    /// Percent.
    Percent,
    /// Orders.
    Orders,
    /// Units sold.
    Units,
    /// Money in the answer's currency.
    Money,
    /// Distinct users.
    Users,
    /// Slots.
    Slots,
    /// Weeks.
    Weeks,
    /// An instant.
    Instant,
}

/// Which kind of source a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The sources of these steps, by their index.
    Steps(&'static [usize]),
    /// The source of this kind.
    Source(SourceKind),
}

type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, Unit, Origin);

/// The whole catalogue; `source` says which stores stand behind an origin.
pub(crate) fn catalogue(source: impl Fn(Origin) -> String) -> Definitions {
    let definition = |&(key, ko, en, formula_ko, formula_en, unit, origin): &Row| Definition {
        key: key.into(),
        ko: ko.into(),
        en: en.into(),
        formula_ko: formula_ko.into(),
        formula_en: formula_en.into(),
        unit,
        source: source(origin),
    };
    Definitions { definitions: ROWS.iter().map(definition).collect() }
}

const ALL: Origin = Origin::Steps(&[0, 1, 2, 3]);
const ENDS: Origin = Origin::Steps(&[0, 3]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("overview.totalVisits", "방문", "Visits", "기간 내 방문 단계의 건수(모드 unique에서는 순 방문자 수)", "Records of the visit step in the range (mode unique: distinct subjects)", Unit::CountOfMode, Origin::Steps(&[0])),
    ("overview.totalParticipants", "참여", "Participants", "기간 내 참여 단계의 건수(모드 unique에서는 순 참여자 수)", "Records of the engage step in the range (mode unique: distinct subjects)", Unit::CountOfMode, Origin::Steps(&[1])),
    ("overview.approvedCount", "승인", "Approved", "기간 내 승인 단계의 건수(모드 unique에서는 순 승인자 수)", "Records of the approve step in the range (mode unique: distinct subjects)", Unit::CountOfMode, Origin::Steps(&[2])),
    ("overview.purchaseCount", "구매", "Purchases", "기간 내 구매 단계의 건수(모드 unique에서는 순 구매자 수)", "Records of the purchase step in the range (mode unique: distinct subjects)", Unit::CountOfMode, Origin::Steps(&[3])),
    ("overview.conversionRate", "구매 전환율", "Conversion rate", "구매 ÷ 방문 × 100, 소수 둘째 자리 반올림", "Purchases ÷ visits × 100, two decimals, half-up", Unit::Percent, ENDS),
    ("overview.change", "이전 기간 대비 변화율", "Change", "(현재 − 이전) ÷ 이전 × 100, 이전 기간은 같은 경과 시간까지, 소수 첫째 자리 반올림", "(current − previous) ÷ previous × 100, the previous range cut at the same elapsed time, one decimal, half-up", Unit::Percent, ALL),
    ("funnel.steps[].value", "단계별 건수", "Step count", "기간 내 해당 단계의 건수(모드 unique에서는 순 인원)", "Records of the step in the range (mode unique: distinct subjects)", Unit::CountOfMode, ALL),
    ("funnel.steps[].rate", "직전 단계 대비 비율", "Rate from the step before", "단계 건수 ÷ 직전 단계 건수 × 100, 첫 단계는 100, 소수 첫째 자리 반올림", "Step count ÷ count of the step before × 100, the first step is 100, one decimal, half-up", Unit::Percent, ALL),
    ("funnel.steps[].rateFromFirst", "첫 단계 대비 비율", "Rate from the first step", "단계 건수 ÷ 첫 단계 건수 × 100, 소수 첫째 자리 반올림", "Step count ÷ count of the first step × 100, one decimal, half-up", Unit::Percent, ALL),
    ("comparison.promotion.orders", "프로모션 주문 수", "Promotion orders", "조회 기간과 프로모션 기간이 겹치는 동안 이 캠페인 활동으로 확정된 구매 수", "Confirmed purchases attributed to the activities, in the range inside the promotion", Unit::Orders, Origin::Source(SourceKind::Ledger)),
    ("comparison.promotion.quantity", "프로모션 판매 수량", "Promotion units", "프로모션 주문의 수량 합계", "Units of the promotion orders", Unit::Units, Origin::Source(SourceKind::Ledger)),
    ("comparison.promotion.revenue", "프로모션 매출", "Promotion revenue", "프로모션 주문의 단가 × 수량 합계", "Sum of unit price × quantity of the promotion orders", Unit::Money, Origin::Source(SourceKind::Ledger)),
    ("comparison.promotion.buyers", "프로모션 구매자 수", "Promotion buyers", "프로모션 주문의 서로 다른 사용자 수", "Distinct users of the promotion orders", Unit::Users, Origin::Source(SourceKind::Ledger)),
    ("comparison.promotion.cancelled", "프로모션 취소 수", "Promotion orders cancelled", "같은 기간의 취소·환불된 구매 수(다른 수치에는 포함되지 않음)", "Purchases cancelled or refunded in the same time, not in the other figures", Unit::Orders, Origin::Source(SourceKind::Ledger)),
    ("comparison.regular.orders", "일반 주문 수", "Regular orders", "같은 기간 같은 상품의 일반 상점 확정 구매 수", "Confirmed shop purchases of the same products in the same time", Unit::Orders, Origin::Source(SourceKind::Ledger)),
    ("comparison.regular.quantity", "일반 판매 수량", "Regular units", "일반 주문의 수량 합계", "Units of the regular orders", Unit::Units, Origin::Source(SourceKind::Ledger)),
    ("comparison.regular.revenue", "일반 매출", "Regular revenue", "일반 주문의 단가 × 수량 합계(상점 가격은 클라이언트가 보낸 값)", "Sum of unit price × quantity of the regular orders (shop prices are those the client sent)", Unit::Money, Origin::Source(SourceKind::Ledger)),
    ("comparison.regular.buyers", "일반 구매자 수", "Regular buyers", "일반 주문의 서로 다른 사용자 수", "Distinct users of the regular orders", Unit::Users, Origin::Source(SourceKind::Ledger)),
    ("comparison.regular.cancelled", "일반 취소 수", "Regular orders cancelled", "같은 기간의 취소·환불된 일반 구매 수", "Regular purchases cancelled or refunded in the same time", Unit::Orders, Origin::Source(SourceKind::Ledger)),
    ("comparison.baseline.orders", "기대 주문 수", "Expected orders", "프로모션 시작 전 주들의 요일·시간대별 평균 일반 주문 수를 같은 시간에 적용한 합계, 소수 둘째 자리 반올림", "Mean regular orders per hour of the week before the promotion's start, summed over the same time, two decimals, half-up", Unit::Orders, Origin::Source(SourceKind::Ledger)),
    ("comparison.baseline.quantity", "기대 판매 수량", "Expected units", "기대 주문 수와 같은 방법으로 계산한 수량", "Units, computed as the expected orders", Unit::Units, Origin::Source(SourceKind::Ledger)),
    ("comparison.baseline.revenue", "기대 매출", "Expected revenue", "기대 주문 수와 같은 방법으로 계산한 매출", "Revenue, computed as the expected orders", Unit::Money, Origin::Source(SourceKind::Ledger)),
    ("comparison.baseline.buyers", "기대 구매자 수", "Expected buyers", "구매자 수는 시간대별로 더할 수 없어 제공하지 않음", "Not supported: buyers do not add up over hours", Unit::Users, Origin::Source(SourceKind::Ledger)),
    ("comparison.baseline.weeks", "기준 주 수", "Baseline weeks", "평균에 사용한 온전한 주의 수", "Whole weeks the mean was taken over", Unit::Weeks, Origin::Source(SourceKind::Ledger)),
    ("comparison.otherPromotions[].orders", "다른 프로모션 주문 수", "Orders of other promotions", "같은 기간 같은 상품이 다른 활동으로 확정 구매된 수", "Confirmed purchases of the same products attributed to other activities in the same time", Unit::Orders, Origin::Source(SourceKind::Ledger)),
    ("realtime.remainingStock", "잔여 수량", "Remaining stock", "한도 − 점유된 슬롯 수(0 이상 한도 이하), 캠페인에서는 활동들의 합", "Limit − slots held, within 0 and the limit; for a campaign the sum over its activities", Unit::Slots, Origin::Source(SourceKind::Realtime)),
    ("realtime.initialStock", "최초 수량", "Initial stock", "활동의 한도, 캠페인에서는 활동들의 합", "The activity's limit; for a campaign the sum", Unit::Slots, Origin::Source(SourceKind::Catalog)),
    ("realtime.participantsTotal", "누적 참여자 수", "Participants in total", "슬롯을 점유한 사용자 수(현재 접속자가 아님), 캠페인에서는 활동들의 합", "Everyone who holds a slot, not people present now; for a campaign the sum over its activities", Unit::Slots, Origin::Source(SourceKind::Realtime)),
    ("realtime.activeUsers", "최근 5분 활성 사용자", "Active users", "최근 5분간 이벤트가 하나라도 있는 서로 다른 사용자(로그인 전에는 세션) 수", "Distinct subjects (user, else session) with any event in the last five minutes", Unit::Subjects, Origin::Source(SourceKind::Behavior)),
    ("realtime.hourlyInflow[].visits", "시간대별 유입", "Hourly inflow", "첫 단계 이벤트의 시간별 건수, 마지막 시간은 진행 중", "Events of the first step per hour; the last hour is in progress", Unit::Events, Origin::Source(SourceKind::Behavior)),
    ("realtime.lastUpdated", "재고 확인 시각", "Stock read at", "재고를 읽은 시각", "The instant of the stock read", Unit::Instant, Origin::Source(SourceKind::Realtime)),
    ("activities[].totalVisits", "활동별 방문", "Visits by activity", "활동별 방문 단계의 이벤트 수(모드와 무관)", "Records of the visit step of the activity, whatever the mode", Unit::Events, Origin::Steps(&[0])),
    ("activities[].totalParticipants", "활동별 참여", "Participants by activity", "활동별 참여 단계의 이벤트 수(모드와 무관)", "Records of the engage step of the activity, whatever the mode", Unit::Events, Origin::Steps(&[1])),
    ("activities[].approvedCount", "활동별 승인", "Approved by activity", "활동별 승인 단계의 이벤트 수(모드와 무관)", "Records of the approve step of the activity, whatever the mode", Unit::Events, Origin::Steps(&[2])),
    ("activities[].purchaseCount", "활동별 구매", "Purchases by activity", "활동별 구매 단계의 이벤트 수(모드와 무관)", "Records of the purchase step of the activity, whatever the mode", Unit::Events, Origin::Steps(&[3])),
    ("activities[].conversionRate", "활동별 구매 전환율", "Conversion rate by activity", "구매 ÷ 방문 × 100, 소수 둘째 자리 반올림", "Purchases ÷ visits × 100, two decimals, half-up", Unit::Percent, ENDS),
    ("activities[].remainingStock", "활동별 잔여 수량", "Remaining stock by activity", "한도 − 점유된 슬롯 수(0 이상 한도 이하)", "Limit − slots held, within 0 and the limit", Unit::Slots, Origin::Source(SourceKind::Realtime)),
];

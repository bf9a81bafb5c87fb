//! Requests as text: an id and the parameters of a URL's query, percent-decoded.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Timelike as _, Utc};

use super::request::{DashboardRequest, Fault, FaultCode, RequestError, RequestRules};
use crate::{ActivityId, CampaignId, Mode, Period, Scope, Timestamp, vocabulary::Bound, widget::Widget};

/// Whether an id is that of a campaign or of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Level {
    /// A campaign.
    Campaign,
    /// An activity.
    Activity,
}

/// A request as text, not checked yet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestText<'a> {
    /// Whether `id` is that of a campaign or of an activity.
    pub level: Level,
    /// The id, as in the path.
    pub id: &'a str,
    /// The names and values of the query's parameters in their order, repetitions included.
    pub parameters: &'a [(String, String)],
}

const PARAMETERS: [&str; 7] = ["widgets", "period", "startDate", "endDate", "mode", "compare", "funnel"];
const PERIODS: [Period; 3] = [Period::Today, Period::Last7Days, Period::Last30Days];

impl<'a> RequestText<'a> {
    /// A request for a campaign or an activity, with the parameters of its query.
    pub fn new(level: Level, id: &'a str, parameters: &'a [(String, String)]) -> Self {
        Self { level, id, parameters }
    }

    /// Parses and checks the text. `rules` hold the defaults and the funnels. `as_of` is the instant of the answer: the
    /// periods `1d`, `7d` and `30d` end on its day.
    ///
    /// A parameter with an empty value counts as absent. Dates without a period make a custom range. Dates with the
    /// period `1d`, `7d` or `30d` must be well-formed, but are ignored.
    /// # Errors
    /// [`RequestError`] with all faults, not only the first.
    pub fn parse(&self, rules: &RequestRules, as_of: Timestamp) -> Result<DashboardRequest, RequestError> {
        let mut reader = Reader { parameters: self.parameters, faults: Vec::new() };
        reader.names();
        let scope = reader.scope(self.level, self.id);
        let widgets = reader.widgets();
        let mode = reader.mode();
        let compare = reader.word("compare", &[("previous", ())]);
        let period = reader.period();

        // Parameters that parsed are checked even if others did not parse: the caller learns all faults at once.
        let mut request = DashboardRequest::of(scope.unwrap_or(Scope::Campaign(CampaignId(1))));
        if let Some(widgets) = widgets {
            request = request.widgets(widgets);
        }
        request.mode = mode;
        request.compare_previous = compare.is_some();
        request.funnel = reader.value("funnel").map(Into::into);
        if let Some((period, dates_ignored)) = period {
            request.period = period;
            request.dates_ignored = dates_ignored;
        }
        if let Err(error) = request.check(rules, as_of) {
            reader.faults.extend(error.faults);
        }
        if reader.faults.is_empty() { Ok(request) } else { Err(RequestError { faults: reader.faults }) }
    }
}

struct Reader<'a> {
    parameters: &'a [(String, String)],
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// The first value of a parameter; repetitions are a fault of their own.
    fn value(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }

    fn fault(&mut self, field: &str, code: FaultCode, message: impl Into<String>) {
        self.faults.push(Fault::new(field, code, message));
    }

    fn names(&mut self) {
        for (index, (name, _)) in self.parameters.iter().enumerate() {
            let earlier = self.parameters[..index].iter().filter(|(other, _)| other == name).count();
            let shown: String = name.chars().take(64).collect();
            if earlier == 0 && !PARAMETERS.contains(&name.as_str()) {
                self.fault(
                    &shown,
                    FaultCode::UnknownParameter,
                    format!("the parameters are {}", PARAMETERS.join(", ")),
                );
            } else if earlier == 1 {
                self.fault(&shown, FaultCode::Repeated, "the parameter must be there only once");
            }
        }
    }

    fn scope(&mut self, level: Level, id: &str) -> Option<Scope> {
        let (field, scope) = match level {
            Level::Campaign => ("campaignId", id.parse::<CampaignId>().map(Scope::Campaign)),
            Level::Activity => ("activityId", id.parse::<ActivityId>().map(Scope::Activity)),
        };
        scope.map_err(|error| self.fault(field, FaultCode::InvalidValue, error.to_string())).ok().or(match level {
            Level::Campaign => None,
            // Stands for the level, which decides which widgets are allowed.
            Level::Activity => Some(Scope::Activity(ActivityId(1))),
        })
    }

    fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let value = self.value(name)?;
        let meaning = words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
        if meaning.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let one_of = if list.len() > 1 { "one of " } else { "" };
            self.fault(name, FaultCode::UnknownValue, format!("{name} must be {one_of}{}", list.join(", ")));
        }
        meaning
    }

    /// The mode. One that exists and is not supported is refused with the whole request.
    fn mode(&mut self) -> Option<Mode> {
        let value = self.value("mode")?;
        let mode = Mode::ALL.into_iter().find(|mode| mode.code() == value);
        if mode.is_none() {
            let supported = Mode::ALL.into_iter().filter(|mode| mode.counting().is_some()).map(Mode::code);
            let supported: Vec<&str> = supported.collect();
            self.fault("mode", FaultCode::UnknownValue, format!("mode must be one of {}", supported.join(", ")));
        }
        mode
    }

    fn widgets(&mut self) -> Option<Vec<Widget>> {
        let mut widgets = Vec::new();
        for word in self.value("widgets")?.split(',') {
            match Widget::ALL.into_iter().find(|widget| widget.name() == word) {
                Some(widget) => widgets.push(widget),
                None => {
                    let list = Widget::ALL.map(Widget::name).join(", ");
                    self.fault(
                        "widgets",
                        FaultCode::UnknownValue,
                        format!("widgets must be a comma-separated list of {list}"),
                    );
                    return None;
                }
            }
        }
        Some(widgets)
    }

    /// The period, and whether the text has dates that it does not use.
    fn period(&mut self) -> Option<(Period, bool)> {
        let start = self.bound("startDate");
        let end = self.bound("endDate");
        let dated = start.is_some() || end.is_some();
        let custom = match self.value("period") {
            None => dated,
            Some("custom") => true,
            Some(_) => {
                let mut words = PERIODS.map(|period| (period.code(), Some(period))).to_vec();
                words.push(("custom", None));
                return self.word("period", &words).flatten().map(|period| (period, dated));
            }
        };
        if !custom {
            return None;
        }
        for (name, bound) in [("startDate", start), ("endDate", end)] {
            if bound.is_none() {
                self.fault(name, FaultCode::Missing, format!("{name} is required with period=custom"));
            }
        }
        Some((Period::Custom { start: start??, end: end?? }, false))
    }

    /// `None` if the parameter is absent, `Some(None)` if it is no date.
    fn bound(&mut self, name: &'static str) -> Option<Option<Bound>> {
        let value = self.value(name)?;
        let bound = bound(value);
        if bound.is_none() {
            let forms = "a date (2024-01-31), a local date-time (2024-01-31T09:00:00) or an RFC 3339 instant (2024-01-31T00:00:00Z; a + must be sent as %2B)";
            self.fault(name, FaultCode::InvalidValue, format!("{name} must be {forms} that exists"));
        }
        Some(bound)
    }
}

/// The years that a range may be in.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

fn bound(text: &str) -> Option<Bound> {
    // chrono also reads signs, blanks, years of other lengths and a second 60.
    let shape = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    if !text.is_ascii() || !text.starts_with(|first: char| first.is_ascii_digit()) || !shape(4, b'-') || !shape(7, b'-')
    {
        return None;
    }
    if text.len() == 10 {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return YEARS.contains(&date.year()).then_some(Bound::Date(date));
    }
    if !shape(10, b'T') || text.contains(' ') {
        return None;
    }
    let plain = |local: &NaiveDateTime| YEARS.contains(&local.year()) && local.nanosecond() < 1_000_000_000;
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        let instant = instant.with_timezone(&Utc);
        return plain(&instant.naive_utc()).then_some(Bound::At(instant));
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"));
    local.ok().filter(plain).map(Bound::Local)
}

impl DashboardRequest {
    /// The parameters of the request as text. Parameters with their default value are left out, except `period`.
    /// Parsing them gives an equal request.
    pub fn to_parameters(&self) -> Vec<(String, String)> {
        let mut parameters = Vec::new();
        let mut push = |name: &str, value: String| parameters.push((name.to_owned(), value));
        if self.widgets != Widget::DEFAULT {
            push("widgets", self.widgets.iter().map(|widget| widget.name()).collect::<Vec<_>>().join(","));
        }
        push("period", self.period.code().to_owned());
        if let Period::Custom { start, end } = self.period {
            push("startDate", bound_text(start));
            push("endDate", bound_text(end));
        }
        if let Some(mode) = self.mode {
            push("mode", mode.code().to_owned());
        }
        if self.compare_previous {
            push("compare", "previous".to_owned());
        }
        if let Some(funnel) = &self.funnel {
            push("funnel", funnel.to_string());
        }
        parameters
    }
}

fn bound_text(bound: Bound) -> String {
    match bound {
        Bound::Date(date) => date.to_string(),
        Bound::Local(local) => local.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
        Bound::At(instant) => instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Seoul;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2024-11-12T10:30:00Z".parse().expect("an instant")
    }

    fn parse(level: Level, id: &str, query: &[(&str, &str)]) -> Result<DashboardRequest, Vec<(String, FaultCode)>> {
        let parameters: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RequestText { level, id, parameters: &parameters }
            .parse(&RequestRules::new(Mode::Count, Seoul), now())
            .map_err(|error| error.faults.into_iter().map(|fault| (fault.field, fault.code)).collect())
    }
    fn faults(query: &[(&str, &str)]) -> Vec<(String, FaultCode)> {
        parse(Level::Campaign, "123", query).expect_err("faults")
    }
    fn fault(field: &str, code: FaultCode) -> (String, FaultCode) {
        (field.to_owned(), code)
    }

    #[test]
    fn the_plans_example_is_seven_days_with_ignored_dates() {
        let query = [
            ("widgets", "overview,funnel,realtime"),
            ("period", "7d"),
            ("startDate", "2024-01-01"),
            ("endDate", "2024-01-31"),
        ];
        let request = parse(Level::Campaign, "123", &query).unwrap();
        assert_eq!((request.period, request.dates_ignored), (Period::Last7Days, true));
        assert_eq!(request.widgets, [Widget::Overview, Widget::Funnel, Widget::Realtime]);
    }

    #[test]
    fn an_empty_value_is_an_absent_one_and_absent_ones_are_defaults() {
        let defaults = DashboardRequest::campaign(123);
        assert_eq!(parse(Level::Campaign, "123", &[]).unwrap(), defaults);
        let empty = PARAMETERS.map(|name| (name, ""));
        assert_eq!(parse(Level::Campaign, "123", &empty).unwrap(), defaults);
    }

    #[test]
    fn dates_without_a_period_are_a_custom_range() {
        let request =
            parse(Level::Campaign, "1", &[("startDate", "2024-01-01"), ("endDate", "2024-01-31T12:00:00+09:00")])
                .unwrap();
        let end = Bound::At("2024-01-31T03:00:00Z".parse().expect("an instant"));
        assert_eq!(request.period, Period::Custom { start: Bound::Date("2024-01-01".parse().expect("a date")), end });
    }

    #[test]
    fn a_mode_that_does_not_exist_is_told_those_that_are_supported() {
        for (mode, message) in [
            ("all", "mode must be one of count, unique"),
            ("unique_ordered", "mode unique_ordered is not supported yet; count and unique are"),
        ] {
            let parameters = [("mode".to_owned(), mode.to_owned())];
            let text = RequestText { level: Level::Campaign, id: "1", parameters: &parameters };
            let error = text.parse(&RequestRules::new(Mode::Count, Seoul), now()).expect_err("a fault");
            assert_eq!(error.faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>(), [message]);
        }
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let query = [
            ("widgets", "overview,nope"),
            ("period", "2d"),
            ("startDate", "2024-02-30"),
            ("endDate", "soon"),
            ("mode", "unique_ordered"),
            ("compare", "next"),
            ("zone", "UTC"),
            ("zone", "UTC"),
            ("mode", "count"),
        ];
        let mut faults = parse(Level::Campaign, "0", &query).expect_err("faults");
        faults.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(
            faults,
            [
                fault("campaignId", FaultCode::InvalidValue),
                fault("compare", FaultCode::UnknownValue),
                fault("endDate", FaultCode::InvalidValue),
                fault("mode", FaultCode::Repeated),
                fault("mode", FaultCode::NotSupported),
                fault("period", FaultCode::UnknownValue),
                fault("startDate", FaultCode::InvalidValue),
                fault("widgets", FaultCode::UnknownValue),
                fault("zone", FaultCode::UnknownParameter),
                fault("zone", FaultCode::Repeated),
            ]
        );
    }

    #[test]
    fn custom_needs_both_dates_and_a_range_that_is_not_empty() {
        assert_eq!(
            faults(&[("period", "custom")]),
            [fault("startDate", FaultCode::Missing), fault("endDate", FaultCode::Missing)]
        );
        assert_eq!(faults(&[("startDate", "2024-01-01")]), [fault("endDate", FaultCode::Missing)]);
        assert_eq!(
            faults(&[("startDate", "2024-01-02"), ("endDate", "2024-01-01")]),
            [fault("endDate", FaultCode::EmptyRange)]
        );
        assert_eq!(
            faults(&[("startDate", "2022-01-01"), ("endDate", "2024-01-01")]),
            [fault("endDate", FaultCode::RangeTooLong)]
        );
    }

    #[test]
    fn dates_beside_a_period_must_be_well_formed() {
        assert_eq!(faults(&[("period", "1d"), ("endDate", "2023-02-29")]), [fault("endDate", FaultCode::InvalidValue)]);
    }

    #[test]
    fn an_activity_has_no_widget_activities() {
        let query = [("widgets", "activities")];
        assert!(parse(Level::Campaign, "1", &query).is_ok());
        assert_eq!(
            parse(Level::Activity, "1", &query).expect_err("a fault"),
            [fault("widgets", FaultCode::NotSupported)]
        );
        let both = parse(Level::Activity, "-1", &query).expect_err("faults");
        assert_eq!(both, [fault("activityId", FaultCode::InvalidValue), fault("widgets", FaultCode::NotSupported)]);
    }

    #[test]
    fn a_text_that_is_no_date_is_a_fault() {
        for wrong in [
            "2024-1-1",
            "20240101",
            "2024-01-01T",
            "2024-01-01 00:00:00",
            "2024-01-01T00:00:00 09:00",
            "2024-13-01",
            "+2024-01-01",
            "２０２４-01-01",
            "2024-01-01Z",
            "2024-01-01T25:00",
            "1704067200",
            "12024-01-01",
            "1969-12-31",
            "0000-01-01",
            "2024-01-01T00:00:60",
            "2024-01-01T00:00:60Z",
            "9999-12-31T23:00:00-23:59",
        ] {
            assert_eq!(
                faults(&[("startDate", wrong), ("endDate", "2024-01-31")]),
                [fault("startDate", FaultCode::InvalidValue)],
                "{wrong}"
            );
        }
    }

    fn any_bound() -> impl Strategy<Value = (Bound, Bound)> {
        (0..20_000_i64, 1..390_i64, 0..86_400_i64, 0..3_u8).prop_map(|(day, days, second, kind)| {
            let start = DateTime::from_timestamp(day * 86_400 + second, 250_000_000).expect("in range");
            let end = start + chrono::Duration::days(days);
            match kind {
                0 => (Bound::Date(start.date_naive()), Bound::Date(end.date_naive())),
                1 => (Bound::Local(start.naive_utc()), Bound::Local(end.naive_utc())),
                _ => (Bound::At(start), Bound::At(end)),
            }
        })
    }

    proptest! {
        #[test]
        fn a_request_as_text_is_the_same_request(
            id in 1..=crate::vocabulary::id::MAX_ID,
            widgets in proptest::sample::subsequence(Widget::ALL.to_vec(), 1..=Widget::ALL.len()),
            kind in 0..4_u8, bounds in any_bound(), mode in proptest::option::of(0..2_usize), compare in any::<bool>(),
            funnel in any::<bool>(),
        ) {
            let mut request = DashboardRequest::campaign(id).widgets(widgets);
            if funnel && request.widgets.contains(&Widget::Funnel) {
                request = request.funnel("own");
            }
            request = request.period(match kind {
                0 => Period::Today,
                1 => Period::Last7Days,
                2 => Period::Last30Days,
                _ => Period::Custom { start: bounds.0, end: bounds.1 },
            });
            if let Some(mode) = mode {
                request = request.mode(Mode::ALL[mode]);
            }
            if compare {
                request = request.compare_previous();
            }
            let parameters = request.to_parameters();
            let text = RequestText { level: Level::Campaign, id: &id.to_string(), parameters: &parameters };
            let rules = RequestRules { funnels: vec!["fcfs".into(), "own".into()], ..RequestRules::new(Mode::Count, Seoul) };
            prop_assert_eq!(text.parse(&rules, now()).expect("no fault"), request);
        }
    }
}

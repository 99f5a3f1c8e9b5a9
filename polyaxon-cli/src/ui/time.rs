//! Times and durations for people and for programs.

use jiff::Timestamp;

/// The present moment.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The time of a message, or nothing when it is absent or out of range.
pub(crate) fn timestamp(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// RFC 3339 in UTC.
pub(crate) fn exact(time: Option<&prost_types::Timestamp>) -> Option<String> {
    timestamp(time).map(|time| time.to_string())
}

/// How long ago something was, in the largest unit that fits; `-` if unknown.
pub(crate) fn ago(time: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
    let Some(time) = timestamp(time) else {
        return "-".to_owned();
    };
    let seconds = now.as_second() - time.as_second();
    if seconds < 10 {
        return "just now".to_owned();
    }
    let (count, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..31_536_000 => (seconds / 604_800, "week"),
        _ => (seconds / 31_536_000, "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// The time between two moments, such as `4.2s`, `3m 05s` or `2h 07m`.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> String {
    let milliseconds = (end.as_millisecond() - start.as_millisecond()).max(0);
    let seconds = milliseconds / 1_000;
    match seconds {
        ..60 => format!("{seconds}.{}s", milliseconds % 1_000 / 100),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// The time between two moments in seconds, such as `75.0s`: the clock of logs.
pub(crate) fn clock(start: Timestamp, at: Timestamp) -> String {
    let tenths = (at.as_millisecond() - start.as_millisecond()).max(0) / 100;
    format!("{}.{}s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[rstest::rstest]
    #[case(0, "just now")]
    #[case(59, "59 seconds ago")]
    #[case(60, "1 minute ago")]
    #[case(7_200, "2 hours ago")]
    #[case(86_400, "1 day ago")]
    #[case(1_209_600, "2 weeks ago")]
    #[case(70_000_000, "2 years ago")]
    fn ages(#[case] seconds: i64, #[case] expected: &str) {
        let time = prost_types::Timestamp {
            seconds: 0,
            nanos: 0,
        };
        assert_eq!(ago(Some(&time), at(seconds)), expected);
    }

    #[rstest::rstest]
    #[case(0, 4_290, "4.2s")]
    #[case(0, 185_000, "3m 05s")]
    #[case(0, 7_620_000, "2h 07m")]
    #[case(10, 0, "0.0s")]
    fn durations(#[case] start: i64, #[case] end: i64, #[case] expected: &str) {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        assert_eq!(between(at(start), at(end)), expected);
    }
}

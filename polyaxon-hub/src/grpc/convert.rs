//! Between our values and those of the protocol.

use prost_types::Timestamp;

use crate::domain::time::Millis;

pub(super) fn timestamp(at: Millis) -> Timestamp {
    Timestamp {
        seconds: at.0.div_euclid(1000),
        nanos: i32::try_from(at.0.rem_euclid(1000) * 1_000_000).unwrap_or_default(),
    }
}

pub(super) fn maybe_timestamp(at: Option<Millis>) -> Option<Timestamp> {
    at.map(timestamp)
}

pub(super) fn millis(at: &Timestamp) -> Millis {
    Millis(
        at.seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(at.nanos) / 1_000_000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_round_trip() {
        for at in [0, 1, -1, 1_700_000_000_123] {
            assert_eq!(millis(&timestamp(Millis(at))), Millis(at));
        }
    }
}

//! Waiting between tries.

use std::time::Duration;

use crate::ambience::Ambience;

/// Doubles from 100 ms to 5 s, each wait a random part of it, so that agents that lost the
/// same hub do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    ambience: Ambience,
    failures: u32,
}

impl Backoff {
    /// Chance comes from `ambience`.
    pub(crate) fn new(ambience: Ambience) -> Self {
        Self {
            ambience,
            failures: 0,
        }
    }

    /// The longest wait for the present number of failures.
    fn ceiling(&self) -> Duration {
        Duration::from_millis(100 << self.failures.min(6)).min(Duration::from_secs(5))
    }

    /// It worked: the next wait is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits, longer each time.
    pub async fn wait(&mut self) {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let part = self.ambience.within(0.5..=1.0);
        tokio::time::sleep(ceiling.mul_f64(part)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_limit() {
        let waits: Vec<u128> = (0..9)
            .map(|failures| {
                let ambience = Ambience::default();
                Backoff { ambience, failures }.ceiling().as_millis()
            })
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }
}

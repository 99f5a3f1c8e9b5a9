//! Which queue's runs an agent gets next.

use std::cmp::Reverse;

/// Turns that a queue may be behind its equals; one that was empty for long does not get everything at once.
const CATCH_UP: u64 = 8;

/// What the choice looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueView {
    /// 32 hex digits.
    pub id: String,
    /// Higher first, strictly.
    pub priority: i64,
    /// Runs at a time; `None`: no limit.
    pub concurrency: Option<u64>,
    /// Runs that an agent has now.
    pub active: u64,
    /// Runs that wait.
    pub waiting: u64,
    /// Turns so far.
    pub served: u64,
}

/// What one queue gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Identifier of the queue.
    pub queue: String,
    /// Runs to hand out, at least one.
    pub runs: u64,
    /// Its turns after that.
    pub served: u64,
}

/// Shares `slots` among the queues: a higher priority first, equal ones in turn, none beyond its concurrency.
#[must_use]
pub fn share(queues: &[QueueView], slots: u64) -> Vec<Share> {
    let mut open: Vec<(QueueView, u64)> = queues
        .iter()
        .map(|queue| {
            let peers = queues.iter().filter(|peer| peer.priority == queue.priority);
            let most = peers.map(|peer| peer.served).max().unwrap_or_default();
            let served = queue.served.max(most.saturating_sub(CATCH_UP));
            (
                QueueView {
                    served,
                    ..queue.clone()
                },
                0,
            )
        })
        .collect();
    for _ in 0..slots {
        let next = open
            .iter_mut()
            .filter(|(queue, given)| {
                *given < queue.waiting
                    && queue
                        .concurrency
                        .is_none_or(|limit| queue.active.saturating_add(*given) < limit)
            })
            .min_by(|(left, _), (right, _)| {
                let key = |queue: &QueueView| (Reverse(queue.priority), queue.served);
                key(left)
                    .cmp(&key(right))
                    .then_with(|| left.id.cmp(&right.id))
            });
        let Some((queue, given)) = next else { break };
        *given += 1;
        queue.served = queue.served.saturating_add(1);
    }
    open.into_iter()
        .filter(|(_, given)| *given > 0)
        .map(|(queue, given)| Share {
            queue: queue.id,
            runs: given,
            served: queue.served,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(id: &str, priority: i64, waiting: u64, served: u64) -> QueueView {
        QueueView {
            id: id.into(),
            priority,
            concurrency: None,
            active: 0,
            waiting,
            served,
        }
    }

    fn given(queues: &[QueueView], slots: u64) -> Vec<(String, u64)> {
        share(queues, slots)
            .into_iter()
            .map(|share| (share.queue, share.runs))
            .collect()
    }

    #[test]
    fn priority_is_strict_and_equals_take_turns() {
        let queues = [
            queue("a", 0, 9, 0),
            queue("b", 0, 9, 1),
            queue("c", 5, 2, 0),
        ];
        assert_eq!(
            given(&queues, 5),
            [("a".into(), 2), ("b".into(), 1), ("c".into(), 2)]
        );
        assert_eq!(given(&queues, 0), []);
    }

    #[test]
    fn a_queue_that_was_empty_catches_up_a_little_only() {
        let queues = [queue("busy", 0, 100, 1000), queue("fresh", 0, 100, 0)];
        assert_eq!(
            given(&queues, 20),
            [("busy".into(), 6), ("fresh".into(), 14)]
        );
    }

    proptest! {
        #[test]
        fn concurrency_holds_and_no_slot_is_wasted(
            queues in prop::collection::vec((-1..2i64, prop::option::of(0..6u64), 0..6u64, 0..9u64, 0..30u64), 0..5),
            slots in 0..20u64,
        ) {
            let queues: Vec<QueueView> = queues.into_iter().enumerate().map(|(n, (priority, concurrency, active, waiting, served))| {
                QueueView { id: n.to_string(), priority, concurrency, active, waiting, served }
            }).collect();
            let shares = share(&queues, slots);
            let total: u64 = shares.iter().map(|share| share.runs).sum();
            let room = |queue: &QueueView| queue.waiting.min(
                queue.concurrency.map_or(u64::MAX, |limit| limit.saturating_sub(queue.active)),
            );
            prop_assert_eq!(total, slots.min(queues.iter().map(room).sum()));
            for share in &shares {
                let queue = queues.iter().find(|queue| queue.id == share.queue).unwrap();
                prop_assert!(share.runs <= room(queue));
                prop_assert!(share.served >= queue.served + share.runs);
            }
        }
    }
}

//! The way from whoever watches an attempt to whoever is told: empty nearly all the time, and one for every attempt.

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};

use super::Seen;

/// Tells what is seen of one attempt. A channel with places of its own would take kilobytes, for some ten messages in
/// hours.
#[derive(Debug, Clone)]
pub struct Sights(UnboundedSender<Seen>);

/// What was told, in its order.
#[derive(Debug)]
pub struct Told(UnboundedReceiver<Seen>);

impl Sights {
    /// A way and its end.
    pub fn new() -> (Self, Told) {
        let (sender, receiver) = unbounded();
        (Self(sender), Told(receiver))
    }

    /// Tells; what nobody listens to any more is dropped.
    pub fn tell(&self, seen: Seen) {
        let _nobody_listens_any_more = self.0.unbounded_send(seen);
    }
}

impl Told {
    /// The next; `None`: nobody is left who could tell.
    pub async fn next(&mut self) -> Option<Seen> {
        self.0.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Observation;

    #[tokio::test]
    async fn what_was_told_comes_in_its_order_also_after_the_teller_is_gone() {
        let (sights, mut told) = Sights::new();
        sights.tell(Seen::Container("main".into()));
        sights.tell(Seen::Attempt(Observation::Running));
        drop(sights);
        let first = told.next().await;
        assert_eq!(first, Some(Seen::Container("main".into())));
        let second = told.next().await;
        assert_eq!(second, Some(Seen::Attempt(Observation::Running)));
        assert_eq!(told.next().await, None);
    }

    #[tokio::test]
    async fn nobody_has_to_listen() {
        let (sights, told) = Sights::new();
        drop(told);
        sights.tell(Seen::Attempt(Observation::Vanished));
    }
}

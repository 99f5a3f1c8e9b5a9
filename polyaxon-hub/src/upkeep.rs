//! What happens because time passes: agents fall silent, runs run out of time.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::run::{DEADLINE_EXCEEDED, SOURCE_HUB};
use crate::domain::session::{LAUNCH_TIME, TTL};
use crate::domain::time::Millis;
use crate::hub::Hub;
use crate::storage::StorageError;
use crate::storage::runs::StopOrder;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(500);
/// Runs that are stopped at once.
const OVERDUE: u32 = 100;

/// Looks again and again until the hub ends.
pub async fn run(hub: Arc<Hub>) {
    // Nobody could renew while the hub was away.
    if let Err(error) = hub.storage.extend_contact(hub.clock.now().plus(TTL)).await {
        tracing::warn!(%error, "cannot give agents time to come back");
    }
    loop {
        tokio::select! {
            biased;
            () = tokio::time::sleep(INTERVAL) => {}
            () = hub.draining.cancelled() => return,
        }
        match tick(&hub).await {
            Ok(()) | Err(StorageError::Closed) => {}
            Err(error) => tracing::warn!(%error, "upkeep failed"),
        }
    }
}

/// When the machine's clock was set, what waits for a time waits as long as before.
async fn follow_clock(hub: &Hub) -> Result<(), StorageError> {
    let milliseconds = hub.clock.was_set_by();
    if milliseconds == 0 {
        return Ok(());
    }
    hub.storage.shift_times(milliseconds).await?;
    hub.clock.follow(milliseconds);
    hub.tokens.clear();
    // Who was heard between the two lines above has a time of the old clock.
    hub.storage
        .extend_contact(hub.clock.now().plus(TTL))
        .await?;
    tracing::warn!(
        seconds = milliseconds / 1000,
        "the clock of this machine was set; leases and deadlines were moved with it"
    );
    Ok(())
}

async fn tick(hub: &Hub) -> Result<(), StorageError> {
    follow_clock(hub).await?;
    let now = hub.clock.now();
    for run in hub.storage.lose_contact(now).await? {
        hub.events.wake(&run);
    }
    for uuid in hub.storage.overdue_runs(now, OVERDUE).await? {
        let order = StopOrder {
            reason: DEADLINE_EXCEEDED.into(),
            source: SOURCE_HUB.into(),
            abandon: false,
            at: now,
        };
        if let Some((run, true)) = hub.storage.stop_run(&uuid, order).await? {
            tracing::info!(run = uuid, "the time of the run is over");
            hub.events.wake(&uuid);
            hub.orders.wake(&run.agent);
        }
    }
    for run in hub.storage.begin_attempts(now).await? {
        hub.events.wake(&run.uuid);
        hub.work.wake(&run.agent);
    }
    let patience = i64::try_from(LAUNCH_TIME.as_millis()).unwrap_or(i64::MAX);
    let before = Millis(now.0.saturating_sub(patience));
    for run in hub.storage.give_up_launches(before, now).await? {
        hub.events.wake(&run);
    }
    Ok(())
}

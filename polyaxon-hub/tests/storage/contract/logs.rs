//! The index of logs.

use polyaxon_hub::domain::log::LogKey;
use polyaxon_hub::domain::run::OBJECT_VANISHED;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::logs::LogSegment;
use polyaxon_spec::state::Status;

use super::samples::{claim, insert, open, synced};

fn key(attempt: u32, container: &str) -> LogKey {
    LogKey {
        run: "r".into(),
        attempt,
        container: container.into(),
    }
}

fn segment(first: u64, last: u64) -> LogSegment {
    LogSegment {
        first,
        last,
        size: last - first,
        store_key: format!("k{first}"),
    }
}

pub(crate) async fn logs_come_in_the_order_in_which_they_began(storage: &dyn Storage) {
    for key in [key(2, "a"), key(1, "z"), key(1, "b"), key(1, "z")] {
        storage.open_log(&key).await.unwrap();
    }
    storage.end_log(&key(1, "b")).await.unwrap();
    let streams = storage.log_streams("r").await.unwrap();
    let seen: Vec<(u32, &str, bool)> = streams
        .iter()
        .map(|one| (one.key.attempt, one.key.container.as_str(), one.ended))
        .collect();
    assert_eq!(seen, [(1, "z", false), (1, "b", true), (2, "a", false)]);
    assert_eq!(storage.log_streams("x").await, Ok(Vec::new()));
}

pub(crate) async fn pieces_are_added_once(storage: &dyn Storage) {
    let key = key(1, "a");
    for piece in [segment(10, 15), segment(0, 10), segment(0, 10)] {
        storage.add_segment(&key, piece).await.unwrap();
    }
    assert_eq!(
        storage.segments(&key).await,
        Ok(vec![segment(0, 10), segment(10, 15)])
    );
    assert_eq!(storage.sealed_size("r").await, Ok(15));
    assert_eq!(storage.sealed_size("x").await, Ok(0));
}

pub(crate) async fn what_is_missing_in_a_log_stays_on_the_run(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    let run = insert(storage, "default").await;
    let other = insert(storage, "default").await;
    storage.mark_incomplete(&run.uuid).await.unwrap();
    // A claim writes the run.
    let claimed = storage.claim(&session, claim(2, 10)).await.unwrap();
    assert_eq!(claimed.unwrap().len(), 2);
    for (uuid, incomplete) in [(&run.uuid, true), (&other.uuid, false)] {
        let found = storage.run(uuid).await.unwrap().unwrap();
        assert_eq!(found.log_incomplete, incomplete);
    }
}

pub(crate) async fn what_has_a_log_was_launched(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    let logged = insert(storage, "default").await;
    let silent = insert(storage, "default").await;
    let claimed = storage.claim(&session, claim(2, 10)).await.unwrap();
    assert_eq!(claimed.unwrap().len(), 2);
    let key = LogKey {
        run: logged.uuid.clone(),
        ..key(1, "main")
    };
    storage.open_log(&key).await.unwrap();
    let late = Millis(60_000);
    let orders = storage.directives(&session, late).await.unwrap().unwrap();
    let told: Vec<&str> = orders.iter().map(|order| order.run.as_str()).collect();
    assert_eq!(told, [silent.uuid.as_str()], "is to be launched again");
    let handed_back = storage.close_session(&session, late).await;
    assert_eq!(handed_back, Ok(Ok(vec![silent.uuid])));

    // The next session does not find its object.
    let next = open(storage, "a", 60_001).await;
    let (orders, changed) = storage
        .sync_session(&next, Vec::new(), true, Millis(60_002), Millis(90_000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((orders, changed), (Vec::new(), vec![logged.uuid.clone()]));
    let run = storage.run(&logged.uuid).await.unwrap().unwrap();
    assert_eq!(
        (run.state.base, run.reason.as_str()),
        (Status::Failed, OBJECT_VANISHED)
    );
}

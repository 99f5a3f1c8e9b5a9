//! The index of logs.

use polyaxon_hub::domain::log::LogKey;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::logs::LogSegment;

use super::samples::{claim, insert, synced};

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

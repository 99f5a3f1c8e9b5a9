//! Logs on a real disk.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::{Append, Blobs, Cursor, LogError, LogStore};
use crate::domain::log::{Content, Entry, LogKey};
use crate::storage::Storage;
use crate::storage::sqlite::SqliteStorage;

fn key(container: &str) -> LogKey {
    LogKey {
        run: "a".repeat(32),
        attempt: 1,
        container: container.into(),
    }
}

async fn open(folder: &Path) -> LogStore {
    let storage = SqliteStorage::open(&folder.join("hub.db")).await.unwrap();
    let index: Arc<dyn Storage> = Arc::new(storage);
    let blobs = Blobs::open(&folder.join("logs")).unwrap();
    LogStore::open(&folder.join("open"), blobs, index).unwrap()
}

fn append(offset: u64, lines: &[&str], eof: bool) -> Append {
    let mut end = offset;
    let entries = lines
        .iter()
        .map(|line| {
            let entry = Entry {
                offset: end,
                at_ns: 1,
                content: Content::Data {
                    stream: 1,
                    partial: false,
                    data: Bytes::copy_from_slice(line.as_bytes()),
                },
            };
            end = entry.end();
            entry
        })
        .collect();
    Append {
        key: key("main"),
        entries,
        end,
        eof,
    }
}

async fn text(store: &LogStore, from: u64) -> String {
    let mut cursor = Cursor::at(from);
    let mut text = String::new();
    loop {
        let entries = store.read(&key("main"), &mut cursor).await.unwrap();
        if entries.is_empty() {
            return text;
        }
        for entry in entries {
            match entry.content {
                Content::Data { partial, data, .. } => {
                    text.push_str(std::str::from_utf8(&data).unwrap());
                    if !partial {
                        text.push('\n');
                    }
                }
                Content::Gap { why, .. } | Content::Limit { why } => {
                    text.extend(["[", &why, "]\n"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_log_that_had_ended_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    // Whoever said so knew less than the one who comes after.
    assert_eq!(store.append(append(0, &["one"], true)).await, Ok(4));
    let again = append(0, &["one", "two"], true);
    assert_eq!(
        store.append(again).await,
        Ok(8),
        "or the agent waits for ever"
    );
    assert_eq!(text(&store, 0).await, "one\ntwo\n");
    let store = open(folder.path()).await;
    assert_eq!(text(&store, 0).await, "one\ntwo\n");
}

#[tokio::test]
async fn what_is_acknowledged_is_read_back_once_whatever_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    assert_eq!(store.append(append(0, &["one", "two"], false)).await, Ok(8));
    assert_eq!(
        store.append(append(4, &["two", "three"], false)).await,
        Ok(14)
    );
    assert_eq!(text(&store, 0).await, "one\ntwo\nthree\n");
    assert_eq!(text(&store, 5).await, "wo\nthree\n");
    assert_eq!(store.append(append(14, &[], true)).await, Ok(14));
    assert_eq!(
        store.append(append(14, &[], true)).await,
        Ok(14),
        "the end again"
    );
    assert_eq!(
        store.append(append(0, &["one"], false)).await,
        Ok(14),
        "late"
    );
    assert_eq!(text(&store, 0).await, "one\ntwo\nthree\n");
    assert!(
        store
            .streams(&"a".repeat(32))
            .await
            .unwrap()
            .iter()
            .all(|stream| stream.ended)
    );
    let left = std::fs::read_dir(folder.path().join("open"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "a complete log is sealed");
    let extent = store.extent(&key("main")).await.unwrap();
    assert_eq!((extent.last_bytes, extent.ended), (14, true), "of one time");
}

#[tokio::test]
async fn a_crash_loses_nothing_acknowledged_and_keeps_no_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store
        .append(append(0, &["one", "two"], false))
        .await
        .unwrap();
    drop(store);
    let file = std::fs::read_dir(folder.path().join("open"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut torn = std::fs::read(&file).unwrap();
    torn.extend_from_slice(&[40, 0, 0, 0, 1, 2, 3]);
    std::fs::write(&file, torn).unwrap();
    let store = open(folder.path()).await;
    assert_eq!(text(&store, 0).await, "one\ntwo\n");
    assert_eq!(store.append(append(8, &["three"], false)).await, Ok(14));
    assert_eq!(text(&store, 0).await, "one\ntwo\nthree\n");
}

#[tokio::test]
async fn a_missing_stretch_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.append(append(0, &["one"], false)).await.unwrap();
    assert_eq!(store.append(append(10, &["two"], false)).await, Ok(14));
    assert_eq!(
        text(&store, 0).await,
        "one\n[6 bytes of the output could not be read]\ntwo\n"
    );
}

#[tokio::test]
async fn a_large_log_is_read_whole_from_sealed_and_growing_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let line = "x".repeat(60_000);
    let mut offset = 0;
    for _ in 0..300 {
        offset = store.append(append(offset, &[&line], false)).await.unwrap();
    }
    assert!(
        folder.path().join("logs").join("a".repeat(32)).exists(),
        "some of it is sealed"
    );
    let whole = text(&store, 0).await;
    assert_eq!(whole.len() as u64, offset);
    let extent = store.extent(&key("main")).await.unwrap();
    assert_eq!((extent.first_at_ns, extent.last_at_ns), (1, 1));
    assert!(extent.last_bytes > 0 && extent.last_bytes % 60_001 == 0);
    assert_eq!(text(&store, offset - 10).await.len(), 10);
    drop(store);
    let store = open(folder.path()).await;
    assert_eq!(text(&store, 0).await, whole);
    assert_eq!(
        store.append(append(offset, &["end"], true)).await,
        Ok(offset + 4)
    );
    assert!(text(&store, 0).await.ends_with("x\nend\n"));
}

#[tokio::test]
async fn a_run_that_writes_too_much_is_cut_off_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.with_limit(300);
    let mut offset = 0;
    for _ in 0..20 {
        offset = store
            .append(append(offset, &[&"y".repeat(39)], false))
            .await
            .unwrap();
    }
    assert_eq!(offset, 800, "the sender is not held up");
    let read = text(&store, 0).await;
    assert!(
        read.ends_with("have reached 300 bytes: nothing after this is kept]\n"),
        "{read}"
    );
    assert_eq!(read.matches("nothing after").count(), 1);
    assert!(read.matches('y').count() <= 300);
}

#[test]
fn a_full_disk_has_an_error_of_its_own() {
    let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let expected = LogError::Full { place: "x".into() };
    assert_eq!(LogError::io(std::path::Path::new("x"), &full()), expected);
    let wrapped = object_store::Error::Generic {
        store: "LocalFileSystem",
        source: Box::new(full()),
    };
    assert_eq!(LogError::store("x", &wrapped), expected);
    let other = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let other = LogError::io(std::path::Path::new("x"), &other);
    assert!(matches!(other, LogError::Io { .. }), "{other:?}");
}

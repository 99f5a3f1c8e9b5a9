//! The storage contract over SQLite, and what only a file can do.

use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::access::{AccessStorage as _, ProjectRecord};
use polyaxon_hub::storage::sqlite::SqliteStorage;
use polyaxon_hub::storage::{Readiness as _, StorageError};
use tempfile::TempDir;

use super::contract::contract;

async fn open() -> (TempDir, SqliteStorage) {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(&folder.path().join("hub.db"))
        .await
        .unwrap();
    (folder, storage)
}

contract!(
    super::open,
    access:
    a_token_is_found_by_its_hash,
    live_names_of_tokens_are_unique,
    the_last_use_of_a_token_only_grows,
    a_live_admin_is_one_that_can_still_log_in,
    projects_are_unique_within_their_owner,
    pages_of_projects_join_without_a_gap,
);

contract!(
    super::open,
    components:
    a_registered_version_is_found_with_its_content,
    the_same_content_again_changes_nothing,
    a_name_keeps_its_content,
    latest_moves_and_old_content_stays_reachable_by_its_digest,
    a_pin_prefers_the_name_that_still_points_there,
    versions_come_newest_update_first_in_pages,
    components_are_listed_by_name_and_owner,
    of_many_registrations_at_once_one_makes_the_name,
);

contract!(
    super::open,
    runs:
    a_run_is_read_as_it_was_written,
    one_key_makes_one_run,
    lists_are_newest_first_and_filtered,
    a_stop_counts_once,
    queues_are_found_by_name_and_agent,
);

contract!(
    super::open,
    agents:
    epochs_grow_and_old_sessions_are_fenced,
    a_session_that_is_heard_stays,
    times_move_with_a_clock_that_was_set,
    a_run_is_given_out_once,
    concurrency_of_a_queue_holds,
    reports_change_the_run_with_what_belongs_to_them,
    orders_stand_until_they_are_done,
    a_page_of_an_inventory_does_not_miss_those_of_other_pages,
    contact_is_lost_and_found,
    runs_out_of_time_are_found,
);

contract!(
    super::open,
    history:
    no_run_is_lost_and_no_outcome_changes,
);

contract!(
    super::open,
    logs:
    logs_come_in_the_order_in_which_they_began,
    pieces_are_added_once,
    what_is_missing_in_a_log_stays_on_the_run,
    what_has_a_log_was_launched,
);

fn project(n: u32) -> ProjectRecord {
    ProjectRecord {
        uuid: format!("{n:032x}"),
        owner: "acme".into(),
        name: format!("p{n:03}"),
        description: String::new(),
        created_at: Millis(0),
    }
}

#[tokio::test]
async fn an_operation_that_fails_is_undone_alone() {
    let (_guard, storage) = open().await;
    let answers =
        futures::future::join_all((0..200).map(|n| storage.insert_project(project(n % 100)))).await;
    let failed = answers
        .iter()
        .filter(|answer| matches!(answer, Err(StorageError::Exists { .. })))
        .count();
    assert_eq!(failed, 100);
    let page = Page {
        size: 200,
        after: None,
    };
    assert_eq!(storage.projects("acme", &page).await.unwrap().len(), 100);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let (guard, storage) = open().await;
    storage.insert_project(project(1)).await.unwrap();
    assert_eq!(storage.ready().await, Ok(()));
    storage.close().await;
    assert_eq!(storage.ready().await, Err(StorageError::Closed));
    assert_eq!(
        storage.insert_project(project(2)).await,
        Err(StorageError::Closed)
    );
    let again = SqliteStorage::open(&guard.path().join("hub.db"))
        .await
        .unwrap();
    assert_eq!(again.project("acme", "p001").await, Ok(Some(project(1))));
    assert_eq!(again.project("acme", "p002").await, Ok(None));
}

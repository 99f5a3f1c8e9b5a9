//! Runs and their events.

use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::run::RunFilter;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::runs::{Inserted, StopOrder};
use polyaxon_spec::state::Status;

use super::samples::{insert, new_run, open};

fn order(at: i64) -> StopOrder {
    StopOrder {
        reason: "enough".into(),
        source: "user ci".into(),
        abandon: false,
        at: Millis(at),
    }
}

pub(crate) async fn a_run_is_read_as_it_was_written(storage: &dyn Storage) {
    open(storage, "a", 0).await;
    let mut new = new_run(storage, "default", Some("k")).await;
    new.record.retries.written = Some(7);
    let uuid = new.record.uuid.clone();
    assert_eq!(storage.insert_run(new.clone()).await, Ok(Inserted::New));
    assert_eq!(storage.run(&uuid).await, Ok(Some(new.record.clone())));
    assert_eq!(storage.run_by_key("p", "k").await, Ok(Some(new.record)));
    assert_eq!(storage.run_spec(&uuid).await, Ok(Some(new.spec)));
    assert_eq!(
        storage.run_events(&uuid, 0, 10).await,
        Ok(new.events.clone())
    );
    assert_eq!(
        storage.run_events(&uuid, 2, 1).await,
        Ok(new.events[1..2].to_vec())
    );
    assert_eq!(storage.run("x").await, Ok(None));
    assert_eq!(storage.run_by_key("q", "k").await, Ok(None));
}

pub(crate) async fn one_key_makes_one_run(storage: &dyn Storage) {
    open(storage, "a", 0).await;
    let mut new = Vec::new();
    for _ in 0..20 {
        new.push(new_run(storage, "default", Some("k")).await);
    }
    let outcomes =
        futures::future::join_all(new.into_iter().map(|run| storage.insert_run(run))).await;
    let fresh = outcomes
        .iter()
        .filter(|one| matches!(one, Ok(Inserted::New)))
        .count();
    assert_eq!(fresh, 1);
    let first = storage.run_by_key("p", "k").await.unwrap().unwrap();
    for outcome in outcomes {
        if let Inserted::Existing(run) = outcome.unwrap() {
            assert_eq!(*run, first);
        }
    }
}

pub(crate) async fn lists_are_newest_first_and_filtered(storage: &dyn Storage) {
    open(storage, "a", 0).await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(insert(storage, "default").await);
    }
    storage.stop_run(&runs[1].uuid, order(2)).await.unwrap();
    let mut filter = RunFilter {
        owner: "default".into(),
        ..RunFilter::default()
    };
    let mut page = Page {
        size: 2,
        after: None,
    };
    let mut seen = Vec::new();
    loop {
        let rows = storage.runs(&filter, &page).await.unwrap();
        let Some(last) = rows.last() else { break };
        page.after = Some(last.uuid.clone());
        seen.extend(rows.into_iter().map(|run| run.uuid));
    }
    let expected: Vec<String> = runs.iter().rev().map(|run| run.uuid.clone()).collect();
    assert_eq!(seen, expected);
    page.after = None;
    filter.statuses = vec![Status::Stopped, Status::Failed];
    let stopped = storage.runs(&filter, &page).await.unwrap();
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].uuid, runs[1].uuid);
    filter.project = "other".into();
    assert_eq!(storage.runs(&filter, &page).await, Ok(Vec::new()));
}

pub(crate) async fn a_stop_counts_once(storage: &dyn Storage) {
    open(storage, "a", 0).await;
    let run = insert(storage, "default").await;
    let (stopped, changed) = storage
        .stop_run(&run.uuid, order(5))
        .await
        .unwrap()
        .unwrap();
    assert!(changed);
    assert_eq!(
        (
            stopped.state.base,
            stopped.finished_at,
            stopped.message.as_str()
        ),
        (Status::Stopped, Some(Millis(5)), "enough")
    );
    let (again, changed) = storage
        .stop_run(&run.uuid, order(6))
        .await
        .unwrap()
        .unwrap();
    assert!(!changed);
    assert_eq!(again, stopped);
    assert_eq!(storage.run(&run.uuid).await, Ok(Some(stopped)));
    assert_eq!(storage.stop_run("x", order(6)).await, Ok(None));
    let events = storage.run_events(&run.uuid, 4, 10).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].source, "user ci");
}

pub(crate) async fn queues_are_found_by_name_and_agent(storage: &dyn Storage) {
    assert_eq!(storage.queue(None, "default").await, Ok(None));
    open(storage, "old", 1).await;
    open(storage, "new", 2).await;
    let agent_of = |queue: Option<polyaxon_hub::domain::session::QueueRecord>| {
        queue.map(|queue| queue.agent.name)
    };
    assert_eq!(
        agent_of(storage.queue(None, "default").await.unwrap()).as_deref(),
        Some("old")
    );
    assert_eq!(
        agent_of(storage.queue(Some("new"), "one").await.unwrap()).as_deref(),
        Some("new")
    );
    assert_eq!(storage.queue(Some("new"), "two").await, Ok(None));
    assert_eq!(
        storage.queue_names().await.unwrap(),
        ["new/default", "new/one", "old/default", "old/one"]
    );
}

//! Sessions and what goes through them.

use polyaxon_hub::domain::run::BuildResult;
use polyaxon_hub::domain::session::{
    Hello, InventoryItem, LaunchOutcome, Order, ReportOutcome, SessionRefused, SessionTaken,
    StatusReport, Work,
};
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::agents::LaunchReport;
use polyaxon_hub::storage::runs::StopOrder;
use polyaxon_spec::state::Status;

use super::samples::{claim, hello, insert, open, synced};

fn report(work: &Work, seq: u64, status: Status) -> StatusReport {
    StatusReport {
        run: work.run.uuid.clone(),
        attempt: work.run.state.attempt,
        fence: work.run.state.fence,
        seq,
        status,
        reason: "Test".into(),
        message: String::new(),
        observed_at: Millis(50),
        build: None,
        failure: None,
        isolation: String::new(),
    }
}

fn launched(work: &Work) -> LaunchReport {
    LaunchReport {
        run: work.run.uuid.clone(),
        attempt: 1,
        fence: work.run.state.fence,
        outcome: LaunchOutcome::Launched {
            object_name: "o".into(),
            object_uid: "u".into(),
        },
    }
}

pub(crate) async fn epochs_grow_and_old_sessions_are_fenced(storage: &dyn Storage) {
    let old = open(storage, "a", 0).await;
    assert_eq!(
        storage.claim(&old, claim(1, 0)).await,
        Ok(Err(SessionRefused::NotSynced))
    );
    let new = synced(storage, "a", 1).await;
    assert_eq!((old.epoch, new.epoch), (1, 2));
    let other = open(storage, "b", 1).await;
    assert_eq!(other.epoch, 1);
    let fenced = Err(SessionRefused::Fenced);
    assert_eq!(
        storage.renew_session(&old, Millis(2), Millis(3)).await,
        Ok(fenced.clone())
    );
    assert_eq!(
        storage.directives(&old, Millis(2)).await,
        Ok(Err(SessionRefused::Fenced))
    );
    assert_eq!(
        storage.report(&old, Vec::new(), Millis(2)).await,
        Ok(Err(SessionRefused::Fenced))
    );
    let mut stolen = new.clone();
    stolen.agent = "b".into();
    assert_eq!(
        storage.renew_session(&stolen, Millis(2), Millis(3)).await,
        Ok(fenced)
    );
    assert_eq!(
        storage.renew_session(&new, Millis(2), Millis(3)).await,
        Ok(Ok(Vec::new()))
    );
}

pub(crate) async fn a_session_that_is_heard_stays(storage: &dyn Storage) {
    let ask = |replica: &str, only_if_vacant: bool, at: i64| {
        let hello = Hello {
            only_if_vacant,
            ..hello("a", replica)
        };
        async move {
            let opened = storage.open_session(hello, Millis(at), Millis(at + 20_000));
            opened.await.unwrap()
        }
    };
    let taken = |since: i64, until: i64| {
        Err(SessionTaken {
            replica: "two".into(),
            since: Millis(since),
            until: Millis(until),
        })
    };
    let first = ask("one", true, 0).await.expect("nobody speaks yet");
    let second = ask("two", false, 100)
        .await
        .expect("who was just started speaks");
    assert_eq!((first.epoch, second.epoch), (1, 2));
    assert_eq!(ask("one", true, 200).await, taken(100, 20_100));
    let renewed = storage
        .renew_session(&second, Millis(5000), Millis(25_000))
        .await;
    assert_eq!(renewed, Ok(Ok(Vec::new())), "it was not fenced");
    assert_eq!(ask("one", true, 24_999).await, taken(100, 25_000));
    let again = ask("two", true, 24_999).await.expect("its own session");
    assert_eq!(again.epoch, 3);
    assert_eq!(ask("one", true, 44_998).await, taken(24_999, 44_999));
    let first = ask("one", true, 44_999).await.expect("silent for too long");
    let refused = storage
        .renew_session(&again, Millis(45_000), Millis(65_000))
        .await;
    assert_eq!(refused, Ok(Err(SessionRefused::Fenced)));
    storage
        .close_session(&first, Millis(45_001))
        .await
        .unwrap()
        .unwrap();
    ask("two", true, 45_002).await.expect("the other one went");
}

pub(crate) async fn a_run_is_given_out_once(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(insert(storage, "default").await.uuid);
    }
    let claims = (0..10).map(|_| storage.claim(&session, claim(3, 10)));
    let mut given: Vec<String> = futures::future::join_all(claims)
        .await
        .into_iter()
        .flat_map(|works| works.unwrap().unwrap())
        .map(|work| {
            assert_eq!(
                (work.run.state.base, work.run.state.fence),
                (Status::Scheduled, 1)
            );
            assert_eq!(work.compiled, b"{\"c\":1}");
            work.run.uuid
        })
        .collect();
    given.sort();
    assert_eq!(given, runs);
    assert_eq!(storage.has_work("a").await, Ok(false));
}

pub(crate) async fn concurrency_of_a_queue_holds(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    for _ in 0..3 {
        insert(storage, "one").await;
    }
    let first = storage
        .claim(&session, claim(5, 10))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.len(), 1);
    assert!(
        storage
            .claim(&session, claim(5, 10))
            .await
            .unwrap()
            .unwrap()
            .is_empty()
    );
    let done = report(&first[0], 1, Status::Succeeded);
    storage
        .report(&session, vec![done], Millis(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        storage
            .claim(&session, claim(5, 70))
            .await
            .unwrap()
            .unwrap()
            .len(),
        1
    );
}

pub(crate) async fn reports_change_the_run_with_what_belongs_to_them(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    insert(storage, "default").await;
    let work = storage
        .claim(&session, claim(1, 10))
        .await
        .unwrap()
        .unwrap()
        .remove(0);
    let outcome = storage
        .acknowledge_launch(&session, launched(&work), Millis(20))
        .await;
    assert_eq!(outcome, Ok(Ok(ReportOutcome::Ok)));
    let build = BuildResult {
        image: "i:1".into(),
        digest: "sha256:2".into(),
        confirmed: true,
        ..BuildResult::default()
    };
    let reports = vec![
        report(&work, 1, Status::Running),
        StatusReport {
            build: Some(build.clone()),
            ..report(&work, 2, Status::Succeeded)
        },
        report(&work, 3, Status::Failed),
    ];
    let outcomes = storage.report(&session, reports, Millis(60)).await;
    assert_eq!(
        outcomes,
        Ok(Ok(vec![
            ReportOutcome::Ok,
            ReportOutcome::Ok,
            ReportOutcome::Stale
        ]))
    );
    let run = storage.run(&work.run.uuid).await.unwrap().unwrap();
    assert_eq!(
        (run.state.base, run.build),
        (Status::Succeeded, Some(build))
    );
    assert_eq!(
        (run.started_at, run.finished_at),
        (Some(Millis(60)), Some(Millis(60)))
    );
    assert_eq!(
        (run.object_name.as_str(), run.object_uid.as_str()),
        ("o", "u")
    );
    let events = storage.run_events(&run.uuid, 5, 10).await.unwrap();
    let told: Vec<(Status, bool, Millis)> = events
        .iter()
        .map(|one| (one.status, one.ignored, one.at))
        .collect();
    assert_eq!(
        told,
        [
            (Status::Running, false, Millis(50)),
            (Status::Succeeded, false, Millis(50)),
            (Status::Failed, true, Millis(50))
        ]
    );
}

pub(crate) async fn orders_stand_until_they_are_done(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    let (stop, slow) = (
        insert(storage, "default").await,
        insert(storage, "default").await,
    );
    let works = storage
        .claim(&session, claim(2, 10))
        .await
        .unwrap()
        .unwrap();
    let order = StopOrder {
        reason: "r".into(),
        source: "hub".into(),
        abandon: false,
        at: Millis(11),
    };
    storage.stop_run(&stop.uuid, order).await.unwrap();
    let standing = storage
        .directives(&session, Millis(12))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(
        (standing[0].run.as_str(), &standing[0].order),
        (stop.uuid.as_str(), &Order::Stop { reason: "r".into() })
    );
    let standing = storage
        .directives(&session, Millis(30_010))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(standing.len(), 2);
    assert!(matches!(&standing[1].order, Order::LaunchAgain(work) if work.run.uuid == slow.uuid));
    let reports = vec![
        report(&works[0], 1, Status::Stopped),
        report(&works[1], 1, Status::Running),
    ];
    storage
        .report(&session, reports, Millis(40_000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        storage.directives(&session, Millis(90_000)).await,
        Ok(Ok(Vec::new()))
    );
}

pub(crate) async fn a_page_of_an_inventory_does_not_miss_those_of_other_pages(
    storage: &dyn Storage,
) {
    let session = synced(storage, "a", 0).await;
    for _ in 0..4 {
        insert(storage, "default").await;
    }
    let works = storage
        .claim(&session, claim(4, 10))
        .await
        .unwrap()
        .unwrap();
    for work in &works[..3] {
        storage
            .acknowledge_launch(&session, launched(work), Millis(20))
            .await
            .unwrap()
            .unwrap();
    }
    let next = open(storage, "a", 30).await;
    let item = |work: &Work| InventoryItem {
        run: work.run.uuid.clone(),
        attempt: 1,
        object_uid: "u".into(),
        known: false,
    };
    let page = |items: Vec<InventoryItem>, last| {
        storage.sync_session(&next, items, last, Millis(30), Millis(60_000))
    };
    let (kept, changed) = page(vec![item(&works[0])], false).await.unwrap().unwrap();
    assert!(matches!(&kept[0].order, Order::Keep(Some(work)) if work.run.state.fence == 2));
    assert_eq!(changed, [works[0].run.uuid.clone()]);
    let (repeated, changed) = page(vec![item(&works[0])], false).await.unwrap().unwrap();
    assert_eq!(
        (repeated, changed),
        (kept, Vec::new()),
        "a page may come twice"
    );
    let known = InventoryItem {
        known: true,
        ..item(&works[0])
    };
    let (kept, _) = page(vec![known], false).await.unwrap().unwrap();
    assert_eq!((&kept[0].order, kept[0].fence), (&Order::Keep(None), 2));
    let (last, _) = page(vec![item(&works[1])], true).await.unwrap().unwrap();
    assert_eq!(last.len(), 2);
    assert!(matches!(&last[0].order, Order::Keep(_)));
    assert!(
        matches!(&last[1].order, Order::LaunchAgain(work) if work.run.uuid == works[3].run.uuid)
    );
    let states = [
        Status::Scheduled,
        Status::Scheduled,
        Status::Failed,
        Status::Scheduled,
    ];
    for (work, expected) in works.iter().zip(states) {
        let run = storage.run(&work.run.uuid).await.unwrap().unwrap();
        assert_eq!(run.state.base, expected);
    }
}

pub(crate) async fn contact_is_lost_and_found(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    insert(storage, "default").await;
    let work = storage
        .claim(&session, claim(1, 10))
        .await
        .unwrap()
        .unwrap()
        .remove(0);
    assert_eq!(storage.lose_contact(Millis(20_000)).await, Ok(Vec::new()));
    storage.extend_contact(Millis(25_000)).await.unwrap();
    assert_eq!(storage.lose_contact(Millis(24_000)).await, Ok(Vec::new()));
    let uuid = work.run.uuid.clone();
    assert_eq!(
        storage.lose_contact(Millis(25_001)).await,
        Ok(vec![uuid.clone()])
    );
    assert_eq!(
        storage.lose_contact(Millis(25_002)).await,
        Ok(Vec::new()),
        "once"
    );
    let run = storage.run(&uuid).await.unwrap().unwrap();
    assert_eq!(
        (run.state.base, run.state.shown()),
        (Status::Scheduled, Status::Unknown)
    );
    let renewed = storage
        .renew_session(&session, Millis(30_000), Millis(50_000))
        .await;
    assert_eq!(renewed, Ok(Ok(vec![uuid.clone()])));
    let run = storage.run(&uuid).await.unwrap().unwrap();
    assert_eq!(run.state.shown(), Status::Scheduled);
}

pub(crate) async fn times_move_with_a_clock_that_was_set(storage: &dyn Storage) {
    const HOUR: i64 = 3_600_000;
    let session = synced(storage, "a", 0).await;
    insert(storage, "default").await;
    insert(storage, "default").await;
    let works = storage
        .claim(&session, claim(2, 10))
        .await
        .unwrap()
        .unwrap();
    let running = report(&works[0], 1, Status::Running);
    storage
        .report(&session, vec![running], Millis(1000))
        .await
        .unwrap()
        .unwrap();
    let uuid = works[0].run.uuid.clone();
    storage.extend_contact(Millis(10 * HOUR)).await.unwrap();
    storage.extend_contact(Millis(20_000)).await.unwrap();
    for (shift, zero) in [(HOUR, HOUR), (-2 * HOUR, -HOUR)] {
        storage.shift_times(shift).await.unwrap();
        let at = |after: i64| Millis(zero + after);
        assert_eq!(storage.overdue_runs(at(60_999), 9).await, Ok(Vec::new()));
        let overdue = storage.overdue_runs(at(61_000), 9).await;
        assert_eq!(overdue, Ok(vec![uuid.clone()]));
        let orders = storage.directives(&session, at(30_009)).await;
        assert_eq!(orders, Ok(Ok(Vec::new())));
        let orders = storage.directives(&session, at(30_010)).await;
        assert_eq!(orders.unwrap().unwrap().len(), 1, "a launch is late");
        assert_eq!(storage.lose_contact(at(20_000)).await, Ok(Vec::new()));
    }
    let lost = storage.lose_contact(Millis(20_001 - HOUR)).await.unwrap();
    assert_eq!(lost.len(), 2);
}

pub(crate) async fn runs_out_of_time_are_found(storage: &dyn Storage) {
    let session = synced(storage, "a", 0).await;
    insert(storage, "default").await;
    let work = storage
        .claim(&session, claim(1, 10))
        .await
        .unwrap()
        .unwrap()
        .remove(0);
    assert_eq!(
        storage.overdue_runs(Millis(i64::MAX), 9).await,
        Ok(Vec::new())
    );
    let running = report(&work, 1, Status::Running);
    storage
        .report(&session, vec![running], Millis(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        storage.overdue_runs(Millis(60_999), 9).await,
        Ok(Vec::new())
    );
    let uuid = work.run.uuid.clone();
    assert_eq!(
        storage.overdue_runs(Millis(61_000), 9).await,
        Ok(vec![uuid])
    );
}

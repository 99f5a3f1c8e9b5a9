//! Components, versions and revisions.

use polyaxon_hub::domain::components::{Change, Registration, Revision, Stage};
use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::components::version_key;

/// Content `n` under `acme/kaniko:VERSION`.
fn registration(version: &str, n: u8, at: i64) -> Registration {
    Registration {
        owner: "acme".into(),
        component: "kaniko".into(),
        version: version.into(),
        revision: Revision {
            digest: digest(n),
            content: vec![b'{', n, b'}'],
        },
        description: format!("content {n}"),
        tags: vec!["builds".into()],
        actor: "ci".into(),
        at: Millis(at),
    }
}

fn digest(n: u8) -> String {
    format!("sha256:{n:064x}")
}

fn first(size: u32) -> Page {
    Page { size, after: None }
}

pub(crate) async fn a_registered_version_is_found_with_its_content(storage: &dyn Storage) {
    let registered = storage.register(registration("1.0", 1, 10)).await.unwrap();
    assert_eq!(registered.change, Change::Create);
    let version = storage
        .version("acme", "kaniko", "1.0")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(registered.version, version);
    assert_eq!(
        (
            version.owner.as_str(),
            version.component.as_str(),
            version.name.as_str()
        ),
        ("acme", "kaniko", "1.0")
    );
    assert_eq!(version.digest, digest(1));
    assert_eq!(version.tags, ["builds"]);
    assert_eq!(version.stage, Stage::Testing);
    assert_eq!(version.created_by, "ci");
    assert_eq!(version.created_at, Some(Millis(10)));
    assert_eq!(
        storage.revision(&digest(1)).await,
        Ok(Some(vec![b'{', 1, b'}']))
    );
    assert_eq!(storage.revision(&digest(2)).await, Ok(None));
    for (owner, component, name) in [
        ("acme", "kaniko", "1"),
        ("acme", "slack", "1.0"),
        ("other", "kaniko", "1.0"),
    ] {
        assert_eq!(storage.version(owner, component, name).await, Ok(None));
    }
}

pub(crate) async fn the_same_content_again_changes_nothing(storage: &dyn Storage) {
    let before = storage.register(registration("1.0", 1, 10)).await.unwrap();
    let again = storage.register(registration("1.0", 1, 20)).await.unwrap();
    assert_eq!(again.change, Change::Keep);
    assert_eq!(again.version, before.version);
}

pub(crate) async fn a_name_keeps_its_content(storage: &dyn Storage) {
    storage.register(registration("1.0", 1, 10)).await.unwrap();
    let refused = storage.register(registration("1.0", 2, 20)).await.unwrap();
    assert_eq!(refused.change, Change::Refuse);
    assert_eq!(refused.version.digest, digest(1));
    assert_eq!(
        storage.revision(&digest(2)).await,
        Ok(None),
        "what was refused leaves nothing"
    );
    let component = storage.component("acme", "kaniko").await.unwrap().unwrap();
    assert_eq!(component.description, "content 1");
}

pub(crate) async fn latest_moves_and_old_content_stays_reachable_by_its_digest(
    storage: &dyn Storage,
) {
    storage
        .register(registration("latest", 1, 10))
        .await
        .unwrap();
    let moved = storage
        .register(registration("latest", 2, 20))
        .await
        .unwrap();
    assert_eq!(moved.change, Change::Move);
    assert_eq!(moved.version.digest, digest(2));
    assert_eq!(moved.version.created_at, Some(Millis(10)));
    assert_eq!(moved.version.updated_at, Some(Millis(20)));
    for n in [1, 2] {
        let pinned = storage.pinned("acme", "kaniko", &digest(n)).await.unwrap();
        assert_eq!(pinned.map(|version| version.digest), Some(digest(n)));
    }
    assert_eq!(storage.pinned("acme", "kaniko", &digest(3)).await, Ok(None));
    assert_eq!(
        storage.pinned("other", "kaniko", &digest(1)).await,
        Ok(None)
    );
}

pub(crate) async fn a_pin_prefers_the_name_that_still_points_there(storage: &dyn Storage) {
    storage.register(registration("1.0", 1, 10)).await.unwrap();
    storage
        .register(registration("latest", 1, 20))
        .await
        .unwrap();
    storage
        .register(registration("latest", 2, 30))
        .await
        .unwrap();
    let pinned = storage
        .pinned("acme", "kaniko", &digest(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pinned.name, "1.0");
}

pub(crate) async fn versions_come_newest_update_first_in_pages(storage: &dyn Storage) {
    for (version, n, at) in [
        ("latest", 1, 10),
        ("1.0", 2, 20),
        ("1.1", 3, 20),
        ("latest", 4, 30),
    ] {
        storage
            .register(registration(version, n, at))
            .await
            .unwrap();
    }
    let mut page = first(2);
    let mut names = Vec::new();
    loop {
        let rows = storage.versions("acme", "kaniko", &page).await.unwrap();
        let Some(last) = rows.last() else { break };
        page.after = Some(version_key(last));
        names.extend(rows.into_iter().map(|row| row.name));
    }
    assert_eq!(names, ["latest", "1.1", "1.0"]);
    let component = storage.component("acme", "kaniko").await.unwrap().unwrap();
    assert_eq!(component.versions, 3);
    assert_eq!(component.updated_at, Some(Millis(30)));
}

pub(crate) async fn components_are_listed_by_name_and_owner(storage: &dyn Storage) {
    for (owner, component) in [("acme", "slack"), ("acme", "kaniko"), ("other", "a")] {
        storage
            .register(Registration {
                owner: owner.into(),
                component: component.into(),
                ..registration("latest", 1, 10)
            })
            .await
            .unwrap();
    }
    let rows = storage.components("acme", &first(10)).await.unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["kaniko", "slack"]);
    let after = Page {
        size: 10,
        after: Some("kaniko".into()),
    };
    assert_eq!(storage.components("acme", &after).await.unwrap().len(), 1);
    assert_eq!(
        storage.component_names().await.unwrap(),
        ["acme/kaniko", "acme/slack", "other/a"]
    );
}

pub(crate) async fn of_many_registrations_at_once_one_makes_the_name(storage: &dyn Storage) {
    let answers = futures::future::join_all(
        (0..16).map(|n| storage.register(registration("1.0", n, i64::from(n)))),
    )
    .await;
    let changes: Vec<Change> = answers
        .into_iter()
        .map(|answer| answer.unwrap().change)
        .collect();
    let count = |change| changes.iter().filter(|&&made| made == change).count();
    assert_eq!((count(Change::Create), count(Change::Refuse)), (1, 15));
    let component = storage.component("acme", "kaniko").await.unwrap().unwrap();
    assert_eq!(component.versions, 1);
}

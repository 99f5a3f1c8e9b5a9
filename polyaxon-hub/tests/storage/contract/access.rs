//! Tokens and projects.

use polyaxon_hub::domain::access::{Scope, TokenRecord};
use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::access::ProjectRecord;
use polyaxon_hub::storage::{Storage, StorageError};

fn token(n: u8, name: &str, scope: Scope) -> TokenRecord {
    TokenRecord {
        id: format!("{n:032x}"),
        name: name.into(),
        scope,
        hash: format!("hash-{n}"),
        created_at: Millis(10),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

fn project(n: u8, owner: &str, name: &str) -> ProjectRecord {
    ProjectRecord {
        uuid: format!("{n:032x}"),
        owner: owner.into(),
        name: name.into(),
        description: "d".into(),
        created_at: Millis(10),
    }
}

fn page(size: u32, after: Option<&str>) -> Page {
    Page {
        size,
        after: after.map(Into::into),
    }
}

pub(crate) async fn a_token_is_found_by_its_hash(storage: &dyn Storage) {
    let record = TokenRecord {
        expires_at: Some(Millis(99)),
        ..token(1, "ci", Scope::User)
    };
    storage.insert_token(record.clone()).await.unwrap();
    assert_eq!(storage.token_by_hash("hash-1").await, Ok(Some(record)));
    assert_eq!(storage.token_by_hash("hash-2").await, Ok(None));
}

pub(crate) async fn live_names_of_tokens_are_unique(storage: &dyn Storage) {
    storage
        .insert_token(token(1, "ci", Scope::User))
        .await
        .unwrap();
    assert!(matches!(
        storage.insert_token(token(2, "ci", Scope::Agent)).await,
        Err(StorageError::Exists { name, .. }) if name == "ci"
    ));
    let revoked = storage
        .revoke_token("ci", Millis(20))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(revoked.revoked_at, Some(Millis(20)));
    assert_eq!(storage.revoke_token("ci", Millis(21)).await, Ok(None));
    storage
        .insert_token(token(3, "ci", Scope::Agent))
        .await
        .unwrap();
    let again = storage
        .revoke_token(&revoked.id, Millis(30))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.revoked_at, Some(Millis(20)), "the first time stays");
    let ids: Vec<String> = storage
        .tokens(&page(10, None))
        .await
        .unwrap()
        .into_iter()
        .map(|token| token.id)
        .collect();
    assert_eq!(ids, [format!("{:032x}", 1), format!("{:032x}", 3)]);
}

pub(crate) async fn the_last_use_of_a_token_only_grows(storage: &dyn Storage) {
    let record = token(1, "ci", Scope::User);
    storage.insert_token(record.clone()).await.unwrap();
    for at in [50, 40] {
        storage
            .touch_tokens(vec![
                (record.id.clone(), Millis(at)),
                ("gone".into(), Millis(1)),
            ])
            .await
            .unwrap();
    }
    let found = storage.token_by_hash(&record.hash).await.unwrap().unwrap();
    assert_eq!(found.last_used_at, Some(Millis(50)));
}

pub(crate) async fn a_live_admin_is_one_that_can_still_log_in(storage: &dyn Storage) {
    assert_eq!(storage.has_admin(Millis(0)).await, Ok(false));
    storage
        .insert_token(token(1, "someone", Scope::User))
        .await
        .unwrap();
    assert_eq!(storage.has_admin(Millis(0)).await, Ok(false));
    storage
        .insert_token(TokenRecord {
            expires_at: Some(Millis(100)),
            ..token(2, "admin", Scope::Admin)
        })
        .await
        .unwrap();
    assert_eq!(storage.has_admin(Millis(99)).await, Ok(true));
    assert_eq!(storage.has_admin(Millis(100)).await, Ok(false));
    storage
        .insert_token(token(3, "admin-2", Scope::Admin))
        .await
        .unwrap();
    assert_eq!(storage.has_admin(Millis(100)).await, Ok(true));
    storage.revoke_token("admin-2", Millis(101)).await.unwrap();
    assert_eq!(storage.has_admin(Millis(101)).await, Ok(false));
}

pub(crate) async fn projects_are_unique_within_their_owner(storage: &dyn Storage) {
    let first = project(1, "acme", "vision");
    storage.insert_project(first.clone()).await.unwrap();
    assert!(matches!(
        storage.insert_project(project(2, "acme", "vision")).await,
        Err(StorageError::Exists { name, .. }) if name == "acme/vision"
    ));
    storage
        .insert_project(project(3, "other", "vision"))
        .await
        .unwrap();
    assert_eq!(storage.project("acme", "vision").await, Ok(Some(first)));
    assert_eq!(storage.project("acme", "speech").await, Ok(None));
}

pub(crate) async fn pages_of_projects_join_without_a_gap(storage: &dyn Storage) {
    for (n, name) in (1..).zip(["c", "a", "b"]) {
        storage
            .insert_project(project(n, "acme", name))
            .await
            .unwrap();
    }
    storage
        .insert_project(project(9, "other", "z"))
        .await
        .unwrap();
    let names = async |page: Page| -> Vec<String> {
        let rows = storage.projects("acme", &page).await.unwrap();
        rows.into_iter().map(|row| row.name).collect()
    };
    assert_eq!(names(page(2, None)).await, ["a", "b"]);
    assert_eq!(names(page(2, Some("b"))).await, ["c"]);
    assert!(names(page(2, Some("c"))).await.is_empty());
}

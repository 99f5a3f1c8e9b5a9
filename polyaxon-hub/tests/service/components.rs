//! Registering and resolving components.

use polyaxon_proto::hub::v1::{
    GetVersionRequest, ListComponentsRequest, ListVersionsRequest, RegisterRequest, ResolveRequest,
};
use tonic::Code;

use crate::support::{TestHub, reason};

const COMPONENT: &str = "\
version: 1.1
kind: component
name: mine
description: of mine
tags: [a]
inputs:
- {name: x, type: float, value: 1.0}
run: {kind: job, container: {image: busybox}}
";

fn registration(version: &str, content: &str) -> RegisterRequest {
    RegisterRequest {
        owner: "acme".into(),
        name: "kaniko".into(),
        version: version.into(),
        content: content.to_owned().into(),
        ..RegisterRequest::default()
    }
}

fn reference(text: &str) -> ResolveRequest {
    ResolveRequest {
        reference: text.into(),
    }
}

#[tokio::test]
async fn the_official_kaniko_is_there_from_the_start() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    let mut digests = Vec::new();
    for text in [
        "kaniko",
        "kaniko:latest",
        "polyaxon/kaniko:0.1",
        "polyaxon.kaniko",
    ] {
        let answer = components
            .resolve(reference(text))
            .await
            .unwrap()
            .into_inner();
        assert!(answer.warnings.is_empty(), "{text}");
        let version = answer.version.unwrap();
        assert_eq!(
            (version.owner.as_str(), version.name.as_str()),
            ("polyaxon", "kaniko")
        );
        let document: serde_json::Value = serde_json::from_slice(&version.content).unwrap();
        assert_eq!(document["outputs"][0]["name"], "destination");
        assert_eq!(document["inputs"][3]["value"], "1h");
        digests.push(version.digest);
    }
    digests.dedup();
    assert_eq!(digests.len(), 1);
    let pin = format!("kaniko@{}", digests[0]);
    let pinned = components
        .resolve(reference(&pin))
        .await
        .unwrap()
        .into_inner();
    assert!(pinned.warnings.is_empty());
    let listed = components
        .list_versions(ListVersionsRequest {
            name: "kaniko".into(),
            ..ListVersionsRequest::default()
        })
        .await
        .unwrap()
        .into_inner();
    let names: Vec<&str> = listed.versions.iter().map(|v| v.version.as_str()).collect();
    assert_eq!((names, listed.total), (vec!["latest", "0.1"], 2));
    assert!(
        listed
            .versions
            .iter()
            .all(|version| version.content.is_empty())
    );
    let colon = components
        .resolve(reference("kaniko:"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(colon.warnings.len(), 1);
}

#[tokio::test]
async fn nobody_registers_under_the_official_owner() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    let status = components
        .register(RegisterRequest {
            owner: "polyaxon".into(),
            ..registration("9.9", COMPONENT)
        })
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status)),
        (Code::PermissionDenied, "OWNER_RESERVED")
    );
    assert!(status.message().contains("default/kaniko"), "{status:?}");
}

#[tokio::test]
async fn a_version_is_registered_once_and_latest_moves() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    let other = COMPONENT.replace("1.0", "2.5");
    let first = components
        .register(registration("1.0", COMPONENT))
        .await
        .unwrap()
        .into_inner();
    assert!(first.created);
    let version = first.version.unwrap();
    assert_eq!(version.description, "of mine");
    assert_eq!(version.tags, ["a"]);
    assert_eq!(version.created_by, "admin");
    assert!(!version.mutable);

    let again = components
        .register(registration("1.0", COMPONENT))
        .await
        .unwrap()
        .into_inner();
    assert!(!again.created);
    for force in [false, true] {
        let status = components
            .register(RegisterRequest {
                force,
                ..registration("1.0", &other)
            })
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::FailedPrecondition, "VERSION_IMMUTABLE")
        );
    }
    for content in [COMPONENT, &other] {
        components
            .register(registration("", content))
            .await
            .unwrap();
    }
    let latest = components
        .resolve(reference("acme/kaniko"))
        .await
        .unwrap()
        .into_inner()
        .version
        .unwrap();
    assert!(latest.mutable);
    assert_ne!(latest.digest, version.digest);

    let pin = format!("acme/kaniko:latest@{}", version.digest);
    let pinned = components
        .resolve(reference(&pin))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(pinned.version.unwrap().digest, version.digest);
    assert_eq!(pinned.warnings.len(), 1, "the name points elsewhere now");

    let got = components
        .get_version(GetVersionRequest {
            owner: "acme".into(),
            name: "kaniko".into(),
            version: "1.0".into(),
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(got.digest, version.digest);
    let document: serde_json::Value = serde_json::from_slice(&got.content).unwrap();
    assert_eq!(document["name"], "mine", "content is as authored");
    let listed = components
        .list_components(ListComponentsRequest {
            owner: "acme".into(),
            ..ListComponentsRequest::default()
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.components.len(), 1);
    assert_eq!(listed.components[0].versions, 2);
}

#[tokio::test]
async fn what_is_not_there_comes_with_near_names() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    for version in ["1.0", "1.1"] {
        components
            .register(registration(version, COMPONENT))
            .await
            .unwrap();
    }
    let absent = format!("kaniko@sha256:{}", "0".repeat(64));
    for (text, code, expected_reason, expected) in [
        (
            "kanico",
            Code::NotFound,
            "COMPONENT_NOT_FOUND",
            "did you mean `kaniko`",
        ),
        (
            "amce/kaniko",
            Code::NotFound,
            "COMPONENT_NOT_FOUND",
            "`acme/kaniko`",
        ),
        (
            "nothing-like-it",
            Code::NotFound,
            "COMPONENT_NOT_FOUND",
            "components ls",
        ),
        (
            "kaniko:0.2",
            Code::NotFound,
            "VERSION_NOT_FOUND",
            "did you mean `0.1`",
        ),
        (
            "acme/kaniko",
            Code::NotFound,
            "VERSION_NOT_FOUND",
            "it has `1.1`, `1.0`",
        ),
        (
            &absent,
            Code::NotFound,
            "VERSION_NOT_FOUND",
            "never had the content",
        ),
        ("a/b/c", Code::InvalidArgument, "INVALID", "a/b/c"),
        ("kaniko@sha256:abcd", Code::InvalidArgument, "INVALID", "64"),
    ] {
        let status = components.resolve(reference(text)).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (code, expected_reason),
            "{text}"
        );
        assert!(
            status.message().contains(expected),
            "{text}: {}",
            status.message()
        );
    }
    let status = components
        .list_versions(ListVersionsRequest {
            name: "kanico".into(),
            ..ListVersionsRequest::default()
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn bad_documents_and_names_are_refused_and_nothing_is_made() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    let large = format!("{COMPONENT}# {}\n", "x".repeat(1024 * 1024));
    for (request, with_diagnostics) in [
        (registration("1.0", "kind: [component"), true),
        (registration("1.0", ""), true),
        (registration("1.0", "kind: component\nrunn: {}\n"), true),
        (
            registration("1.0", "kind: operation\nhubRef: kaniko\n"),
            true,
        ),
        (registration("1.0", &large), true),
        (registration("a/b", COMPONENT), false),
        (
            RegisterRequest {
                description: "x".repeat(1025),
                ..registration("1.0", COMPONENT)
            },
            false,
        ),
        (
            RegisterRequest {
                tags: vec!["x".repeat(65)],
                ..registration("1.0", COMPONENT)
            },
            false,
        ),
        (
            RegisterRequest {
                name: "Kaniko".into(),
                ..registration("1.0", COMPONENT)
            },
            false,
        ),
    ] {
        let status = components.register(request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::InvalidArgument, "INVALID"),
            "{status:?}"
        );
        let sent = status.metadata().get_bin("polyaxon-diagnostics-bin");
        assert_eq!(sent.is_some(), with_diagnostics, "{status:?}");
    }
    let status = components
        .list_versions(ListVersionsRequest {
            owner: "acme".into(),
            name: "kaniko".into(),
            ..ListVersionsRequest::default()
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_page_of_large_components_fits_into_a_message() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    let tags = vec!["é".repeat(64); 40].join(", ");
    for n in 0..200 {
        let content = COMPONENT
            .replace("of mine", &"é".repeat(5000))
            .replace("tags: [a]", &format!("tags: [{tags}]"));
        components
            .register(registration(&format!("1.{n}"), &content))
            .await
            .unwrap();
    }
    let listed = components
        .list_versions(ListVersionsRequest {
            owner: "acme".into(),
            name: "kaniko".into(),
            page_size: 200,
            ..ListVersionsRequest::default()
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.versions.len(), 200);
    let first = &listed.versions[0];
    assert_eq!(first.description.chars().count(), 1024);
    assert_eq!(first.tags.len(), 32);
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let hub = TestHub::start().await;
    let mut components = hub.components().await;
    let status = components
        .register(registration("1.0", &"x".repeat(5 * 1024 * 1024)))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
}

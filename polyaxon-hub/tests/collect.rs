//! Collecting the references of operations from the hub.

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use polyaxon_hub::components::{
        CollectError, Collected, Components, LookupError, Official, Submission, collect,
    };
    use polyaxon_hub::domain::time::Millis;
    use polyaxon_hub::storage::sqlite::SqliteStorage;
    use polyaxon_spec::operation::{Flags, Operation};
    use polyaxon_spec::source::Source;
    use serde_json::json;
    use tempfile::TempDir;

    async fn hub() -> (TempDir, Components) {
        let folder = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open(&folder.path().join("hub.db"))
            .await
            .unwrap();
        let official = Official::embedded().unwrap();
        (folder, Components::new(Arc::new(storage), official))
    }

    async fn register(hub: &Components, component: &str, content: &str) -> String {
        let submission = Submission {
            owner: "acme".into(),
            component: component.into(),
            version: String::new(),
            content: content.into(),
            description: String::new(),
            tags: Vec::new(),
        };
        let registered = hub.register(submission, "ci", Millis(1)).await.unwrap();
        registered.version.digest
    }

    fn operation(text: &str) -> Operation {
        let source = Source::new("operation.yaml", text);
        Operation::read(&source, &[], &Flags::default()).unwrap().0
    }

    async fn collected(hub: &Components, operation: &mut Operation) -> Collected {
        collect(hub, operation)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn the_official_component_is_put_into_the_operation() {
        let (_guard, hub) = hub().await;
        let mut operation = operation("kind: operation\nhubRef: kaniko\n");
        let collected = collected(&hub, &mut operation).await;
        assert!(operation.references().is_empty());
        let main = collected.main().unwrap();
        assert_eq!(
            (main.reference.as_str(), main.component.as_str()),
            ("kaniko", "polyaxon/kaniko:latest")
        );
        assert!(main.digest.starts_with("sha256:"));
        let json = operation.to_json();
        assert_eq!(json["hubRef"], "kaniko");
        assert_eq!(json["component"]["run"]["kind"], "job");
    }

    #[tokio::test]
    async fn references_inside_of_components_are_followed() {
        let (_guard, hub) = hub().await;
        register(
            &hub,
            "leaf",
            "kind: component\nrun: {kind: job, container: {image: busybox}}\n",
        )
        .await;
        register(
            &hub,
            "hooked",
            "kind: component\nhooks: [{hubRef: acme/leaf}]\nrun: {kind: job, container: {image: busybox}}\n",
        )
        .await;
        let mut operation = operation("kind: operation\nhubRef: acme/hooked\n");
        let collected = collected(&hub, &mut operation).await;
        let names: Vec<&str> = collected
            .references
            .iter()
            .map(|reference| reference.component.as_str())
            .collect();
        assert!(operation.references().is_empty());
        assert!(names.starts_with(&["acme/hooked:latest"]), "{names:?}");
    }

    #[tokio::test]
    async fn values_survive_storage_as_they_were_written() {
        let (_guard, hub) = hub().await;
        let content = "kind: component\n\
             inputs:\n\
             - {name: large, type: float, value: 1.0e+16}\n\
             - {name: one, type: float, value: 1.0}\n\
             - {name: word, type: str, value: 'on'}\n\
             - {name: octal, type: str, value: '0777'}\n\
             run: {kind: job, container: {image: busybox}}\n";
        register(&hub, "values", content).await;
        let mut stored = operation("kind: operation\nhubRef: acme/values\n");
        collected(&hub, &mut stored).await;
        let direct = operation(content);
        assert_eq!(
            stored.to_json()["component"]["inputs"],
            direct.to_json()["component"]["inputs"]
        );
        assert_eq!(
            stored.to_json()["component"]["inputs"][0]["value"],
            json!(1.0e16)
        );
    }

    #[tokio::test]
    async fn a_bad_reference_names_its_field() {
        let (_guard, hub) = hub().await;
        let mut operation = operation("kind: operation\nhubRef: kanico\n");
        let error = collect(&hub, &mut operation).await.unwrap_err();
        let CollectError::Unresolved { error, report } = error else {
            panic!("{error}");
        };
        assert!(matches!(error, LookupError::UnknownComponent { .. }));
        let finding = report.diagnostics().first().unwrap();
        assert_eq!(finding.field_path, "hubRef");
        assert_eq!(finding.place.as_ref().map(|place| place.line), Some(2));
    }

    #[tokio::test]
    async fn what_only_a_client_can_read_is_refused() {
        let (_guard, hub) = hub().await;
        for field in ["urlRef: http://127.0.0.1:1/x.yaml", "pathRef: ./x.yaml"] {
            let mut operation = operation(&format!("kind: operation\n{field}\n"));
            let error = collect(&hub, &mut operation).await.unwrap_err();
            assert!(
                matches!(error, CollectError::Invalid(_)),
                "{field}: {error}"
            );
        }
    }
}

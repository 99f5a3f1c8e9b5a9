//! The official components from a reference to the arguments of the executor.

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use polyaxon_hub::components::{Components, Official, collect};
    use polyaxon_hub::storage::sqlite::SqliteStorage;
    use polyaxon_spec::agent_config::AgentConfig;
    use polyaxon_spec::compose::compose;
    use polyaxon_spec::operation::{Flags, Operation};
    use polyaxon_spec::resolve::{RunContext, resolve};
    use polyaxon_spec::source::Source;
    use serde_json::{Value, json};

    const AGENT: &str = "\
namespace: builds
artifactsStore: {name: store, kind: volume_claim, schema: {volumeClaim: c, mountPath: /store}}
connections:
- {name: docker-connection, kind: registry, schema: {url: registry.example/team}, secret: {name: s, mountPath: /kaniko/.docker}}
- {name: bare, kind: registry, secret: {name: s, mountPath: /kaniko/.docker}}
";

    /// What `kaniko` resolves to with these params.
    async fn run(params: &str) -> Result<Value, String> {
        let folder = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open(&folder.path().join("hub.db"))
            .await
            .unwrap();
        let hub = Components::new(Arc::new(storage), Official::embedded().unwrap());
        let text = format!("version: 1\nkind: operation\nhubRef: kaniko\nparams: {params}\n");
        let source = Source::new("operation.yaml", text);
        let (mut operation, _) = Operation::read(&source, &[], &Flags::default()).unwrap();
        collect(&hub, &mut operation).await.unwrap();
        let catalog = AgentConfig::read(&Source::new("agent.yaml", AGENT))
            .unwrap()
            .catalog();
        let context = RunContext {
            owner: "default".into(),
            project: "default".into(),
            run_uuid: "8aac02e3a62a4f0aaa257c59da5eab80".into(),
            ..RunContext::default()
        };
        let compiled = compose(&operation).map_err(|report| report.to_string())?;
        let resolved =
            resolve(&compiled, &context, &catalog).map_err(|report| report.to_string())?;
        Ok(resolved.document["run"].clone())
    }

    #[tokio::test]
    async fn kaniko_turns_its_inputs_into_flags() {
        let artifacts = "/plx-context/artifacts";
        let destination = "registry.example/team/app:1";
        let given = "destination: {value: 'app:1', connection: docker-connection}";
        for (params, expected) in [
            (
                format!("{{{given}}}"),
                vec![
                    "-c",
                    artifacts,
                    "-d",
                    destination,
                    "--cache",
                    "--cache-ttl=1h",
                ],
            ),
            (
                format!("{{{given}, cache: {{value: false}}, cache_ttl: {{value: 24h}}}}"),
                vec!["-c", artifacts, "-d", destination, "--cache-ttl=24h"],
            ),
            (
                format!(
                    "{{{given}, context: {{value: /src}}, dockerfile: {{value: docker/Dockerfile}}}}"
                ),
                vec![
                    "-c",
                    "/src",
                    "-d",
                    destination,
                    "--dockerfile=docker/Dockerfile",
                    "--cache",
                    "--cache-ttl=1h",
                ],
            ),
            (
                "{destination: {value: 'host.example/app:1', connection: bare}}".to_owned(),
                vec![
                    "-c",
                    artifacts,
                    "-d",
                    "host.example/app:1",
                    "--cache",
                    "--cache-ttl=1h",
                ],
            ),
        ] {
            let run = run(&params).await.unwrap();
            let args: Vec<&str> = run["container"]["args"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .filter(|argument| !argument.is_empty())
                .collect();
            assert_eq!(args, expected, "{params}");
            assert_eq!(run["connections"].as_array().map(Vec::len), Some(1));
        }
    }

    #[tokio::test]
    async fn kaniko_wants_a_destination_and_a_connection_that_exists() {
        let error = run("{}").await.unwrap_err();
        assert!(error.contains("destination"), "{error}");
        let error = run("{destination: {value: 'app:1', connection: docker-conection}}")
            .await
            .unwrap_err();
        assert!(error.contains("docker-connection"), "{error}");
    }

    #[tokio::test]
    async fn kaniko_runs_the_executor_as_a_job() {
        let run = run("{destination: {value: 'app:1', connection: docker-connection}}")
            .await
            .unwrap();
        assert_eq!(run["kind"], "job");
        assert_eq!(
            run["container"]["image"],
            "ghcr.io/osscontainertools/kaniko:v1.28.3"
        );
        assert_eq!(run["connections"], json!(["docker-connection"]));
    }
}

//! Dockerfiles that only the pod has: from a git repository, or written by another step.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::get;
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::git_server::GitServer;
use serde_json::{Value, json};

use crate::END;

const DOCKERFILE: &str = "FROM busybox:1.36
COPY greeting /greeting
RUN cat /greeting
RUN cat /greeting && \\
    exit 9
RUN echo never
ENV LAST=1
ENV NOT_SHOWN=1
";

/// A build without retries of the Dockerfile that an init step brings to this folder of the run.
fn operation(tag: &str, context: &str, init: &str) -> String {
    format!(
        "kind: operation
hubRef: kaniko
params:
  destination: {{connection: docker-connection, value: 'team/cluster:{tag}'}}
  cache: false
  context: {{value: '{{{{ globals.artifacts_path }}}}/{context}'}}
termination: {{maxRetries: 0}}
runPatch:
  init:
  - {init}
"
    )
}

fn git(cluster: &ClusterServices, dockerfile: &str) -> Result<(GitServer, String)> {
    let address = cluster.address_for_pods()?;
    let files = [
        ("Dockerfile", dockerfile),
        ("greeting", "from the repository\n"),
    ];
    let server = GitServer::start_on(address, "repo-name", &files)?;
    let init = format!("git: {{url: '{}'}}", server.url("repo-name"));
    Ok((server, init))
}

/// The run has the lines around the fourth one of [`DOCKERFILE`].
fn check_excerpt(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    let run = get(cluster, uuid)?;
    let lines = run["failure"]["dockerfile_excerpt"].as_array();
    let lines = lines.with_context(|| format!("no excerpt: {run:#}"))?;
    let numbers: Vec<&Value> = lines.iter().map(|line| &line["number"]).collect();
    ensure!(json!(numbers) == json!([2, 3, 4, 5, 6, 7]), "{run:#}");
    let texts: Vec<&Value> = lines.iter().map(|line| &line["text"]).collect();
    ensure!(texts[2] == "RUN cat /greeting && \\", "{run:#}");
    ensure!(texts[3] == "    exit 9", "{run:#}");
    ensure!(texts[5] == "ENV LAST=1", "{run:#}");
    ensure!(run["failure"]["dockerfile_line"] == 4, "{run:#}");
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_failing_instruction_of_a_repository_is_shown_in_its_place() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let (_server, init) = git(&cluster, DOCKERFILE)?;
    std::fs::write(
        cluster.path("build.yaml"),
        operation("git-fails", "repo-name", &init),
    )?;
    let output = cluster
        .polyaxon(&["run", "-f", "build.yaml", "-l"])?
        .expect_status(1)?;
    ensure!(output.stdout.contains("from the repository"), "{output:?}");
    ensure!(
        output.stderr.contains("line 4 of the Dockerfile"),
        "{output:?}"
    );
    ensure!(
        !output.stdout.contains("NOT_SHOWN"),
        "the sidecar's words are in the log of the build: {output:?}"
    );
    let runs = cluster.json(&["ops", "ls"])?;
    let uuid = runs["runs"][0]["uuid"].as_str().context("no run")?;
    check_excerpt(&cluster, uuid)?;
    cluster.wait_until_gone(uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_failing_instruction_of_a_written_file_is_shown_in_its_place() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let text = DOCKERFILE.replace("COPY greeting /greeting", "RUN echo hi >/greeting");
    let file = json!({"filename": "Dockerfile", "content": text});
    let uuid = cluster.queue(&operation("file-fails", "", &format!("file: {file}")))?;
    cluster.wait_for_status(&uuid, "failed", END)?;
    check_excerpt(&cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_repository_is_built_and_its_base_image_is_known() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let (_server, init) = git(
        &cluster,
        "ARG BASE=busybox:1.36\nFROM $BASE\nCOPY greeting /greeting\nRUN cat /greeting\n",
    )?;
    let uuid = cluster.queue(&operation("git", "repo-name", &init))?;
    cluster.wait_for_status(&uuid, "succeeded", END)?;
    let run = get(&cluster, &uuid)?;
    ensure!(run["build"]["confirmed"] == true, "{run:#}");
    let bases = run["build"]["base_images"].to_string();
    ensure!(bases.contains("busybox:1.36"), "{run:#}");
    cluster.wait_until_gone(&uuid)
}

//! Dependencies point one way: `polyaxon-spec` and `polyaxon-proto` know no other crate of the
//! workspace, nobody depends on a program (but a tool that tries it, on which nobody depends), and `polyaxon-spec` does no input or output.

#![expect(
    clippy::unwrap_used,
    reason = "without the metadata of cargo there is nothing to test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Libraries that other crates may build upon.
const LIBRARIES: [&str; 3] = ["polyaxon-spec", "polyaxon-proto", "polyaxon-registry"];
/// What runs the programs' own code to try it: nobody ships it, and nobody depends on it.
const TOOLS: [&str; 1] = ["polyaxon-simulation"];
/// What a pure library has no use for.
const IMPURE: [&str; 5] = ["tokio", "hyper", "kube", "reqwest", "tonic"];

struct Graph {
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
    members: BTreeSet<String>,
}

fn graph() -> Graph {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        // What only other machines need has not been downloaded.
        .args(["--filter-platform", &platform])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let edges = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (text(&node["id"]), normal_dependencies(node)))
        .collect();
    let members = metadata["workspace_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();
    Graph {
        names,
        edges,
        members,
    }
}

/// Ids of what a package needs to run; what only its tests need does not count.
fn normal_dependencies(node: &Value) -> Vec<String> {
    node["deps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|dependency| {
            dependency["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind["kind"].is_null())
        })
        .map(|dependency| dependency["pkg"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn nobody_depends_on_a_program() {
    let graph = graph();
    let mut wrong = Vec::new();
    for member in &graph.members {
        for dependency in &graph.edges[member] {
            let name = graph.names[dependency].as_str();
            let is_tool = TOOLS.contains(&graph.names[member].as_str());
            if graph.members.contains(dependency) && !LIBRARIES.contains(&name) && !is_tool {
                wrong.push(format!("{} -> {name}", graph.names[member]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_libraries_know_no_other_member() {
    let graph = graph();
    for member in &graph.members {
        if LIBRARIES.contains(&graph.names[member].as_str()) {
            let known = graph.edges[member]
                .iter()
                .find(|dependency| graph.members.contains(*dependency));
            assert_eq!(known, None, "of {member}");
        }
    }
}

#[test]
fn the_specification_does_no_input_or_output() {
    let graph = graph();
    let root = graph
        .members
        .iter()
        .find(|member| graph.names[*member] == "polyaxon-spec")
        .unwrap();
    let mut seen = BTreeSet::new();
    let mut next = vec![root];
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(&graph.edges[id]);
        }
    }
    let impure: Vec<&str> = seen
        .iter()
        .map(|id| graph.names[*id].as_str())
        .filter(|name| IMPURE.contains(name))
        .collect();
    assert!(impure.is_empty(), "{impure:?}");
}

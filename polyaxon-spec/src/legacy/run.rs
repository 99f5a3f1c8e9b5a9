//! What an old file runs, as a job.

use super::Old;
use super::build::IMAGE_FIELDS;
use super::node::{entry, list, map, text, text_at};
use crate::diagnostic::Code;
use crate::yaml::{Mapping, Node, Scalar, Value};

/// Fields of `environment` that only have another spelling now.
const SAME: &[(&str, &str)] = &[
    ("labels", "labels"),
    ("annotations", "annotations"),
    ("node_selector", "nodeSelector"),
    ("node_selectors", "nodeSelector"),
    ("affinity", "affinity"),
    ("tolerations", "tolerations"),
    ("service_account", "serviceAccountName"),
    ("image_pull_secrets", "imagePullSecrets"),
    ("security_context", "securityContext"),
];

/// A field of an operation.
type Field = (&'static str, Node);

impl Old {
    pub(super) fn run(&mut self, node: &Node, root: &Mapping) -> Node {
        let mut container = Vec::new();
        let run = entry(root, "run");
        match run.and_then(|run| run.value.as_mapping()) {
            Some(fields) => {
                for (name, written) in fields {
                    if name != "cmd" && !IMAGE_FIELDS.contains(&name.as_str()) {
                        self.no_form(&written.key, &format!("run.{name}"));
                    }
                }
                match entry(fields, "cmd").and_then(command) {
                    Some(command) => {
                        container.push(("command", list(vec![text("/bin/bash"), text("-c")])));
                        container.push(("args", list(vec![command])));
                    }
                    None => {
                        self.error(
                            Code::MissingField,
                            run.unwrap_or(node),
                            "run.cmd",
                            "there is nothing to run",
                        )
                        .help = Some("add `cmd:`".into());
                    }
                }
            }
            None => {
                self.error(
                    Code::MissingField,
                    run.unwrap_or(node),
                    "run",
                    "there is nothing to run",
                )
                .help = Some("add `run: {cmd: ...}`".into());
            }
        }
        let mut job = vec![("kind", text("job"))];
        if let Some(environment) = entry(root, "environment") {
            let (resources, environment) = self.environment(environment);
            container.extend(resources);
            job.extend(environment);
        }
        job.push(("container", map(container)));
        map(job)
    }

    /// Resources and variables of the container, and the environment of the pod.
    fn environment(&mut self, environment: &Node) -> (Vec<Field>, Option<Field>) {
        let Some(fields) = environment.value.as_mapping() else {
            let message = "`environment` takes a mapping";
            self.error(Code::WrongType, environment, "environment", message);
            return (Vec::new(), None);
        };
        let mut container = Vec::new();
        let mut pod = Vec::new();
        for (name, written) in fields {
            let same = SAME.iter().find(|(old, _)| old == name);
            match (name.as_str(), same) {
                (_, Some((_, new))) => pod.push((*new, written.value.clone())),
                ("resources", _) => container.push(("resources", self.resources(&written.value))),
                ("env_vars", _) => container.extend(self.variables(&written.value)),
                _ => self.no_form(&written.key, &format!("environment.{name}")),
            }
        }
        let pod = (!pod.is_empty()).then(|| ("environment", map(pod)));
        (container, pod)
    }

    fn variables(&mut self, variables: &Node) -> Option<(&'static str, Node)> {
        let Value::Sequence(items) = &variables.value else {
            self.error(
                Code::WrongType,
                variables,
                "environment.env_vars",
                "`env_vars` takes a list",
            );
            return None;
        };
        let mut env = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::Sequence(pair) if let [name, value] = pair.as_slice() => {
                    env.push(map(vec![("name", name.clone()), ("value", value.clone())]));
                }
                _ => {
                    let field = format!("environment.env_vars[{index}]");
                    self.error(
                        Code::BadValue,
                        item,
                        &field,
                        "a variable is a list of two: name and value",
                    );
                }
            }
        }
        Some(("env", list(env)))
    }

    /// Requests and limits were inside of each resource, and memory was in MiB.
    fn resources(&mut self, resources: &Node) -> Node {
        let mut sections: [(&str, Vec<(&str, Node)>); 2] =
            [("requests", Vec::new()), ("limits", Vec::new())];
        for (name, written) in resources.value.as_mapping().into_iter().flatten() {
            let (key, unit) = match name.as_str() {
                "cpu" => ("cpu", ""),
                "memory" => ("memory", "Mi"),
                "gpu" => ("nvidia.com/gpu", ""),
                _ => {
                    self.no_form(&written.key, &format!("environment.resources.{name}"));
                    continue;
                }
            };
            let amounts = written.value.value.as_mapping();
            for (section, values) in &mut sections {
                let amount = match amounts {
                    Some(amounts) => entry(amounts, section),
                    None => Some(&written.value),
                };
                if let Some(amount) = amount {
                    values.push((key, quantity(amount, unit)));
                }
            }
        }
        map(sections
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(section, values)| (section, map(values))))
    }
}

fn quantity(amount: &Node, unit: &str) -> Node {
    match &amount.value {
        Value::Scalar(scalar @ (Scalar::Integer(_) | Scalar::Float(_))) if !unit.is_empty() => {
            text_at(&format!("{}{unit}", scalar.to_key()), amount)
        }
        _ => amount.clone(),
    }
}

/// A command, or several that run one after the other while they succeed.
fn command(cmd: &Node) -> Option<Node> {
    match &cmd.value {
        Value::Scalar(Scalar::Text(_)) => Some(cmd.clone()),
        Value::Sequence(items) => {
            let lines: Option<Vec<&str>> = items.iter().map(|item| item.value.as_text()).collect();
            let lines = lines.filter(|lines| !lines.is_empty())?;
            Some(text_at(&lines.join(" && "), cmd))
        }
        _ => None,
    }
}

//! The settings of the agent itself, beside its catalog in `agent.yaml`.

use serde_json::{Value, json};

use super::agent::{nullable, section};

/// Field, schema, description.
type Entry = (&'static str, Value, &'static str);

/// The settings at the root of the file.
pub(super) fn settings() -> Vec<Entry> {
    vec![
        (
            "executor",
            section(
                &[],
                &[(
                    "kubernetes",
                    kubernetes(),
                    "A cluster whose Jobs runs become.",
                )],
            ),
            "What runs pods; the container engine unless a cluster is named.",
        ),
        ("engine", engine(), "The container engine that runs pods."),
        ("executorImage", text(), "Image that builds run with."),
        (
            "keepExecutorImage",
            switch(),
            "Keep the executor image that the component names.",
        ),
        (
            "executorImages",
            texts(),
            "Further repositories that count as executors.",
        ),
        (
            "registryMirrors",
            texts(),
            "Mirrors of Docker Hub, asked in order before it.",
        ),
        (
            "insecureRegistries",
            texts(),
            "Registries (`host:port`) that are spoken to over plain HTTP.",
        ),
        (
            "caBundle",
            text(),
            "PEM file of certificate authorities for builds.",
        ),
        (
            "proxies",
            proxies(),
            "Proxies of builds; never in the image.",
        ),
        (
            "buildResources",
            build_resources(),
            "Requests and limits of builds that set none themselves.",
        ),
        (
            "policy",
            policy(),
            "What users may put in a pod; everything else is denied.",
        ),
        (
            "queues",
            json!({"type": "array", "items": queue()}),
            "Queues that are created or updated when the agent connects.",
        ),
        ("maxRuns", count(1), "Runs at a time; 10 when absent."),
        (
            "maxRetries",
            count(0),
            "Further attempts of runs that say nothing themselves; 2 when absent.",
        ),
        (
            "requireConfirmation",
            switch(),
            "A digest that the registry did not confirm fails the run.",
        ),
    ]
}

fn text() -> Value {
    json!({"type": "string"})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn switch() -> Value {
    json!({"type": "boolean"})
}

fn count(least: u32) -> Value {
    json!({"type": "integer", "minimum": least})
}

fn kubernetes() -> Value {
    let bundle = section(
        &[],
        &[
            ("configMap", text(), "Name of the ConfigMap."),
            (
                "secret",
                text(),
                "Name of the Secret, where there is no ConfigMap.",
            ),
            ("key", text(), "The key; `ca.crt` when absent."),
        ],
    );
    section(
        &[],
        &[
            (
                "kubeconfig",
                text(),
                "How the cluster is reached; the pod's service account when absent.",
            ),
            (
                "context",
                text(),
                "Context of the kubeconfig; its current one when absent.",
            ),
            (
                "name",
                text(),
                "Label of everything that this agent makes, and name of its Lease.",
            ),
            (
                "podImage",
                text(),
                "Image of init containers and of the sidecar.",
            ),
            (
                "caBundle",
                bundle,
                "A key with certificate authorities, in the namespaces of the runs.",
            ),
            (
                "unschedulableTimeout",
                count(0),
                "Seconds that a pod may wait for a node; 600 when absent.",
            ),
            (
                "logStreams",
                count(0),
                "Logs of running containers that are followed at a time; 500 when absent.",
            ),
            (
                "userNamespaces",
                json!({"enum": ["auto", "always", "never"]}),
                "User namespaces for builds; `auto` where the nodes do it.",
            ),
        ],
    )
}

fn engine() -> Value {
    section(
        &[],
        &[
            (
                "socket",
                text(),
                "Unix socket of Docker or Podman; the usual places when absent.",
            ),
            (
                "network",
                json!({"enum": ["host", "bridge"]}),
                "Network of the containers; `host` when absent.",
            ),
            (
                "secretsDir",
                text(),
                "Folder of Secrets: the key `KEY` of the Secret `NAME` is the file `NAME/KEY`.",
            ),
            (
                "configMapsDir",
                text(),
                "Folder of ConfigMaps, as that of Secrets.",
            ),
            ("claimsDir", text(), "One folder per PersistentVolumeClaim."),
            (
                "podImage",
                text(),
                "Image of init containers and of the sidecar.",
            ),
        ],
    )
}

fn proxies() -> Value {
    section(
        &[],
        &[
            ("http", text(), "Proxy for `http`."),
            ("https", text(), "Proxy for `https`."),
            (
                "noProxy",
                text(),
                "Hosts that are reached without a proxy, separated by commas.",
            ),
        ],
    )
}

fn build_resources() -> Value {
    let amounts = json!({"type": "object"});
    section(
        &[],
        &[
            (
                "requests",
                amounts.clone(),
                "What the scheduler sets aside.",
            ),
            ("limits", amounts, "What a build may use at most."),
        ],
    )
}

fn policy() -> Value {
    section(
        &[],
        &[
            (
                "allowPrivileged",
                switch(),
                "Privileged containers, and what else frees a container.",
            ),
            (
                "allowCapabilities",
                switch(),
                "`securityContext.capabilities.add`.",
            ),
            (
                "allowHostNamespaces",
                switch(),
                "`hostNetwork`, `hostPID` and host ports.",
            ),
            (
                "allowedHostPaths",
                texts(),
                "`hostPath` volumes at or below these folders.",
            ),
            (
                "allowedSecrets",
                texts(),
                "Secrets that the catalog does not name.",
            ),
            ("allowDocker", switch(), "`plugins.docker`."),
            (
                "allowedServiceAccounts",
                texts(),
                "Service accounts other than the agent's own.",
            ),
        ],
    )
}

fn queue() -> Value {
    let schema = section(
        &["name"],
        &[
            ("name", text(), "Name, unique within the agent."),
            ("priority", json!({"type": "integer"}), "Higher first."),
            (
                "concurrency",
                json!({"type": "integer", "minimum": -1}),
                "Runs at a time; -1: no limit.",
            ),
        ],
    );
    nullable(&schema, "A queue of this agent.")
}

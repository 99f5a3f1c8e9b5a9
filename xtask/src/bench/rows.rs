//! The lines of the table.

/// What a figure should be.
#[derive(Clone, Copy)]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Shown for orientation.
    None,
}

/// One line of the table: the name that the benchmark gives its figure, what it means, unit and target.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) unit: &'static str,
    pub(super) target: Target,
}

const fn row(name: &'static str, meaning: &'static str, unit: &'static str, target: Target) -> Row {
    Row {
        name,
        meaning,
        unit,
        target,
    }
}

/// What is measured in process and with programs of this machine.
pub(super) const ROWS: [Row; 21] = [
    row(
        "cli: check of a build, whole process",
        "`polyaxon check --offline`, start to exit",
        "ms",
        Target::AtMost(10.0),
    ),
    row(
        "cli: check of a build, peak memory",
        "`polyaxon check --offline`, peak memory",
        "MiB",
        Target::AtMost(15.0),
    ),
    row(
        "reference: our check of the same file",
        "  of a file without a hub, in turns with",
        "ms",
        Target::None,
    ),
    row(
        "reference: check, whole process",
        "  `polyaxon check` of the python package",
        "ms",
        Target::None,
    ),
    row(
        "reference: times as long as ours",
        "  python over ours",
        "x",
        Target::None,
    ),
    row(
        "spec: a KiB of a text of 1023 KiB",
        "checked and composed, per KiB of 1 MiB",
        "us",
        Target::None,
    ),
    row(
        "spec: a KiB of the largest text over one of the smallest",
        "  over a KiB of 4 KiB: linear is 1",
        "x",
        Target::AtMost(2.0),
    ),
    row(
        "spec: text to Job",
        "text to Job, per operation",
        "us",
        Target::AtMost(150.0),
    ),
    row(
        "spec: text to compiled operation",
        "  of it: text to compiled operation",
        "us",
        Target::None,
    ),
    row(
        "spec: compiled operation to Job",
        "  of it: compiled operation to Job",
        "us",
        Target::None,
    ),
    row(
        "hub: Create, 1 client",
        "Runs.Create, durable, 1 client",
        "/s",
        Target::None,
    ),
    row(
        "hub: Create, 8 clients",
        "Runs.Create, durable, 8 clients",
        "/s",
        Target::None,
    ),
    row(
        "hub: Create, 64 clients",
        "Runs.Create, durable, 64 clients",
        "/s",
        Target::AtLeast(1000.0),
    ),
    row(
        "hub: queued to leased, p50",
        "queued to leased, idle hub, p50",
        "ms",
        Target::AtMost(15.0),
    ),
    row(
        "hub: queued to leased, p99",
        "queued to leased, idle hub, p99",
        "ms",
        Target::AtMost(100.0),
    ),
    row(
        "dispatch: submit to create, alone, p50",
        "submit to create, idle, p50",
        "ms",
        Target::None,
    ),
    row(
        "dispatch: submit to create, alone, p99",
        "submit to create, idle, p99",
        "ms",
        Target::None,
    ),
    row(
        "dispatch: submit to create, 50 at once, p99",
        "submit to create, 50 builds at once, p99",
        "ms",
        Target::AtMost(500.0),
    ),
    row(
        "agent: classify a run, median",
        "classify a recorded run, median",
        "us",
        Target::None,
    ),
    row(
        "agent: classify a run, slowest",
        "classify a recorded run, slowest",
        "us",
        Target::None,
    ),
    row(
        "agent: read a log",
        "read a build's log",
        "MB/s",
        Target::None,
    ),
];

/// What is measured on a cluster.
pub(super) const CLUSTER_ROWS: [Row; 25] = [
    row(
        "cluster: submit to Job, first 50 at once, p99",
        "submit to Job, 50 after a start, p99",
        "ms",
        Target::None,
    ),
    row(
        "cluster: submit to Job, 1 at once, p50",
        "submit to Job, 1 at once, p50",
        "ms",
        Target::None,
    ),
    row(
        "cluster: submit to Job, 1 at once, p99",
        "submit to Job, 1 at once, p99",
        "ms",
        Target::None,
    ),
    row(
        "cluster: submit to Job, 10 at once, p50",
        "submit to Job, 10 at once, p50",
        "ms",
        Target::None,
    ),
    row(
        "cluster: submit to Job, 10 at once, p99",
        "submit to Job, 10 at once, p99",
        "ms",
        Target::None,
    ),
    row(
        "cluster: submit to Job, 50 at once, p50",
        "submit to Job, 50 at once, p50",
        "ms",
        Target::None,
    ),
    row(
        "cluster: submit to Job, 50 at once, p99",
        "submit to Job, 50 at once, p99",
        "ms",
        Target::AtMost(500.0),
    ),
    row(
        "cluster: create to Complete, bare Job, median",
        "create to Complete, bare Job, median",
        "ms",
        Target::None,
    ),
    row(
        "cluster: create to Complete, build, median",
        "create to Complete, build, median",
        "ms",
        Target::None,
    ),
    row(
        "cluster: create to Complete, build over bare Job",
        "  build over bare Job",
        "x",
        Target::None,
    ),
    row(
        "cluster: submit to succeeded, build, median",
        "submit to succeeded, build, median",
        "ms",
        Target::None,
    ),
    row(
        "cluster: runs that live at once",
        "runs that live at once",
        "",
        Target::None,
    ),
    row(
        "cluster: Jobs created by a bare loop, before",
        "Jobs created by a bare loop, before the agent",
        "/s",
        Target::None,
    ),
    row(
        "cluster: Jobs created by a bare loop, after",
        "Jobs created by a bare loop, after the agent",
        "/s",
        Target::None,
    ),
    row(
        "cluster: Jobs created by the agent",
        "Jobs created by the agent, after its ramp",
        "/s",
        Target::None,
    ),
    row(
        "cluster: Jobs created, agent over bare loop",
        "  agent over bare loop",
        "%",
        Target::AtLeast(90.0),
    ),
    row(
        "cluster: Jobs created by the agent, as many again",
        "Jobs created by the agent, the second half of the runs",
        "/s",
        Target::None,
    ),
    row(
        "cluster: submit to running, as many again",
        "  submit to running, all of these",
        "s",
        Target::None,
    ),
    row(
        "cluster: agent's processor time per run",
        "agent's processor time per run",
        "ms",
        Target::None,
    ),
    row(
        "cluster: memory, before",
        "agent's memory, no run",
        "MiB",
        Target::None,
    ),
    row(
        "cluster: memory, all runs live",
        "agent's memory, all runs live",
        "MiB",
        Target::AtMost(100.0),
    ),
    row(
        "cluster: memory, peak on the way",
        "  its peak on the way",
        "MiB",
        Target::None,
    ),
    row(
        "cluster: restart to synced",
        "agent killed, started again, synced",
        "s",
        Target::AtMost(10.0),
    ),
    row(
        "cluster: memory, all runs live, after a restart",
        "agent's memory after that",
        "MiB",
        Target::AtMost(100.0),
    ),
    row(
        "cluster: memory, peak of a restart",
        "  its peak",
        "MiB",
        Target::None,
    ),
];

//! The recorded runs and what the classifier says to them.

use polyaxon_agent::classify::{
    BuildLog, Evidence, Instructions, Intent, PlatformState, Verdict, classify,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) retry: String,
    pub(crate) failed_instruction: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) cache_hits: Vec<String>,
    pub(crate) cache_misses: Vec<String>,
    pub(crate) exit_code: Option<i32>,
    pub(crate) intent: Option<String>,
    pub(crate) destinations: Vec<String>,
    pub(crate) dockerfile: Option<String>,
    #[serde(default)]
    pub(crate) job: Value,
    #[serde(default)]
    pub(crate) pod: Value,
    #[serde(default)]
    pub(crate) init_log: String,
    pub(crate) log: String,
}

pub(crate) fn recorded() -> Vec<Recorded> {
    include_str!("recorded_runs.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn verdict(run: &Recorded) -> (BuildLog, Verdict) {
    let log = BuildLog::read(run.log.as_bytes());
    let platform = PlatformState::of_kubernetes(&run.job, &run.pod, "polyaxon-main");
    let dockerfile = run.dockerfile.as_deref().map(Instructions::read);
    let verdict = classify(&Evidence {
        intent: (run.intent.as_deref() == Some("stop")).then_some(Intent::Stop),
        exit_code: run.exit_code,
        platform: &platform,
        log: &log,
        init_log: &run.init_log,
        dockerfile: dockerfile.as_ref(),
    });
    (log, verdict)
}

use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::source::Source;

use super::{check_report, text};

/// The configuration of an agent is read or refused.
pub(crate) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match AgentConfig::read(&Source::new("agent.yaml", text)) {
        Ok(config) => assert!(serde_json::to_value(config.catalog()).is_ok()),
        Err(report) => check_report(&report),
    }
}

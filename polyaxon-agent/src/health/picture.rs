//! What is known at one moment, and what it means.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use polyaxon_proto::version;

/// Longest time between two turns of the loop that owns all runs. Without anything to do it turns once a minute.
const STANDSTILL: Duration = Duration::from_mins(3);

/// What a process is among those of its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It has not found out yet.
    #[default]
    Starting,
    /// Another one holds the Lease; this one waits for it.
    StandsBy,
    /// It works.
    Leads,
}

/// An agent's health at one moment.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// What this process is among those of its agent.
    pub role: Role,
    /// Whether the cluster's watches show what is there; `None` where there is no cluster.
    pub cluster: Option<bool>,
    /// Whether a session with the hub is open and its newest answer is trusted.
    pub session: bool,
    /// When the question was asked that the hub answered last.
    pub last_contact: Option<SystemTime>,
    /// Time since the loop that owns all runs last turned; `None` until it runs.
    pub since_turn: Option<Duration>,
    /// Attempts that take a place.
    pub live_runs: u64,
    /// Places.
    pub max_runs: u64,
    /// Objects that this process has created.
    pub created_attempts: u64,
    /// Launches and statuses that the hub has not acknowledged.
    pub waiting_reports: u64,
}

impl Picture {
    /// Whether a restart would help nothing.
    ///
    /// # Errors
    /// Says what stands still.
    pub fn alive(&self) -> Result<&'static str, &'static str> {
        match self.since_turn {
            Some(since) if since > STANDSTILL => Err("the loop of the runs stands still"),
            _ => Ok("ok"),
        }
    }

    /// Whether this process does its part. One that stands by does: a new pod must be ready before the old one ends, and
    /// has no Lease until then.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn ready(&self) -> Result<&'static str, &'static str> {
        if self.cluster == Some(false) {
            return Err("the cluster is not seen");
        }
        match self.role {
            Role::Starting => Err("starting"),
            Role::StandsBy => Ok("stands by"),
            Role::Leads if self.session => Ok("ready"),
            Role::Leads => Err("no session with the hub"),
        }
    }

    /// All numbers, in the text form of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!(
            "# HELP polyaxon_agent_info Version of the agent.\n# TYPE polyaxon_agent_info gauge\npolyaxon_agent_info{{version=\"{}\"}} 1\n",
            version::current()
        );
        let flag = |set: bool| Some(f64::from(u8::from(set)));
        let leads = flag(self.role == Role::Leads);
        let contact = self
            .last_contact
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
            .map(|since| since.as_secs_f64());
        for (name, kind, help, value) in [
            (
                "leader",
                "gauge",
                "1 if this process works, 0 if it waits for the Lease.",
                leads,
            ),
            (
                "hub_session",
                "gauge",
                "1 if a session with the hub is open and answered.",
                flag(self.session),
            ),
            (
                "cluster_watched",
                "gauge",
                "1 if the watches of the cluster show what is there.",
                self.cluster.and_then(flag),
            ),
            (
                "last_hub_contact_timestamp_seconds",
                "gauge",
                "When the question was asked that the hub answered last.",
                contact,
            ),
        ] {
            if let Some(value) = value {
                number(&mut text, name, kind, help, &value.to_string());
            }
        }
        for (name, kind, help, value) in [
            (
                "live_runs",
                "gauge",
                "Attempts that take a place.",
                self.live_runs,
            ),
            ("max_runs", "gauge", "Places.", self.max_runs),
            (
                "created_attempts_total",
                "counter",
                "Objects that this process has created.",
                self.created_attempts,
            ),
            (
                "waiting_reports",
                "gauge",
                "Launches and statuses that the hub has not acknowledged.",
                self.waiting_reports,
            ),
        ] {
            number(&mut text, name, kind, help, &value.to_string());
        }
        text
    }
}

fn number(text: &mut String, name: &str, kind: &str, help: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "# HELP polyaxon_agent_{name} {help}\n# TYPE polyaxon_agent_{name} {kind}\npolyaxon_agent_{name} {value}\n"
    );
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Role::Starting, Some(true), false, Err("starting"))]
    #[case(Role::StandsBy, Some(false), false, Err("the cluster is not seen"))]
    #[case(Role::StandsBy, Some(true), false, Ok("stands by"))]
    #[case(Role::Leads, Some(true), false, Err("no session with the hub"))]
    #[case(Role::Leads, Some(false), true, Err("the cluster is not seen"))]
    #[case(Role::Leads, Some(true), true, Ok("ready"))]
    #[case(Role::Leads, None, true, Ok("ready"))]
    #[case(Role::Leads, None, false, Err("no session with the hub"))]
    fn it_is_ready_when_it_does_its_part(
        #[case] role: Role,
        #[case] cluster: Option<bool>,
        #[case] session: bool,
        #[case] expected: Result<&str, &str>,
    ) {
        let picture = Picture {
            role,
            cluster,
            session,
            ..Picture::default()
        };
        assert_eq!(picture.ready(), expected);
    }

    #[test]
    fn a_loop_that_stands_still_is_not_alive() {
        let turned = |seconds| Picture {
            since_turn: Some(Duration::from_secs(seconds)),
            ..Picture::default()
        };
        assert!(Picture::default().alive().is_ok(), "it has not begun");
        assert!(turned(61).alive().is_ok(), "there was nothing to do");
        assert!(turned(181).alive().is_err());
    }

    #[test]
    fn numbers_are_told_where_they_are_known() {
        let text = Picture {
            role: Role::Leads,
            session: true,
            last_contact: Some(UNIX_EPOCH + Duration::from_millis(1500)),
            live_runs: 2,
            max_runs: 10,
            created_attempts: 7,
            ..Picture::default()
        }
        .render();
        let has = |line: &str| text.lines().any(|found| found == line);
        for line in [
            "polyaxon_agent_leader 1",
            "polyaxon_agent_hub_session 1",
            "polyaxon_agent_last_hub_contact_timestamp_seconds 1.5",
            "polyaxon_agent_live_runs 2",
            "polyaxon_agent_max_runs 10",
            "# TYPE polyaxon_agent_created_attempts_total counter",
            "polyaxon_agent_created_attempts_total 7",
            "polyaxon_agent_waiting_reports 0",
        ] {
            assert!(has(line), "{line}\n{text}");
        }
        assert!(!text.contains("cluster_watched"), "an engine has none");
        let standby = Picture::default().render();
        assert!(standby.contains("polyaxon_agent_leader 0\n"));
        assert!(!standby.contains("contact"), "nobody has answered");
    }
}

//! One attempt with its machine and its tasks.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use polyaxon_proto::agent::v1::StatusReport;
use tokio::task::JoinSet;

use crate::attempt::AttemptKey;
use crate::build_report::{self, BuildObserver};
use crate::hub::Report;
use crate::machine::{Machine, StatusUpdate};
use crate::planning::KeptPlan;

pub(super) struct Entry {
    pub(super) machine: Machine,
    pub(super) plan: Option<Arc<KeptPlan>>,
    pub(super) fence: Arc<AtomicU64>,
    /// Reads the log of a build.
    pub(super) observer: Option<Arc<BuildObserver>>,
    /// Its object was not made by this process: another one may have read logs.
    pub(super) is_adopted: bool,
    /// Ended with the entry.
    pub(super) tasks: JoinSet<()>,
    /// Number of the last report. It starts at the session's epoch, so that an agent that was
    /// started anew counts on from where the old one was.
    seq: u64,
}

impl Entry {
    pub(super) fn new(
        machine: Machine,
        plan: Option<Arc<KeptPlan>>,
        fence: u64,
        epoch: u64,
    ) -> Self {
        let observer = plan
            .as_ref()
            .filter(|plan| plan.build.is_some())
            .and_then(|plan| plan.main.as_ref())
            .map(|main| Arc::new(BuildObserver::new(main)));
        Self {
            machine,
            observer,
            plan,
            fence: Arc::new(AtomicU64::new(fence)),
            is_adopted: true,
            tasks: JoinSet::new(),
            seq: epoch << 32,
        }
    }

    /// The message of a status, with the next number.
    pub(super) fn report(
        &mut self,
        key: &AttemptKey,
        mut update: StatusUpdate,
        now: SystemTime,
    ) -> Report {
        self.seq += 1;
        let is_final = update.is_final();
        // Only then is it worth unfolding the pod.
        if let (true, Some(plan), Some(observer)) = (is_final, &self.plan, &self.observer) {
            build_report::complete(&mut update, &plan.pod(), observer);
        }
        let report = StatusReport {
            run: key.run.to_string(),
            attempt: key.attempt,
            fence: 0,
            seq: self.seq,
            status: update.status.into(),
            reason: update.reason,
            message: update.message,
            observed_at: Some(now.into()),
            build: update.build.map(|build| *build),
            failure: update.failure.map(|failure| *failure),
            isolation: update
                .isolation
                .map(|isolation| isolation.as_str().to_owned())
                .unwrap_or_default(),
        };
        Report {
            key: key.clone(),
            fence: Arc::clone(&self.fence),
            report,
            is_final,
        }
    }
}

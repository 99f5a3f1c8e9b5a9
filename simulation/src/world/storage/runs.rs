//! Runs, with an audit of their rows.

use super::SimStorage;
use crate::world::plant::Plant;
use async_trait::async_trait;
use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::run::{EventRecord, NewRun, RunFilter, RunRecord, RunSpec};
use polyaxon_hub::domain::session::{AgentRecord, QueueRecord};
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::StorageError;
use polyaxon_hub::storage::runs::{Inserted, RunStorage, StopOrder};

#[async_trait]
impl RunStorage for SimStorage {
    async fn insert_run(&self, mut run: NewRun) -> Result<Inserted, StorageError> {
        if self.world.has(Plant::BlindToKeys) {
            run.record.idempotency_key = None;
        }
        // A call with a key would be repeated, and be another broken promise.
        let forgets = self.world.has(Plant::ForgottenRun) && self.world.faults.are_on();
        if forgets && run.record.idempotency_key.is_none() {
            return self.write(async { Ok(Inserted::New) }).await;
        }
        let uuid = run.record.uuid.clone();
        self.write(async {
            let answer = self.inner.insert_run(run).await;
            self.audit_rows([&uuid]).await;
            answer
        })
        .await
    }

    async fn run(&self, uuid: &str) -> Result<Option<RunRecord>, StorageError> {
        self.read(self.inner.run(uuid)).await
    }

    async fn run_by_key(
        &self,
        project_uuid: &str,
        key: &str,
    ) -> Result<Option<RunRecord>, StorageError> {
        self.read(self.inner.run_by_key(project_uuid, key)).await
    }

    async fn run_spec(&self, uuid: &str) -> Result<Option<RunSpec>, StorageError> {
        self.read(self.inner.run_spec(uuid)).await
    }

    async fn runs(&self, filter: &RunFilter, page: &Page) -> Result<Vec<RunRecord>, StorageError> {
        self.read(self.inner.runs(filter, page)).await
    }

    async fn run_events(
        &self,
        uuid: &str,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StorageError> {
        self.read(self.inner.run_events(uuid, from_seq, limit))
            .await
    }

    async fn stop_run(
        &self,
        uuid: &str,
        order: StopOrder,
    ) -> Result<Option<(RunRecord, bool)>, StorageError> {
        if self.world.has(Plant::DeafToStops) && order.source != "hub" && !order.abandon {
            let answer = self.inner.run(uuid).await;
            let answer = answer.map(|run| run.map(|run| (run, true)));
            return self.write(async { answer }).await;
        }
        self.write(async {
            let answer = self.inner.stop_run(uuid, order).await;
            if let Ok(Some((row, _))) = &answer {
                self.audit_row(row);
            }
            answer
        })
        .await
    }

    async fn overdue_runs(&self, now: Millis, limit: u32) -> Result<Vec<String>, StorageError> {
        self.read(self.inner.overdue_runs(now, limit)).await
    }

    async fn begin_attempts(&self, now: Millis) -> Result<Vec<RunRecord>, StorageError> {
        self.write(async {
            let answer = self.inner.begin_attempts(now).await;
            for row in answer.iter().flatten() {
                self.audit_row(row);
            }
            answer
        })
        .await
    }

    async fn queue(
        &self,
        agent: Option<&str>,
        queue: &str,
    ) -> Result<Option<QueueRecord>, StorageError> {
        self.read(self.inner.queue(agent, queue)).await
    }

    async fn agent(&self, name: &str) -> Result<Option<AgentRecord>, StorageError> {
        self.read(self.inner.agent(name)).await
    }

    async fn queue_names(&self) -> Result<Vec<String>, StorageError> {
        self.read(self.inner.queue_names()).await
    }
}

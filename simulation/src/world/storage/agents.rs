//! Sessions and what goes through them, with an audit of who wrote what.

use super::SimStorage;
use crate::history::Fact;
use crate::world::plant::Plant;
use async_trait::async_trait;
use polyaxon_hub::domain::session::{
    Directive, Hello, InventoryItem, Order, ReportOutcome, SessionKey, SessionTaken, StatusReport,
    Work,
};
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::StorageError;
use polyaxon_hub::storage::agents::{AgentStorage, Claim, Guarded, LaunchReport};

#[async_trait]
impl AgentStorage for SimStorage {
    async fn open_session(
        &self,
        hello: Hello,
        at: Millis,
        until: Millis,
    ) -> Result<Result<SessionKey, SessionTaken>, StorageError> {
        self.write(async {
            let mut answer = self.inner.open_session(hello, at, until).await;
            if let Ok(Ok(session)) = &mut answer {
                if self.world.has(Plant::StandingEpoch) {
                    session.epoch = self.planted.hide_epoch(session);
                }
                self.world.recorder.record(Fact::SessionOpened {
                    session: session.id.clone(),
                    epoch: session.epoch,
                });
            }
            answer
        })
        .await
    }

    async fn renew_session(
        &self,
        session: &SessionKey,
        at: Millis,
        until: Millis,
    ) -> Guarded<Vec<String>> {
        let session = self.planted.session(session);
        self.write(async {
            let answer = self.inner.renew_session(&session, at, until).await;
            self.audit_rows(answer.iter().flatten().flatten()).await;
            answer
        })
        .await
    }

    async fn sync_session(
        &self,
        session: &SessionKey,
        items: Vec<InventoryItem>,
        last_page: bool,
        at: Millis,
        launch_deadline: Millis,
    ) -> Guarded<(Vec<Directive>, Vec<String>)> {
        let session = self.planted.session(session);
        self.write(async {
            let named: Vec<(String, u32)> = items
                .iter()
                .map(|item| (item.run.clone(), item.attempt))
                .collect();
            let mut answer = self
                .inner
                .sync_session(&session, items, last_page, at, launch_deadline)
                .await;
            if let Ok(Ok((directives, changed))) = &mut answer {
                if self.world.has(Plant::SilentSync) {
                    self.planted.keep_quiet(directives);
                }
                for directive in directives.iter() {
                    let attempt = (directive.run.as_str(), directive.attempt, directive.fence);
                    match &directive.order {
                        Order::Keep(_) => self.given(&session, attempt, false),
                        Order::LaunchAgain(_) => self.given(&session, attempt, true),
                        Order::Stop { .. } | Order::Delete => {}
                    }
                }
                let answered = |item: &(String, u32)| {
                    directives
                        .iter()
                        .any(|directive| (&directive.run, directive.attempt) == (&item.0, item.1))
                };
                let unanswered = named.into_iter().filter(|item| !answered(item)).collect();
                self.world.recorder.record(Fact::Synced {
                    session: session.id.clone(),
                    unanswered,
                });
                self.audit_rows(changed.iter()).await;
            }
            answer
        })
        .await
    }

    async fn has_work(&self, agent: &str) -> Result<bool, StorageError> {
        self.read(self.inner.has_work(agent)).await
    }

    async fn claim(&self, session: &SessionKey, mut claim: Claim) -> Guarded<Vec<Work>> {
        let session = self.planted.session(session);
        let slots = claim.slots;
        if self.world.has(Plant::CountedSlots) {
            claim.slots = self.planted.free_slots(slots);
        }
        self.write(async {
            let answer = self.inner.claim(&session, claim).await;
            if let Ok(Ok(works)) = &answer {
                for work in works {
                    let state = &work.run.state;
                    let attempt = (work.run.uuid.as_str(), state.attempt, state.fence);
                    self.given(&session, attempt, true);
                    self.audit_row(&work.run);
                }
                let given = works.len() as u64;
                if given > 0 {
                    self.world.recorder.record(Fact::Claimed {
                        session: session.id.clone(),
                        slots,
                        given,
                    });
                }
            }
            answer
        })
        .await
    }

    async fn acknowledge_launch(
        &self,
        session: &SessionKey,
        mut launch: LaunchReport,
        at: Millis,
    ) -> Guarded<ReportOutcome> {
        let real = self.planted.session(session);
        self.write(async {
            let named = (launch.run.clone(), launch.attempt, launch.fence);
            let before = self.row(&launch.run).await;
            let session = self.planted.newest(&self.world, &real);
            if self.world.has(Plant::BlindToFences)
                && let Some(row) = &before
            {
                launch.fence = row.state.fence;
            }
            let answer = self.inner.acknowledge_launch(&session, launch, at).await;
            self.audit_write(&real, named, before).await;
            answer
        })
        .await
    }

    async fn report(
        &self,
        session: &SessionKey,
        reports: Vec<StatusReport>,
        at: Millis,
    ) -> Guarded<Vec<ReportOutcome>> {
        let real = self.planted.session(session);
        self.write(async {
            let mut outcomes = Vec::with_capacity(reports.len());
            // One by one, so that each can be compared; the hub's transaction of all of them is not the point here.
            for mut report in reports {
                let named = (report.run.clone(), report.attempt, report.fence);
                let before = self.row(&report.run).await;
                let session = self.planted.newest(&self.world, &real);
                if self.world.has(Plant::BlindToFences)
                    && let Some(row) = &before
                {
                    report.fence = row.state.fence;
                }
                let late = self.planted.late_report(&self.world, &report);
                let outcome = self.inner.report(&session, vec![report], at).await;
                self.audit_write(&real, named, before).await;
                match outcome? {
                    Ok(outcome) => outcomes.extend(outcome),
                    Err(refused) => return Ok(Err(refused)),
                }
                if let Some(late) = late {
                    self.inner.report(&session, vec![late], at).await?.ok();
                }
            }
            Ok(Ok(outcomes))
        })
        .await
    }

    async fn directives(&self, session: &SessionKey, at: Millis) -> Guarded<Vec<Directive>> {
        let session = self.planted.session(session);
        let answer = self.read(self.inner.directives(&session, at)).await;
        for directive in answer.iter().flatten().flatten() {
            if let Order::LaunchAgain(_) = &directive.order {
                let attempt = (directive.run.as_str(), directive.attempt, directive.fence);
                self.given(&session, attempt, true);
            }
        }
        answer
    }

    async fn publish_catalog(
        &self,
        session: &SessionKey,
        catalog: String,
        at: Millis,
    ) -> Guarded<()> {
        let session = self.planted.session(session);
        self.write(self.inner.publish_catalog(&session, catalog, at))
            .await
    }

    async fn close_session(&self, session: &SessionKey, at: Millis) -> Guarded<Vec<String>> {
        let session = self.planted.session(session);
        self.write(async {
            let answer = self.inner.close_session(&session, at).await;
            self.audit_rows(answer.iter().flatten().flatten()).await;
            answer
        })
        .await
    }

    async fn lose_contact(&self, at: Millis) -> Result<Vec<String>, StorageError> {
        self.write(async {
            let answer = self.inner.lose_contact(at).await;
            self.audit_rows(answer.iter().flatten()).await;
            answer
        })
        .await
    }

    async fn give_up_launches(
        &self,
        before: Millis,
        at: Millis,
    ) -> Result<Vec<String>, StorageError> {
        self.write(async {
            let answer = self.inner.give_up_launches(before, at).await;
            self.audit_rows(answer.iter().flatten()).await;
            answer
        })
        .await
    }

    async fn shift_times(&self, milliseconds: i64) -> Result<(), StorageError> {
        self.write(self.inner.shift_times(milliseconds)).await
    }

    async fn extend_contact(&self, until: Millis) -> Result<(), StorageError> {
        if self.world.has(Plant::NoGrace) {
            return self.write(async { Ok(()) }).await;
        }
        self.write(self.inner.extend_contact(until)).await
    }
}

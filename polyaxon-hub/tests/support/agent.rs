//! An agent that does what the test says.

use polyaxon_proto::agent::v1::agent_client::AgentClient;
use polyaxon_proto::agent::v1::{
    AckLaunchRequest, AckLaunchResponse, Capacity, Directive, InventoryItem, LeaseItem,
    LeaseRequest, LogRecord, OpenSessionRequest, OpenSessionResponse, PushLogsRequest,
    PushLogsResponse, QueueSpec, RenewRequest, ReportRequest, Session, StatusReport, SyncRequest,
    SyncResponse, ack_launch_request, directive, report_result,
};
use polyaxon_proto::hub::v1::Scope;
use polyaxon_proto::runs::v1::Status as RunStatus;
use tonic::Status;
use tonic::transport::Channel;

use super::{Authorised, TestHub, bearer};

/// Catalog with a store and a registry.
pub(crate) const CATALOG: &str = r#"{"namespace":"polyaxon","artifactsStore":{"name":"store","kind":"volume_claim","schema":{"volumeClaim":"artifacts","mountPath":"/artifacts"}},"connections":[{"name":"docker-connection","kind":"registry","schema":{"url":"127.0.0.1:5000"}}]}"#;

pub(crate) struct FakeAgent {
    pub(crate) client: AgentClient<Authorised>,
    pub(crate) session: Session,
}

fn hello(queues: &[(&str, i32, i32)]) -> OpenSessionRequest {
    OpenSessionRequest {
        replica: "r".into(),
        version: "0.1.0".into(),
        capacity: None,
        queues: queues
            .iter()
            .map(|&(name, priority, concurrency)| QueueSpec {
                name: name.into(),
                priority,
                concurrency,
            })
            .collect(),
        catalog: CATALOG.into(),
        advertised_address: String::new(),
        only_if_vacant: false,
    }
}

impl FakeAgent {
    /// Makes a token, opens a session and syncs with nothing in the cluster.
    pub(crate) async fn start(hub: &TestHub, name: &str, queues: &[(&str, i32, i32)]) -> Self {
        let token = hub.token(name, Scope::Agent).await;
        let mut agent = Self::open(hub, &token, queues).await;
        agent.sync(Vec::new()).await.unwrap();
        agent
    }

    /// Opens a session and does not sync.
    pub(crate) async fn open(hub: &TestHub, token: &str, queues: &[(&str, i32, i32)]) -> Self {
        Self::at(hub.channel().await, token, queues).await
    }

    pub(crate) async fn at(channel: Channel, token: &str, queues: &[(&str, i32, i32)]) -> Self {
        let mut client = AgentClient::with_interceptor(channel, bearer(token));
        let opened = client
            .open_session(hello(queues))
            .await
            .unwrap()
            .into_inner();
        Self {
            client,
            session: opened.session.unwrap(),
        }
    }

    /// Another process of the same agent, which has not synced.
    pub(crate) async fn start_again(before: &Self) -> Self {
        let mut client = before.client.clone();
        let opened = client.open_session(hello(&[])).await.unwrap().into_inner();
        Self {
            client,
            session: opened.session.unwrap(),
        }
    }

    /// What another process hears that asks for the session only if nobody has it.
    pub(crate) async fn ask_if_vacant(
        before: &Self,
        replica: &str,
    ) -> Result<OpenSessionResponse, Status> {
        let request = OpenSessionRequest {
            replica: replica.into(),
            only_if_vacant: true,
            ..hello(&[])
        };
        let opened = before.client.clone().open_session(request).await?;
        Ok(opened.into_inner())
    }

    pub(crate) async fn sync(&mut self, items: Vec<InventoryItem>) -> Result<SyncResponse, Status> {
        let request = SyncRequest {
            session: Some(self.session.clone()),
            items,
            last_page: true,
        };
        Ok(self.client.sync(request).await?.into_inner())
    }

    pub(crate) async fn lease(&mut self, most: u32, wait_ms: u32) -> Vec<LeaseItem> {
        self.try_lease(most, wait_ms).await.unwrap()
    }

    pub(crate) async fn try_lease(
        &mut self,
        most: u32,
        wait_ms: u32,
    ) -> Result<Vec<LeaseItem>, Status> {
        let request = LeaseRequest {
            session: Some(self.session.clone()),
            max_items: most,
            wait_ms,
            capacity: Some(Capacity { slots: most }),
            queues: Vec::new(),
        };
        Ok(self.client.lease(request).await?.into_inner().items)
    }

    pub(crate) async fn ack(
        &mut self,
        item: &LeaseItem,
        outcome: ack_launch_request::Outcome,
    ) -> Result<AckLaunchResponse, Status> {
        let request = AckLaunchRequest {
            session: Some(self.session.clone()),
            run: item.run.clone(),
            attempt: item.attempt,
            fence: item.fence,
            outcome: outcome.into(),
            object_name: format!("plx-operation-{}", item.run),
            object_uid: "uid".into(),
            error: "no such image".into(),
        };
        Ok(self.client.ack_launch(request).await?.into_inner())
    }

    pub(crate) async fn launched(&mut self, item: &LeaseItem) {
        self.ack(item, ack_launch_request::Outcome::Created)
            .await
            .unwrap();
    }

    pub(crate) async fn report(
        &mut self,
        item: &LeaseItem,
        seq: u64,
        status: RunStatus,
    ) -> report_result::Outcome {
        self.report_all(vec![report(item, seq, status)])
            .await
            .unwrap()[0]
    }

    pub(crate) async fn report_all(
        &mut self,
        reports: Vec<StatusReport>,
    ) -> Result<Vec<report_result::Outcome>, Status> {
        let request = ReportRequest {
            session: Some(self.session.clone()),
            reports,
        };
        let answer = self.client.report(request).await?.into_inner();
        Ok(answer
            .results
            .iter()
            .map(polyaxon_proto::agent::v1::ReportResult::outcome)
            .collect())
    }

    pub(crate) async fn renew(&mut self) -> Result<Vec<Directive>, Status> {
        let request = RenewRequest {
            session: Some(self.session.clone()),
            capacity: None,
        };
        Ok(self.client.renew(request).await?.into_inner().directives)
    }

    /// Pushes lines to the main container's log; answers the acknowledged offset.
    pub(crate) async fn push(
        &mut self,
        item: &LeaseItem,
        offset: u64,
        lines: &[&str],
        eof: bool,
    ) -> Result<u64, Status> {
        let records = lines
            .iter()
            .map(|line| LogRecord {
                at_ns: 1,
                stream: 1,
                data: line.as_bytes().to_vec().into(),
                ..LogRecord::default()
            })
            .collect();
        let answer = self.push_records(item, offset, records, eof).await?;
        Ok(answer.acked_offset)
    }

    /// Pushes records of the main container.
    pub(crate) async fn push_records(
        &mut self,
        item: &LeaseItem,
        offset: u64,
        records: Vec<LogRecord>,
        eof: bool,
    ) -> Result<PushLogsResponse, Status> {
        let message = PushLogsRequest {
            session: Some(self.session.clone()),
            run: item.run.clone(),
            attempt: item.attempt,
            fence: item.fence,
            container: "polyaxon-main".into(),
            offset,
            records,
            eof,
        };
        let mut answers = self
            .client
            .push_logs(futures::stream::iter([message]))
            .await?
            .into_inner();
        Ok(answers.message().await?.unwrap())
    }
}

pub(crate) fn report(item: &LeaseItem, seq: u64, status: RunStatus) -> StatusReport {
    StatusReport {
        run: item.run.clone(),
        attempt: item.attempt,
        fence: item.fence,
        seq,
        status: status.into(),
        reason: "Test".into(),
        message: String::new(),
        observed_at: None,
        build: None,
        failure: None,
        isolation: String::new(),
    }
}

pub(crate) fn inventory(item: &LeaseItem) -> InventoryItem {
    InventoryItem {
        run: item.run.clone(),
        attempt: item.attempt,
        fence: item.fence,
        object_uid: "uid".into(),
        phase: "running".into(),
        known: false,
    }
}

pub(crate) fn kinds(directives: &[Directive]) -> Vec<directive::Kind> {
    directives.iter().map(Directive::kind).collect()
}

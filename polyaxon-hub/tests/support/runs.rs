//! Runs for tests.

use polyaxon_proto::runs::v1::runs_client::RunsClient;
use polyaxon_proto::runs::v1::{
    CreateRequest, CreateResponse, Event, EventsRequest, GetRequest, Run, Status, StopRequest,
};
use polyaxon_proto::transfer::v1::ReadLogsRequest;
use polyaxon_proto::transfer::v1::transfer_client::TransferClient;

use tonic::transport::Channel;

use super::{Authorised, TestHub, bearer};

/// An operation that needs nothing of the hub.
pub(crate) const OPERATION: &str = r#"{"version":1.1,"kind":"operation","name":"hello","tags":["a","b"],
 "component":{"version":1.1,"kind":"component","run":{"kind":"job","container":{"image":"busybox"}}}}"#;

pub(crate) struct User {
    pub(crate) runs: RunsClient<Authorised>,
    pub(crate) transfer: TransferClient<Authorised>,
}

impl User {
    pub(crate) async fn of(hub: &TestHub) -> Self {
        Self::at(hub.channel().await, &hub.admin_token())
    }

    pub(crate) fn at(channel: Channel, token: &str) -> Self {
        Self {
            runs: RunsClient::with_interceptor(channel.clone(), bearer(token)),
            transfer: TransferClient::with_interceptor(channel, bearer(token)),
        }
    }

    pub(crate) async fn try_create(
        &mut self,
        operation: &str,
        key: &str,
    ) -> Result<CreateResponse, tonic::Status> {
        let request = CreateRequest {
            operation: operation.to_owned().into(),
            idempotency_key: key.into(),
            ..CreateRequest::default()
        };
        Ok(self.runs.create(request).await?.into_inner())
    }

    /// Creates a run that waits in the default queue.
    pub(crate) async fn create(&mut self) -> Run {
        self.try_create(OPERATION, "").await.unwrap().run.unwrap()
    }

    pub(crate) async fn get(&mut self, run: &Run) -> Run {
        let request = GetRequest {
            uuid: run.uuid.clone(),
        };
        self.runs.get(request).await.unwrap().into_inner()
    }

    pub(crate) async fn status(&mut self, run: &Run) -> Status {
        self.get(run).await.status()
    }

    pub(crate) async fn stop(&mut self, run: &Run) -> Status {
        self.try_stop(run, false).await.unwrap().status()
    }

    pub(crate) async fn try_stop(
        &mut self,
        run: &Run,
        abandon: bool,
    ) -> Result<Run, tonic::Status> {
        let request = StopRequest {
            uuid: run.uuid.clone(),
            reason: "enough".into(),
            abandon,
        };
        Ok(self.runs.stop(request).await?.into_inner())
    }

    /// Looks again and again until the run has the status.
    pub(crate) async fn until(&mut self, run: &Run, status: Status) {
        for _ in 0..100 {
            if self.status(run).await == status {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{status:?} never came: {:?}", self.get(run).await);
    }

    pub(crate) async fn events(&mut self, run: &Run) -> Vec<Event> {
        let request = EventsRequest {
            uuid: run.uuid.clone(),
        };
        self.runs.events(request).await.unwrap().into_inner().events
    }

    /// The text of the main container's log.
    /// Its lines, marks in brackets.
    pub(crate) async fn log(&mut self, run: &Run, follow: bool) -> String {
        let request = ReadLogsRequest {
            run: run.uuid.clone(),
            follow,
            ..ReadLogsRequest::default()
        };
        let mut chunks = self.transfer.read_logs(request).await.unwrap().into_inner();
        let mut text = String::new();
        while let Some(chunk) = chunks.message().await.unwrap() {
            text.push_str(std::str::from_utf8(&chunk.data).unwrap());
            if !chunk.gap.is_empty() {
                text.extend(["[", &chunk.gap, "]"]);
            }
            text.push('\n');
        }
        text
    }
}

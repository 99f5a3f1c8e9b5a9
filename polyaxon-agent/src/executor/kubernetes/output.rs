//! A container's output as the kubelet hands it out, piece by piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{AsyncBufRead, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};

use super::failure::{code, existing, said, unavailable};
use super::lost;
use super::statuses::{is_running, pod_is_over, status_of};
use crate::executor::{ExecutorError, LogPiece, tail};

/// Longest time at the start of a line, with the space after it.
const MAX_TIME: usize = 40;

/// Seconds for which the log of a container that has ended is asked of a node that does not answer.
const PATIENCE: i64 = 600;

/// Seconds for which a kubelet may not know a pod that has ended: one that has just started knows none at first,
/// one that has removed the containers of an evicted pod never will.
const UNKNOWN: i64 = 20;

/// Which container of which pod.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) pods: Api<Pod>,
    pub(super) pod: String,
    pub(super) container: String,
}

/// Output from its start, over the connection of `client`; with `follow` until the container has ended. A kubelet answers
/// when there is some.
pub(super) async fn open(
    source: Source,
    client: Client,
    follow: bool,
) -> Result<BoxStream<'static, Result<LogPiece, ExecutorError>>, ExecutorError> {
    let parameters = LogParams {
        container: Some(source.container.clone()),
        follow,
        timestamps: true,
        ..LogParams::default()
    };
    let pods: Api<Pod> = match source.pods.namespace() {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::default_namespaced(client),
    };
    let reader = match pods.log_stream(&source.pod, &parameters).await {
        Ok(reader) => reader,
        Err(error) => {
            // Without the container, or without its node, there is nothing that will ever answer.
            let is_known = !matches!(code(&error), Some(400 | 404));
            if !Box::pin(may_still_be_read(&source, is_known)).await? {
                return Err(ExecutorError::Gone(said(&error)));
            }
            return Err(unavailable("reading the log")(error));
        }
    };
    let lines = Lines {
        reader: Box::pin(reader),
        at_ns: 0,
        inside: false,
        start: Vec::new(),
    };
    let pieces = stream::unfold(Some(lines), |lines| async {
        let mut lines = lines?;
        match lines.next().await {
            Some(Ok(piece)) => Some((Ok(piece), Some(lines))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    });
    if !follow {
        return Ok(pieces.boxed());
    }
    // A kubelet or an API server that goes away ends the stream as if the container had ended.
    let end = stream::once(async move { Box::pin(has_ended(&source)).await })
        .filter_map(|ended| async move { ended.err().map(Err) });
    Ok(pieces.chain(end).boxed())
}

async fn find(source: &Source) -> Result<Option<Pod>, ExecutorError> {
    existing(source.pods.get(&source.pod).await).map_err(unavailable("looking at the pod"))
}

async fn has_ended(source: &Source) -> Result<(), ExecutorError> {
    let Some(pod) = find(source).await? else {
        return Err(ExecutorError::Gone(
            "the pod was not there any more when its log broke off".to_owned(),
        ));
    };
    if status_of(&pod, &source.container).is_some_and(is_running) {
        return Err(ExecutorError::Unavailable {
            action: "reading the log".to_owned(),
            reason: "it broke off while the container runs".to_owned(),
        });
    }
    Ok(())
}

/// Whether the log may come yet; `is_known`: its node did not say that there is none.
async fn may_still_be_read(source: &Source, is_known: bool) -> Result<bool, ExecutorError> {
    let Some(pod) = find(source).await? else {
        return Ok(false);
    };
    if !pod_is_over(&pod) {
        // A node that does not answer when its pod has to be gone is not waited for.
        let until = lost::awaited_until(&pod, true);
        return Ok(until.is_none_or(|until| Timestamp::now() < until));
    }
    let since = ended_at(&pod, &source.container);
    let waited = since.map(|since| Timestamp::now().duration_since(since));
    let patience = if is_known { PATIENCE } else { UNKNOWN };
    Ok(pod.metadata.deletion_timestamp.is_none()
        && waited.map_or(is_known, |waited| waited.as_secs() < patience))
}

/// When a container of a pod that is over ended: nobody says it of one that an eviction ended, or that never started.
fn ended_at(pod: &Pod, container: &str) -> Option<Timestamp> {
    let of_container = || {
        let state = status_of(pod, container)?.state.as_ref()?;
        let end = state.terminated.as_ref()?;
        end.finished_at.as_ref().map(|at| at.0)
    };
    let of_pod = || {
        let conditions = pod.status.as_ref()?.conditions.as_ref()?;
        let changes = conditions
            .iter()
            .filter_map(|condition| condition.last_transition_time.as_ref().map(|at| at.0));
        changes.max()
    };
    of_container().or_else(of_pod)
}

/// The last lines, without line ends and without those that are empty.
pub(super) async fn last_lines(source: &Source, count: usize) -> Vec<String> {
    let parameters = LogParams {
        container: Some(source.container.clone()),
        tail_lines: i64::try_from(count * 2).ok(),
        limit_bytes: Some(64 * 1024),
        ..LogParams::default()
    };
    let text = match source.pods.logs(&source.pod, &parameters).await {
        Ok(text) => text,
        Err(error) => {
            tracing::debug!(
                pod = source.pod,
                reason = said(&error),
                "the last lines are unread"
            );
            return Vec::new();
        }
    };
    tail::last_lines(&text, count)
}

/// Takes the time off the start of each line; long lines come in several pieces.
struct Lines<R> {
    reader: Pin<Box<R>>,
    /// Time of the present line.
    at_ns: i64,
    /// The time was taken off the present line.
    inside: bool,
    /// What is there of a time that is not complete.
    start: Vec<u8>,
}

enum Step {
    /// Some output.
    Piece(LogPiece),
    /// Some of a line's time.
    Time,
    /// Nothing follows.
    End,
}

impl<R: AsyncBufRead> Lines<R> {
    async fn next(&mut self) -> Option<Result<LogPiece, ExecutorError>> {
        loop {
            let read = std::future::poll_fn(|context| self.poll(context)).await;
            match read {
                Ok(Step::Piece(piece)) => return Some(Ok(piece)),
                Ok(Step::Time) => {}
                Ok(Step::End) if self.start.is_empty() => return None,
                // The stream ended inside of a time: that is what there is.
                Ok(Step::End) => {
                    let rest = std::mem::take(&mut self.start);
                    return Some(Ok(self.piece(Bytes::from(rest))));
                }
                Err(error) => {
                    return Some(Err(ExecutorError::Unavailable {
                        action: "reading the log".to_owned(),
                        reason: error.to_string(),
                    }));
                }
            }
        }
    }

    /// Takes what is there.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<Step>> {
        let buffer = match self.reader.as_mut().poll_fill_buf(context) {
            Poll::Ready(Ok(buffer)) => buffer,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        };
        if buffer.is_empty() {
            return Poll::Ready(Ok(Step::End));
        }
        if self.inside {
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |end| end + 1);
            let data = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
            self.reader.as_mut().consume(length);
            self.inside = end.is_none();
            return Poll::Ready(Ok(Step::Piece(self.piece(data))));
        }
        let end = buffer
            .iter()
            .position(|byte| *byte == b' ' || *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        self.start
            .extend_from_slice(buffer.get(..length).unwrap_or_default());
        self.reader.as_mut().consume(length);
        if end.is_none() && self.start.len() < MAX_TIME {
            return Poll::Ready(Ok(Step::Time));
        }
        let start = std::mem::take(&mut self.start);
        let at = std::str::from_utf8(&start)
            .ok()
            .and_then(|text| text.strip_suffix(' '))
            .and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(at) = at {
            self.at_ns = i64::try_from(at.as_nanosecond()).unwrap_or_default();
            self.inside = true;
            return Poll::Ready(Ok(Step::Time));
        }
        // No time: all of it is output.
        self.inside = !start.ends_with(b"\n");
        Poll::Ready(Ok(Step::Piece(self.piece(Bytes::from(start)))))
    }

    fn piece(&self, data: Bytes) -> LogPiece {
        LogPiece {
            at_ns: self.at_ns,
            stream: 1,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::fake_api;
    use super::*;

    /// Hands out its text in parts of the given lengths.
    struct Parts {
        text: Vec<u8>,
        at: usize,
        lengths: Vec<usize>,
    }

    impl futures::AsyncRead for Parts {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
    }

    impl AsyncBufRead for Parts {
        fn poll_fill_buf(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<std::io::Result<&[u8]>> {
            let this = self.get_mut();
            let length = this.lengths.first().copied().unwrap_or(7).max(1);
            let end = (this.at + length).min(this.text.len());
            Poll::Ready(Ok(&this.text[this.at..end]))
        }

        fn consume(self: Pin<&mut Self>, amount: usize) {
            let this = self.get_mut();
            this.at += amount;
            if !this.lengths.is_empty() {
                this.lengths.remove(0);
            }
        }
    }

    fn read(text: &[u8], lengths: Vec<usize>) -> Vec<LogPiece> {
        let mut lines = Lines {
            reader: Box::pin(Parts {
                text: text.to_vec(),
                at: 0,
                lengths,
            }),
            at_ns: 0,
            inside: false,
            start: Vec::new(),
        };
        let mut all = Vec::new();
        // Nothing in here ever waits.
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(piece)) = std::pin::pin!(lines.next()).poll(&mut context) {
            all.push(piece.expect("a piece"));
        }
        all
    }

    #[tokio::test]
    async fn a_log_that_its_node_does_not_have_is_given_up_soon() {
        let at = |seconds: i64| {
            let now = Timestamp::now();
            now.checked_sub(jiff::SignedDuration::from_secs(seconds))
                .expect("a time")
                .to_string()
        };
        let ended = |seconds| {
            json!({"phase": "Failed", "containerStatuses": [{
                "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 1, "finishedAt": at(seconds)}},
            }]})
        };
        // Of an evicted pod's container nobody says when it ended.
        let evicted = |seconds| {
            json!({"phase": "Failed", "reason": "Evicted", "conditions": [{
                "type": "DisruptionTarget", "status": "True", "lastTransitionTime": at(seconds),
            }]})
        };
        let deleted = |seconds| json!({"phase": "Running", "deleted": at(seconds)});
        for (code, status, is_gone) in [
            (400, ended(UNKNOWN + 5), true),
            (404, ended(UNKNOWN + 5), true),
            (400, ended(1), false),
            (500, ended(UNKNOWN + 5), false),
            (500, ended(PATIENCE + 5), true),
            (400, evicted(UNKNOWN + 5), true),
            (500, evicted(PATIENCE + 5), true),
            (400, json!({"phase": "Running"}), false),
            // Of a pod that was deleted.
            (500, deleted(29), false),
            (500, deleted(31), true),
            (404, deleted(31), true),
        ] {
            let words = format!("{code} {status}");
            let metadata = json!({"name": "pod", "deletionTimestamp": status["deleted"]});
            let client = fake_api::client(move |request| {
                let answer = if request.uri().path().ends_with("/log") {
                    (code, fake_api::failure(code, "BadRequest", None))
                } else {
                    (200, json!({"metadata": metadata, "status": status}))
                };
                async move { answer }
            });
            let source = Source {
                pods: Api::namespaced(client.clone(), "n"),
                pod: "pod".to_owned(),
                container: "main".to_owned(),
            };
            let opened = open(source, client, true).await.map(drop);
            let said_gone = matches!(opened, Err(ExecutorError::Gone(_)));
            assert_eq!(said_gone, is_gone, "{words}: {opened:?}");
        }
    }

    #[test]
    fn the_kubelets_time_is_not_part_of_the_output() {
        let text = b"1970-01-01T00:00:01.000000002Z one\n1970-01-01T00:00:02Z \n1970-01-01T00:00:03Z  two words\nno time\n1970-01-01T00:0";
        let mut lines: Vec<(i64, Vec<u8>)> = Vec::new();
        for piece in read(text, vec![1000]) {
            match lines.last_mut() {
                Some((_, line)) if !line.ends_with(b"\n") => line.extend_from_slice(&piece.data),
                _ => lines.push((piece.at_ns, piece.data.to_vec())),
            }
        }
        let wanted: [(i64, &[u8]); 5] = [
            (1_000_000_002, b"one\n"),
            (2_000_000_000, b"\n"),
            (3_000_000_000, b" two words\n"),
            (3_000_000_000, b"no time\n"),
            (3_000_000_000, b"1970-01-01T00:0"),
        ];
        assert_eq!(lines.len(), wanted.len(), "{lines:?}");
        for (found, wanted) in lines.iter().zip(wanted) {
            assert_eq!((found.0, found.1.as_slice()), wanted);
        }
    }

    proptest! {
        /// However the stream is cut, the output is the same.
        #[test]
        fn cuts_of_the_stream_do_not_show(
            lines in prop::collection::vec("[ -~]{0,60}", 0..8),
            lengths in prop::collection::vec(1usize..20, 0..60),
        ) {
            let each = |start: &str| -> String {
                lines.iter().flat_map(|line| [start, line, "\n"]).collect()
            };
            let text = each("2026-01-02T03:04:05.123456789Z ");
            let wanted = each("");
            let found: Vec<u8> = read(text.as_bytes(), lengths)
                .iter()
                .flat_map(|piece| piece.data.to_vec())
                .collect();
            prop_assert_eq!(String::from_utf8(found).expect("text"), wanted);
        }
    }
}

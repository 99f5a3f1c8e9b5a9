//! Bodies that travel message by message and can be cut.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use super::process::Process;

type Frame = http_body::Frame<Bytes>;

/// What looks at frames that pass; `false` drops the frame.
pub(super) type Inspect = Box<dyn FnMut(&Bytes) -> bool + Send>;

/// Carries the frames of a body until it ends or is cut.
pub(super) fn relay(
    mut body: Body,
    process: Arc<Process>,
    cuts: [CancellationToken; 2],
    mut inspect: Inspect,
) -> Body {
    let (sender, receiver) = mpsc::channel::<Result<Frame, Status>>(4);
    tokio::spawn(async move {
        let [first, second] = cuts;
        loop {
            let frame = tokio::select! {
                biased;
                () = process.died() => return,
                () = first.cancelled() => None,
                () = second.cancelled() => None,
                () = sender.closed() => return,
                frame = travelled(&mut body, &process) => match frame {
                    Some(frame) => Some(frame),
                    None => return,
                },
            };
            let Some(frame) = frame else {
                let _gone = sender
                    .send(Err(Status::unavailable("connection reset")))
                    .await;
                return;
            };
            let passes = match &frame {
                Ok(frame) => frame.data_ref().is_none_or(&mut inspect),
                Err(_) => true,
            };
            if passes && sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    Body::new(StreamBody::new(ReceiverStream::new(receiver)))
}

async fn travelled(body: &mut Body, process: &Process) -> Option<Result<Frame, Status>> {
    let frame = body.frame().await?;
    process.connected().await;
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    Some(frame)
}

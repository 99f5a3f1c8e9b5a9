//! The events of a watch: each has its length before it, as four bytes, the greatest first.

use bytes::{Buf as _, Bytes, BytesMut};
use futures::{Stream, TryStream, TryStreamExt as _, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use serde::Serialize;
use tower::BoxError;

use super::{ProtobufError, decoded, enveloped, json, messages};

/// Longest event in bytes: `--max-request-bytes` of etcd is 1.5 MiB, and nobody sets it to ten times that.
const LONGEST: usize = 16 * 1024 * 1024;

/// A line of JSON for each event. What comes of an event before its end is no event.
pub(super) fn lines<S>(pieces: S) -> impl Stream<Item = Result<Bytes, BoxError>> + Send
where
    S: TryStream<Ok = Bytes, Error = BoxError> + Unpin + Send,
{
    let start = (pieces, BytesMut::new());
    stream::try_unfold(start, |(mut pieces, mut read)| async move {
        loop {
            if let Some(event) = next(&mut read)? {
                return Ok(Some((line(event)?, (pieces, read))));
            }
            match pieces.try_next().await? {
                Some(piece) => read.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    })
}

/// Takes an event from the start of what was read.
fn next(read: &mut BytesMut) -> Result<Option<Bytes>, ProtobufError> {
    let Some(length) = read.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(ProtobufError::TooLong(length));
    }
    if read.len() < 4 + length {
        return Ok(None);
    }
    read.advance(4);
    Ok(Some(read.split_to(length).freeze()))
}

fn line(event: Bytes) -> Result<Bytes, ProtobufError> {
    let messages::WatchEvent { what, object } = decoded(event)?;
    let (kind, raw) = enveloped(&object.unwrap_or_default().raw)?;
    match kind.as_str() {
        "Pod" => write(&what, &Pod::from(decoded::<messages::Pod>(raw)?)),
        "Job" => write(&what, &Job::from(decoded::<messages::Job>(raw)?)),
        "Status" => write(&what, &Status::from(decoded::<messages::Status>(raw)?)),
        _ => Err(ProtobufError::Kind(kind)),
    }
}

fn write(what: &str, object: &impl Serialize) -> Result<Bytes, ProtobufError> {
    #[derive(Serialize)]
    struct Event<'a, K> {
        r#type: &'a str,
        object: &'a K,
    }
    let mut line = json(&Event {
        r#type: what,
        object,
    })?;
    line.push(b'\n');
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use kube::api::WatchEvent;
    use prost::Message as _;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::super::super::kept::Light;
    use super::super::super::thin::Thin;
    use super::*;

    // What an API server of 1.36 said of the same objects, once as protobuf and once as JSON: what is there, and that
    // this is all.
    const PODS: &[u8] = include_bytes!("testdata/watched-pods.pb");
    const PODS_JSON: &str = include_str!("testdata/watched-pods.json");
    const JOBS: &[u8] = include_bytes!("testdata/watched-jobs.pb");
    const JOBS_JSON: &str = include_str!("testdata/watched-jobs.json");
    const STATUS: &[u8] = include_bytes!("testdata/status.pb");
    const STATUS_JSON: &str = include_str!("testdata/status.json");

    /// What is read when it comes in pieces of a size.
    async fn read(said: &[u8], size: usize) -> Result<String, BoxError> {
        let pieces = said
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)));
        let lines = lines(stream::iter(pieces));
        let all: Vec<Bytes> = lines.try_collect().await?;
        Ok(String::from_utf8(all.concat())?)
    }

    fn events<K: DeserializeOwned>(lines: &str) -> Vec<WatchEvent<K>> {
        let lines = lines.lines();
        let events = lines.map(|line| serde_json::from_str(line).expect("an event"));
        events.collect()
    }

    /// What is kept of an event.
    fn kept<K>(event: WatchEvent<K>, light: impl Fn(K) -> Value) -> (String, Value) {
        let what = format!("{event:?}");
        let object = match event {
            WatchEvent::Added(object)
            | WatchEvent::Modified(object)
            | WatchEvent::Deleted(object) => light(object),
            WatchEvent::Bookmark(mark) => serde_json::to_value(mark).expect("JSON"),
            WatchEvent::Error(status) => serde_json::to_value(status).expect("JSON"),
        };
        (what, object)
    }

    fn pods(lines: &str) -> Vec<(String, Value)> {
        let light = |pod| {
            let pod = Light::of_pod(pod).object().expect("it unfolds");
            serde_json::to_value(&*pod).expect("JSON")
        };
        let events = events::<Thin<Pod>>(lines).into_iter();
        events.map(|event| kept(event, light)).collect()
    }

    fn jobs(lines: &str) -> Vec<(String, Value)> {
        let light = |job| {
            let job = Light::of_job(job).object().expect("it unfolds");
            serde_json::to_value(&*job).expect("JSON")
        };
        let events = events::<Thin<Job>>(lines).into_iter();
        events.map(|event| kept(event, light)).collect()
    }

    #[tokio::test]
    async fn each_event_is_a_line_however_it_comes() {
        for size in [1, 3, 4, 5, 1000, PODS.len()] {
            let read = pods(&read(PODS, size).await.expect("events"));
            let said = pods(PODS_JSON);
            assert_eq!(read, said);
            assert_eq!(said.len(), 3, "two pods, and that this is all");
        }
        let read_jobs = jobs(&read(JOBS, 100).await.expect("events"));
        assert_eq!(read_jobs, jobs(JOBS_JSON));
        assert_eq!(read_jobs.len(), 2);
    }

    #[tokio::test]
    async fn what_ends_a_watch_is_an_error_of_the_api_server() {
        let event = messages::WatchEvent {
            what: "ERROR".to_owned(),
            object: Some(messages::RawExtension { raw: STATUS.into() }),
        };
        let event = event.encode_to_vec();
        let length = u32::try_from(event.len()).expect("a length").to_be_bytes();
        let read = pods(
            &read(&[&length[..], &event].concat(), 10)
                .await
                .expect("events"),
        );
        let said = format!(r#"{{"type":"ERROR","object":{STATUS_JSON}}}"#);
        assert_eq!(read, pods(&said.replace('\n', "")));
    }

    #[tokio::test]
    async fn an_event_without_its_end_is_none() {
        let whole = read(PODS, PODS.len()).await.expect("events");
        for cut in 0..PODS.len() {
            let read = read(&PODS[..cut], PODS.len()).await.expect("events");
            assert!(
                whole.starts_with(&read) && read.len() < whole.len(),
                "{cut}"
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error_after_what_can() {
        let broken = |end: &'static [u8]| {
            let pieces = [PODS, end].map(|piece| Ok(Bytes::from_static(piece)));
            lines(stream::iter(pieces)).collect::<Vec<_>>()
        };
        for (end, error) in [
            (
                &b"\xff\0\0\0"[..],
                "the API server's protobuf has an event of 4278190080 bytes",
            ),
            (
                b"\0\0\0\x01\xff",
                "the API server's protobuf cannot be read: failed to decode Protobuf message: invalid varint",
            ),
            (
                b"\0\0\0\0",
                "the API server's protobuf does not begin as it should",
            ),
            (
                b"\0\0\0\x11\x12\x0f\x0a\x0dk8s\0\x0a\x07\x12\x05Event",
                "the API server answered with `Event`, which was not asked for",
            ),
        ] {
            let read = broken(end).await;
            assert_eq!(read.len(), 4);
            let last = read.into_iter().next_back().expect("an error");
            assert_eq!(last.expect_err("an error").to_string(), error);
        }
    }
}

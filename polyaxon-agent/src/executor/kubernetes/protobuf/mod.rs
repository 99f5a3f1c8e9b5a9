//! Lists and watches of thousands of Jobs and pods are asked for as protobuf, which costs the API server a fraction of
//! what JSON does, and what is read of them is given on as JSON to a client that reads nothing else.

mod messages;
mod watch;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, Status};
use kube::client::{Body, ClientBuilder, DynBody};
use kube::{Client, Config};
use serde::Serialize;
use tower::BoxError;
use tower::util::{AndThenLayer, BoxService, MapRequestLayer};
use tracing::warn;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What comes before every message.
const MAGIC: &[u8] = b"k8s\0";

/// Why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
enum ProtobufError {
    #[error("the API server's protobuf does not begin as it should")]
    NoMagic,
    #[error("the API server's protobuf cannot be read: {0}")]
    Malformed(prost::DecodeError),
    #[error("the API server's protobuf is a list that does not say of when it is")]
    NoVersion,
    #[error("the API server answered with `{0}`, which was not asked for")]
    Kind(String),
    #[error("the API server's protobuf has an event of {0} bytes")]
    TooLong(usize),
    #[error("an object of the API server's protobuf cannot be written as JSON: {0}")]
    Json(serde_json::Error),
}

/// A client that lists and watches Jobs and pods as protobuf, without what the picture of the cluster does not need. A server that
/// has no protobuf answers with JSON, and one that nobody understands is asked for nothing else from then on.
pub(super) fn client(config: Config) -> Result<Client, kube::Error> {
    Ok(translated(ClientBuilder::try_from(config)?))
}

type Server = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// Whether the server's protobuf was understood so far.
type Understood = Arc<AtomicBool>;

fn translated(server: ClientBuilder<Server>) -> Client {
    let is_understood = Understood::new(AtomicBool::new(true));
    let asked = Arc::clone(&is_understood);
    let ask = move |request| {
        if asked.load(Ordering::Relaxed) {
            prefer_protobuf(request)
        } else {
            request
        }
    };
    let read = move |answer| to_json(answer, Arc::clone(&is_understood));
    server
        .with_layer(&MapRequestLayer::new(ask))
        .with_layer(&AndThenLayer::new(read))
        .build()
}

fn prefer_protobuf(mut request: Request<Body>) -> Request<Body> {
    let path = request.uri().path();
    let is_crowd = path.ends_with("/jobs") || path.ends_with("/pods");
    if request.method() == Method::GET && is_crowd {
        let json = request.headers().get(ACCEPT);
        let json = json.and_then(|accept| accept.to_str().ok()).unwrap_or(JSON);
        let both = format!("{},{json}", json.replacen(JSON, PROTOBUF, 1));
        if let Ok(both) = HeaderValue::try_from(both) {
            request.headers_mut().insert(ACCEPT, both);
        }
    }
    request
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

async fn to_json(
    answer: Response<Box<DynBody>>,
    is_understood: Understood,
) -> Result<Answer, BoxError> {
    let kind = answer.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with(PROTOBUF) {
        return Ok(answer.map(UnsyncBoxBody::new));
    }
    let is_watch = kind.contains("stream=watch");
    let (mut head, body) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    let body = if is_watch {
        let lines = watch::lines(body.into_data_stream())
            .inspect_err(move |error| look_at(error.as_ref(), &is_understood));
        UnsyncBoxBody::new(StreamBody::new(lines.map_ok(Frame::data)))
    } else {
        let text = json_of(&body.collect().await?.to_bytes())
            .inspect_err(|error| look_at(error, &is_understood))?;
        UnsyncBoxBody::new(Full::from(text).map_err(BoxError::from))
    };
    Ok(Response::from_parts(head, body))
}

fn look_at(error: &(dyn Error + Send + Sync + 'static), is_understood: &AtomicBool) {
    if error.is::<ProtobufError>() {
        is_understood.store(false, Ordering::Relaxed);
        warn!(%error, "Jobs and pods are asked for as JSON from now on");
    }
}

/// The JSON of what is read of an answer.
fn json_of(answer: &Bytes) -> Result<Vec<u8>, ProtobufError> {
    let (kind, raw) = enveloped(answer)?;
    match kind.as_str() {
        "PodList" => list::<messages::Pod, Pod>(raw),
        // Of metadata alone there is nothing else to read.
        "JobList" | "PartialObjectMetadataList" => list::<messages::Job, Job>(raw),
        "Status" => json(&Status::from(decoded::<messages::Status>(raw)?)),
        _ => Err(ProtobufError::Kind(kind)),
    }
}

fn list<M, K>(raw: Bytes) -> Result<Vec<u8>, ProtobufError>
where
    M: prost::Message + Default,
    K: From<M> + Serialize,
{
    #[derive(Serialize)]
    struct List<K> {
        metadata: ListMeta,
        items: Vec<K>,
    }
    let messages::List { metadata, items } = decoded(raw)?;
    let metadata = ListMeta::from(metadata.unwrap_or_default());
    if metadata.resource_version.is_none() {
        return Err(ProtobufError::NoVersion);
    }
    let items = items
        .into_iter()
        .map(|item| decoded::<M>(item).map(K::from));
    json(&List {
        metadata,
        items: items.collect::<Result<_, _>>()?,
    })
}

/// The kind of a message, and what is in it.
fn enveloped(message: &Bytes) -> Result<(String, Bytes), ProtobufError> {
    if !message.starts_with(MAGIC) {
        return Err(ProtobufError::NoMagic);
    }
    let messages::Unknown { type_meta, raw } = decoded(message.slice(MAGIC.len()..))?;
    Ok((type_meta.unwrap_or_default().kind, raw))
}

fn decoded<M: prost::Message + Default>(raw: Bytes) -> Result<M, ProtobufError> {
    M::decode(raw).map_err(ProtobufError::Malformed)
}

fn json(object: &impl Serialize) -> Result<Vec<u8>, ProtobufError> {
    serde_json::to_vec(object).map_err(ProtobufError::Json)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use kube::Api;
    use kube::api::{ListParams, WatchParams};
    use kube::core::ObjectList;
    use serde_json::Value;
    use tower::service_fn;

    use super::super::failure::said;
    use super::super::kept::Light;
    use super::super::thin::Thin;
    use super::*;

    // What an API server of 1.36 said of the same objects, once as protobuf and once as JSON.
    const PODS: &[u8] = include_bytes!("testdata/pods.pb");
    const PODS_JSON: &[u8] = include_bytes!("testdata/pods.json");
    const PLACED: &[u8] = include_bytes!("testdata/placed.pb");
    const PLACED_JSON: &[u8] = include_bytes!("testdata/placed.json");
    const JOBS: &[u8] = include_bytes!("testdata/jobs.pb");
    const JOBS_JSON: &[u8] = include_bytes!("testdata/jobs.json");
    const METADATA: &[u8] = include_bytes!("testdata/metadata.pb");
    const PAGE: &[u8] = include_bytes!("testdata/page.pb");
    const WATCHED: &[u8] = include_bytes!("testdata/watched-pods.pb");
    const WATCHED_JSON: &[u8] = include_bytes!("testdata/watched-pods.json");
    const STATUS: &[u8] = include_bytes!("testdata/status.pb");
    const STATUS_JSON: &[u8] = include_bytes!("testdata/status.json");

    /// How an API server says that it sends events.
    const WATCH: &str = "application/vnd.kubernetes.protobuf;stream=watch";

    fn read(answer: &'static [u8]) -> Vec<u8> {
        json_of(&Bytes::from_static(answer)).expect("it can be read")
    }

    fn pods(json: &[u8]) -> ObjectList<Thin<Pod>> {
        serde_json::from_slice(json).expect("a list of pods")
    }

    fn jobs(json: &[u8]) -> ObjectList<Thin<Job>> {
        serde_json::from_slice(json).expect("a list of Jobs")
    }

    fn value(of: &impl Serialize) -> Value {
        serde_json::to_value(of).expect("JSON")
    }

    #[test]
    fn of_a_pod_all_is_read_that_is_kept() {
        for (answer, said, count) in [(PODS, PODS_JSON, 2), (PLACED, PLACED_JSON, 1)] {
            let (read, said) = (pods(&read(answer)), pods(said));
            assert!(read.metadata.resource_version.is_some());
            assert_eq!(read.items.len(), count);
            for (read, said) in read.items.into_iter().zip(said.items) {
                assert_eq!(value(&read.0.metadata), value(&said.0.metadata));
                let light = |pod| Light::of_pod(pod).object().expect("it unfolds");
                assert_eq!(value(&*light(read)), value(&*light(said)));
            }
        }
    }

    #[test]
    fn of_a_job_all_is_read_that_is_kept() {
        let (read, said) = (jobs(&read(JOBS)), jobs(JOBS_JSON));
        assert_eq!(read.metadata.resource_version.as_deref(), Some("14206"));
        assert_eq!(read.items.len(), 1);
        for (read, said) in read.items.into_iter().zip(said.items) {
            assert_eq!(value(&read.0.metadata), value(&said.0.metadata));
            let light = |job| Light::of_job(job).object().expect("it unfolds");
            assert_eq!(value(&*light(read)), value(&*light(said)));
        }
    }

    #[test]
    fn metadata_alone_is_read() {
        let (read, said) = (jobs(&read(METADATA)), jobs(JOBS_JSON));
        let metadata = |list: ObjectList<Thin<Job>>| {
            let all = list.items.iter().map(|Thin(job)| value(&job.metadata));
            all.collect::<Vec<_>>()
        };
        assert_eq!(metadata(read), metadata(said));
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let page = pods(&read(PAGE));
        assert_eq!(page.items.len(), 1);
        assert!(page.metadata.continue_.is_some());
        assert_eq!(pods(&read(PODS)).metadata.continue_, None);
    }

    #[test]
    fn a_refusal_says_what_it_says_as_json() {
        let read: kube::core::Status = serde_json::from_slice(&read(STATUS)).expect("a status");
        let said: kube::core::Status = serde_json::from_slice(STATUS_JSON).expect("a status");
        assert_eq!(value(&read), value(&said));
        // `details.retryAfterSeconds` 7 and `code` 429.
        let later = json_of(&Bytes::from_static(
            b"k8s\0\x0a\x08\x12\x06Status\x12\x07\x2a\x02\x28\x07\x30\xad\x03",
        ));
        let later = String::from_utf8(later.expect("a status")).expect("text");
        assert!(
            later.contains(r#""code":429,"details":{"retryAfterSeconds":7}"#),
            "{later}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let error = |answer: &[u8]| match json_of(&Bytes::copy_from_slice(answer)) {
            Err(error) => error.to_string(),
            Ok(text) => panic!("{}", String::from_utf8_lossy(&text)),
        };
        assert_eq!(
            error(b"{}"),
            "the API server's protobuf does not begin as it should"
        );
        assert_eq!(
            error(b"k8s\0\x0a\x07\x12\x05Event"),
            "the API server answered with `Event`, which was not asked for"
        );
        // The last four bytes only say that the list has no encoding of its own.
        assert_eq!(
            error(b"k8s\0\x0a\x09\x12\x07PodList"),
            "the API server's protobuf is a list that does not say of when it is"
        );
        for length in MAGIC.len() + 1..PODS.len() - 4 {
            let cut = Bytes::from_static(&PODS[..length]);
            assert!(json_of(&cut).is_err(), "{length}");
        }
    }

    #[test]
    fn only_all_jobs_and_pods_are_asked_for_as_protobuf() {
        let accepts = |uri: &str, accept: Option<&str>| {
            let mut request = Request::get(uri);
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            let request = prefer_protobuf(request.body(Body::empty()).expect("a request"));
            let accept = request.headers().get(ACCEPT);
            accept.map(|accept| accept.to_str().expect("text").to_owned())
        };
        let both = "application/vnd.kubernetes.protobuf,application/json";
        let list = "/apis/batch/v1/namespaces/a/jobs";
        assert_eq!(accepts(list, None).as_deref(), Some(both));
        assert_eq!(
            accepts(
                "/api/v1/namespaces/a/pods?limit=200&labelSelector=b",
                Some(JSON)
            )
            .as_deref(),
            Some(both)
        );
        let watch = "/api/v1/namespaces/a/pods?watch=true";
        assert_eq!(accepts(watch, None).as_deref(), Some(both));
        assert_eq!(
            accepts(
                list,
                Some("application/json;as=PartialObjectMetadataList;v=v1")
            )
            .as_deref(),
            Some(
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1,\
                 application/json;as=PartialObjectMetadataList;v=v1"
            )
        );
        for uri in [
            "/api/v1/namespaces/a/events?watch=true",
            "/api/v1/namespaces/a/pods/b",
        ] {
            assert_eq!(accepts(uri, None), None, "{uri}");
        }
    }

    /// A client of a server that gives these answers, of the same status, to who takes protobuf, and JSON to who does not.
    fn client_of(status: u16, answers: Vec<&'static [u8]>) -> Client {
        let mut answers = answers.into_iter();
        let service = service_fn(move |request: Request<Body>| {
            let takes_protobuf = request.headers().contains_key(ACCEPT);
            let query = request.uri().query().unwrap_or_default();
            let is_watch = query.contains("watch=true");
            let mut said = || answers.next().expect("an answer that is left");
            let (kind, body) = match (takes_protobuf, is_watch) {
                (true, true) => (WATCH, said()),
                (true, false) => (PROTOBUF, said()),
                (false, true) => (JSON, WATCHED_JSON),
                (false, false) => (JSON, PODS_JSON),
            };
            let body: Box<DynBody> = Box::new(Full::from(body).map_err(BoxError::from));
            let answer = Response::builder()
                .status(status)
                .header(CONTENT_TYPE, kind);
            let answer = answer.body(body).expect("an answer");
            async { Ok::<_, BoxError>(answer) }
        });
        translated(ClientBuilder::new(BoxService::new(service), "fixture"))
    }

    #[tokio::test]
    async fn lists_are_protobuf_until_one_cannot_be_read() {
        let client = client_of(200, vec![PODS, b"k8s\0\xff", PAGE]);
        let pods = Api::<Pod>::default_namespaced(client);
        let list = async || pods.list(&ListParams::default()).await;
        assert_eq!(list().await.expect("protobuf").items.len(), 2);
        let error = list().await.expect_err("no protobuf");
        assert_eq!(
            said(&error),
            "the API server's protobuf cannot be read: failed to decode Protobuf message: invalid varint"
        );
        assert_eq!(list().await.expect("JSON").items.len(), 2);
    }

    #[tokio::test]
    async fn watches_are_protobuf_until_one_cannot_be_read() {
        let client = client_of(200, vec![WATCHED, b"\0\0\0\x01\xff"]);
        let pods = Api::<Pod>::default_namespaced(client);
        let watch = async || {
            let events = pods.watch(&WatchParams::default(), "0").await;
            let events = events.expect("a watch").map(|event| event.is_ok());
            events.collect::<Vec<_>>().await
        };
        assert_eq!(watch().await, [true, true, true]);
        assert_eq!(watch().await, [false]);
        assert_eq!(watch().await, [true, true, true]);
    }

    #[tokio::test]
    async fn a_refusal_is_the_api_servers() {
        let client = client_of(400, vec![STATUS]);
        let pods = Api::<Pod>::default_namespaced(client);
        match pods.list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) => assert_eq!(status.code, 400),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_is_json_afterwards_whatever_it_was() {
        let answer = |kind: &'static str, body: &'static [u8]| {
            let body = Full::from(body).map_err(BoxError::from);
            let body: Box<DynBody> = Box::new(body);
            let answer = Response::builder()
                .header(CONTENT_TYPE, kind)
                .header(CONTENT_LENGTH, 7);
            answer.body(body).expect("an answer")
        };
        let became = async |kind, body| {
            let answer = to_json(answer(kind, body), Understood::default()).await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.headers()[CONTENT_TYPE], JSON);
            let has_length = answer.headers().contains_key(CONTENT_LENGTH);
            let body = answer.into_body().collect().await.expect("a body");
            (body.to_bytes().to_vec(), has_length)
        };
        assert_eq!(became(JSON, b"{ }  ..").await, (b"{ }  ..".to_vec(), true));
        assert_eq!(became(PROTOBUF, PODS).await, (read(PODS), false));
    }
}

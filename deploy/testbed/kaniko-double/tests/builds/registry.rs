//! A registry in memory, with or without a password.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

/// User and password `builder:s3cret`.
const LOGIN: &str = "Basic YnVpbGRlcjpzM2NyZXQ=";

#[derive(Default, Clone)]
struct Store {
    blobs: HashMap<String, Vec<u8>>,
    /// Media type and bytes by `repository:tag` and by `repository@digest`.
    manifests: HashMap<String, (String, Vec<u8>)>,
    uploads: HashMap<String, Vec<u8>>,
    requests: Vec<String>,
}

/// What a registry does to those who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Open,
    /// Only with a login.
    Login,
    /// Nobody may push.
    ReadOnly,
}

pub(crate) struct Registry {
    /// `127.0.0.1:PORT`.
    pub host: String,
    store: Arc<Mutex<Store>>,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

impl Registry {
    pub(crate) fn start(access: Access) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let store = Arc::new(Mutex::new(Store::default()));
        let shared = Arc::clone(&store);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let store = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &store, access));
            }
        });
        Self { host, store }
    }

    /// Takes over all that another registry has.
    pub(crate) fn fill(&self, other: &Self) {
        let store = other.store.lock().unwrap().clone();
        *self.store.lock().unwrap() = store;
    }

    pub(crate) fn put_blob(&self, bytes: &[u8]) -> String {
        let name = digest(bytes);
        self.store
            .lock()
            .unwrap()
            .blobs
            .insert(name.clone(), bytes.to_vec());
        name
    }

    pub(crate) fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
        let entry = (media_type.to_owned(), bytes.to_vec());
        let mut store = self.store.lock().unwrap();
        store
            .manifests
            .insert(format!("{repository}:{tag}"), entry.clone());
        store
            .manifests
            .insert(format!("{repository}@{}", digest(bytes)), entry);
    }

    pub(crate) fn manifest(&self, repository: &str, tag: &str) -> Option<(String, Vec<u8>)> {
        let store = self.store.lock().unwrap();
        store.manifests.get(&format!("{repository}:{tag}")).cloned()
    }

    pub(crate) fn blob(&self, digest: &str) -> Vec<u8> {
        self.store.lock().unwrap().blobs[digest].clone()
    }

    /// `METHOD PATH STATUS` of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.store.lock().unwrap().requests.clone()
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    } else if headers
        .get("transfer-encoding")
        .is_some_and(|v| v == "chunked")
    {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            (
                name.to_owned(),
                value.replace("%3A", ":").replace("%2F", "/"),
            )
        })
        .collect();
    Some(Request {
        method,
        path: path.to_owned(),
        query,
        headers,
        body,
    })
}

fn serve(stream: &TcpStream, store: &Mutex<Store>, access: Access) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let (status, headers, body) = answer(&request, store, access);
        store
            .lock()
            .unwrap()
            .requests
            .push(format!("{} {} {status}", request.method, request.path));
        let mut head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let body = if request.method == "HEAD" {
            &[][..]
        } else {
            &body
        };
        let mut writer = stream;
        if writer
            .write_all(head.as_bytes())
            .and_then(|()| writer.write_all(body))
            .is_err()
        {
            return;
        }
    }
}

fn refusal(status: u16, code: &str, message: &str, detail: &serde_json::Value) -> Answer {
    let error = serde_json::json!({"code": code, "message": message, "detail": detail});
    let body = serde_json::json!({ "errors": [error] })
        .to_string()
        .into_bytes();
    let mut headers = vec![("Content-Type", "application/json".to_owned())];
    if status == 401 {
        headers.push(("WWW-Authenticate", "Basic realm=\"test\"".to_owned()));
    }
    (status, headers, body)
}

fn answer(request: &Request, store: &Mutex<Store>, access: Access) -> Answer {
    let path = request.path.as_str();
    let known = request
        .headers
        .get("authorization")
        .is_some_and(|value| value == LOGIN);
    let Some(rest) = path.strip_prefix("/v2/") else {
        return (404, Vec::new(), Vec::new());
    };
    if access == Access::Login && !known {
        let repository = rest.split("/blobs/").next().unwrap_or_default();
        let detail = serde_json::json!([
            {"Type": "repository", "Class": "", "Name": repository, "Action": "pull"},
            {"Type": "repository", "Class": "", "Name": repository, "Action": "push"}
        ]);
        return refusal(401, "UNAUTHORIZED", "authentication required", &detail);
    }
    if rest.is_empty() {
        return (200, Vec::new(), b"{}".to_vec());
    }
    let mut store = store.lock().unwrap();
    if let Some((repository, reference)) = rest.split_once("/manifests/") {
        return manifests(request, &mut store, repository, reference);
    }
    let Some((repository, blob)) = rest.split_once("/blobs/") else {
        return (404, Vec::new(), Vec::new());
    };
    if let Some(upload) = blob.strip_prefix("uploads/") {
        if access == Access::ReadOnly {
            let denied = "requested access to the resource is denied";
            return refusal(403, "DENIED", denied, &serde_json::Value::Null);
        }
        return uploads(request, &mut store, repository, upload);
    }
    match store.blobs.get(blob) {
        Some(bytes) => (200, Vec::new(), bytes.clone()),
        None => refusal(
            404,
            "BLOB_UNKNOWN",
            "blob unknown to registry",
            &serde_json::Value::Null,
        ),
    }
}

fn manifests(request: &Request, store: &mut Store, repository: &str, reference: &str) -> Answer {
    let separator = if reference.contains(':') { '@' } else { ':' };
    let key = format!("{repository}{separator}{reference}");
    if request.method == "PUT" {
        let media_type = request.headers["content-type"].clone();
        let entry = (media_type, request.body.clone());
        let by_digest = format!("{repository}@{}", digest(&request.body));
        store.manifests.insert(key, entry.clone());
        store.manifests.insert(by_digest, entry);
        return (201, Vec::new(), Vec::new());
    }
    if let Some((media_type, bytes)) = store.manifests.get(&key) {
        let headers = vec![("Content-Type", media_type.clone())];
        return (200, headers, bytes.clone());
    }
    let detail = if separator == '@' {
        serde_json::json!({"Name": repository, "Revision": reference})
    } else {
        serde_json::json!({ "Tag": reference })
    };
    refusal(404, "MANIFEST_UNKNOWN", "manifest unknown", &detail)
}

fn uploads(request: &Request, store: &mut Store, repository: &str, upload: &str) -> Answer {
    let location = |name: &str| {
        vec![(
            "Location",
            format!("/v2/{repository}/blobs/uploads/{name}?_state=x"),
        )]
    };
    match request.method.as_str() {
        "POST" => {
            if request
                .query
                .get("mount")
                .is_some_and(|blob| store.blobs.contains_key(blob))
            {
                return (201, Vec::new(), Vec::new());
            }
            let name = store.uploads.len().to_string();
            store.uploads.insert(name.clone(), Vec::new());
            (202, location(&name), Vec::new())
        }
        "PATCH" => {
            store
                .uploads
                .entry(upload.to_owned())
                .or_default()
                .extend(&request.body);
            (202, location(upload), Vec::new())
        }
        "PUT" => {
            let mut bytes = store
                .uploads
                .insert(upload.to_owned(), Vec::new())
                .unwrap_or_default();
            bytes.extend(&request.body);
            let name = digest(&bytes);
            if request.query.get("digest") != Some(&name) {
                return refusal(
                    400,
                    "DIGEST_INVALID",
                    "digest invalid",
                    &serde_json::Value::Null,
                );
            }
            store.blobs.insert(name, bytes);
            (201, Vec::new(), Vec::new())
        }
        _ => (204, Vec::new(), Vec::new()),
    }
}

//! Shell lines that copy from an artifacts store.

use serde_json::Value;

use crate::catalog::Connection;

/// What is copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    File,
    Folder,
    /// A path of which nobody has said what it is.
    Either,
}

/// Makes the run's folders, and brings back what an earlier attempt left in the store.
pub(super) fn prepare(run_path: &str, uuid: &str, store: &Connection, resume: bool) -> String {
    let mut parts = vec![make(run_path), make(&format!("{run_path}/outputs"))];
    if resume {
        let from = join(&store.store_path().unwrap_or_default(), uuid);
        parts.push(make(run_path));
        parts.push(copy(store, &from, run_path, Item::Folder, true));
    }
    parts.join(" ")
}

/// Copies the files, folders and paths that an initializer names; the whole store where it names none.
pub(super) fn fetch(
    store: &Connection,
    artifacts: Option<&Value>,
    paths: Option<&Value>,
    target: &str,
) -> String {
    let root = store.store_path().unwrap_or_default();
    let mut wanted: Vec<(String, String, Item)> = Vec::new();
    if let Some(artifacts) = artifacts {
        for (key, item) in [("files", Item::File), ("dirs", Item::Folder)] {
            for (from, to) in pairs(artifacts.get(key)) {
                wanted.push((from, to, item));
            }
        }
    }
    for (from, to) in pairs(paths) {
        wanted.push((from, to, Item::Either));
    }
    if wanted.is_empty() {
        let target = target.trim_end_matches('/');
        let parts = [
            make(target),
            copy(store, &root, target, Item::Folder, false),
        ];
        return parts.join(" ");
    }
    let parts: Vec<String> = wanted
        .iter()
        .flat_map(|(from, to, item)| {
            let from = join(&root, from);
            let to = join(target, to);
            let folder = match item {
                Item::Folder => to.as_str(),
                Item::File | Item::Either => parent(&to),
            };
            [make(folder), copy(store, &from, &to, *item, false)]
        })
        .collect();
    parts.join(" ")
}

/// `a`, or `[from, to]`, or a list of both.
fn pairs(value: Option<&Value>) -> Vec<(String, String)> {
    let one = |item: &Value| match item {
        Value::String(path) => Some((path.clone(), path.clone())),
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(from), Value::String(to)] => Some((from.clone(), to.clone())),
            _ => None,
        },
        _ => None,
    };
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(one).collect(),
        Some(item) => one(item).into_iter().collect(),
        None => Vec::new(),
    }
}

fn join(folder: &str, path: &str) -> String {
    format!(
        "{}/{}",
        folder.trim_end_matches('/'),
        path.trim_start_matches('/')
    )
}

fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

fn make(path: &str) -> String {
    let path = quoted(path);
    let tested = if path.starts_with('\'') {
        path.clone()
    } else {
        format!("\"{path}\"")
    };
    format!("if [ ! -d {tested} ]; then mkdir -m 0777 -p {path}; fi;")
}

fn copy(store: &Connection, from: &str, to: &str, item: Item, watch: bool) -> String {
    let (from, to) = (quoted(from), quoted(to));
    if store.is_mount() && item != Item::Either {
        let watch = if watch {
            format!("polyaxon initializer fswatch --path={to};")
        } else {
            String::new()
        };
        return if item == Item::File {
            format!("if [ -f {from} ]; then cp {from} {to}; {watch} fi;")
        } else {
            format!(
                "if [ -d {from} ] && [ \"$(ls -A {from})\" ]; then cp -R {from}/* {to}; {watch} fi;"
            )
        };
    }
    let mut flags = Vec::new();
    if item == Item::File {
        flags.push("--is-file");
    }
    if watch {
        flags.push("--sync-fw");
    }
    if item == Item::Either {
        flags.push("--check-path");
    }
    format!(
        "polyaxon initializer path --connection-name={} --connection-kind={} --path-from={from} --path-to={to} {};",
        quoted(&store.name),
        store.kind,
        flags.join(" ")
    )
}

/// A word of a shell command: as it is where no character means anything, else in quotes.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn volume() -> Connection {
        serde_json::from_value(json!({
            "name": "store", "kind": "volume_claim",
            "schema": {"volumeClaim": "c", "mountPath": "/store/"},
        }))
        .expect("connection")
    }

    #[test]
    fn words_of_users_stay_words() {
        let artifacts = json!({"files": [["a b", "x; rm -rf /"]], "dirs": ["$(id)"]});
        let line = fetch(&volume(), Some(&artifacts), None, "/target");
        assert!(
            line.contains("cp '/store/a b' '/target/x; rm -rf /'"),
            "{line}"
        );
        assert!(line.contains("mkdir -m 0777 -p '/target/$(id)'"), "{line}");
        assert!(line.contains("if [ ! -d '/target/$(id)' ]"), "{line}");
        assert!(line.contains("$(ls -A '/store/$(id)')"), "{line}");
    }

    #[test]
    fn nothing_named_is_the_whole_store() {
        assert_eq!(
            fetch(&volume(), None, None, "/target/"),
            "if [ ! -d \"/target\" ]; then mkdir -m 0777 -p /target; fi; \
             if [ -d /store ] && [ \"$(ls -A /store)\" ]; then cp -R /store/* /target;  fi;"
        );
    }
}

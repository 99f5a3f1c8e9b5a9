//! Classifies recorded builds: `classify RUNS_DIR` prints one JSON object a line per folder.
//!
//! A folder holds `exit.json` (`exit_code` and `intent`: `stop`, `timeout` or null), `log`, and
//! what there is of `Dockerfile`, `args.json`, `job.json`, `pod.json`, `events.json`, `init.log` and
//! `outputs.json` (files that the executor wrote) and `manifest.json` (what the registry had afterwards).

use std::io::{self, Write as _};
use std::path::Path;
use std::{fs, process::ExitCode};

use polyaxon_agent::classify::{
    BuildLog, Class, Evidence, Instructions, Intent, PlatformState, classify,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

#[derive(Deserialize, Default)]
struct Exit {
    exit_code: Option<i32>,
    intent: Option<String>,
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    if !path.exists() {
        return Ok(Value::Null);
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn read_text(path: &Path) -> anyhow::Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&fs::read(path)?).into_owned()))
}

/// Values of an option that may be given more than once, as `--name=value` or `--name value`.
fn option(arguments: &[String], names: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        for name in names {
            if argument == name {
                values.extend(rest.next().cloned());
                break;
            }
            if let Some(value) = argument
                .strip_prefix(name)
                .and_then(|value| value.strip_prefix('='))
            {
                values.push(value.to_owned());
            }
        }
    }
    values
}

/// Digest of a manifest that was printed with blanks; executors write it without.
fn digest_of(manifest: &str) -> String {
    let mut is_text = false;
    let mut is_escaped = false;
    let compact: String = manifest
        .chars()
        .filter(|character| {
            if is_escaped {
                is_escaped = false;
            } else if is_text && *character == '\\' {
                is_escaped = true;
            } else if *character == '"' {
                is_text = !is_text;
            }
            is_text || !character.is_ascii_whitespace()
        })
        .collect();
    let hash = Sha256::digest(compact.as_bytes());
    hash.iter().fold("sha256:".to_owned(), |digest, byte| {
        digest + &format!("{byte:02x}")
    })
}

fn run(folder: &Path) -> anyhow::Result<Value> {
    let exit: Exit = serde_json::from_value(match read_json(&folder.join("exit.json"))? {
        Value::Null => json!({}),
        value => value,
    })?;
    let arguments: Vec<String> =
        serde_json::from_value(match read_json(&folder.join("args.json"))? {
            Value::Null => json!([]),
            value => value,
        })?;
    let log_path = folder.join("log");
    let bytes = if log_path.exists() {
        fs::read(log_path)?
    } else {
        Vec::new()
    };
    let log = BuildLog::read(&bytes);
    let platform = PlatformState::of_kubernetes(
        &read_json(&folder.join("job.json"))?,
        &read_json(&folder.join("pod.json"))?,
        "polyaxon-main",
    )
    .with_events(&read_json(&folder.join("events.json"))?);
    let init_log = read_text(&folder.join("init.log"))?.unwrap_or_default();
    let dockerfile = read_text(&folder.join("Dockerfile"))?.map(|text| Instructions::read(&text));
    let verdict = classify(&Evidence {
        intent: match exit.intent.as_deref() {
            Some("stop") => Some(Intent::Stop),
            Some("timeout") => Some(Intent::Timeout),
            _ => None,
        },
        exit_code: exit.exit_code,
        platform: &platform,
        log: &log,
        init_log: &init_log,
        dockerfile: dockerfile.as_ref(),
    });
    let succeeded = exit.exit_code == Some(0) && exit.intent.is_none();
    let destinations = option(&arguments, &["--destination", "-d"]);
    let written = read_json(&folder.join("outputs.json"))?
        .get("digest")
        .and_then(Value::as_str)
        .map(|digest| digest.trim().to_owned())
        .filter(|_| !destinations.is_empty());
    let digest = succeeded
        .then(|| log.digest(&destinations).map(str::to_owned).or(written))
        .flatten();
    let digest = match digest {
        // At level `warn` nothing names it: the registry is asked, as an agent does.
        None if succeeded && !destinations.is_empty() => {
            read_text(&folder.join("manifest.json"))?.map(|manifest| digest_of(&manifest))
        }
        known => known,
    };
    let base_images = match &dockerfile {
        // What cannot be read names no images.
        Some(_) if verdict.class == Class::DockerfileParse => Vec::new(),
        Some(file) => file.base_images(&option(&arguments, &["--build-arg"])),
        None => log.retrieved().to_vec(),
    };
    Ok(json!({
        "name": folder.file_name().map(|name| name.to_string_lossy()),
        "class": verdict.class.as_str(),
        "retry": verdict.retry.as_str(),
        "failed_instruction": verdict.failed_instruction.map(|failed| failed.text),
        "digest": digest,
        "cache_hits": log.cache_hits(),
        "cache_misses": log.cache_misses(),
        "base_images": base_images,
        "message": verdict.message,
        "hint": verdict.hint,
    }))
}

fn main() -> anyhow::Result<ExitCode> {
    let Some(folder) = std::env::args_os().nth(1) else {
        writeln!(io::stderr(), "usage: classify RUNS_DIR")?;
        return Ok(ExitCode::from(2));
    };
    let mut folders: Vec<_> = fs::read_dir(folder)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut out = io::stdout().lock();
    for folder in folders {
        writeln!(out, "{}", run(&folder)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

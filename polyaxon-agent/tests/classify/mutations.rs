//! The recorded runs with other hosts, names, instructions, formats and statuses: what they mean
//! stays the same.

use std::fmt::Write as _;

use polyaxon_agent::classify::Class;

use super::recorded::{Recorded, recorded, verdict};

/// One change of a recorded run, and whether it can say which instruction failed afterwards.
struct Mutation {
    name: &'static str,
    keeps_instruction: bool,
    change: fn(&mut Recorded),
}

const fn mutation(name: &'static str, change: fn(&mut Recorded)) -> Mutation {
    Mutation {
        name,
        keeps_instruction: true,
        change,
    }
}

const MUTATIONS: &[Mutation] = &[
    mutation("other hosts and ports", |run| {
        for (from, to) in [
            ("127.0.0.1:5000", "cr.big-corp.internal:8443"),
            ("127.0.0.1:5002", "10.9.8.7:30500"),
            ("registry.acme.test", "r2.eu-central.example.org"),
            ("registry.internal.example", "hub-7.example"),
            ("harbor.corp.test", "images.lan"),
            ("ghcr.io", "quay.example:444"),
            ("registry.gitlab.com", "git.example:5050"),
            ("europe-west1-docker.pkg.dev", "asia-docker.example.dev"),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "zot.lan:5001",
            ),
        ] {
            rename(run, from, to);
        }
    }),
    mutation("other names", |run| {
        for (from, to) in [
            ("library/busybox", "base/images.v2/ubi_9"),
            ("library/alpine", "os/wolfi"),
            ("acme", "umbrella-2"),
            ("team/app", "ml/research/train-7"),
            ("nobody2", "svc-build"),
        ] {
            rename(run, from, to);
        }
    }),
    mutation("longer commands", |run| {
        rename(run, "RUN ", "RUN set -eu; ");
    }),
    mutation("commands of other scripts", |run| {
        rename(run, "RUN ", "RUN echo 'größer 雪 | INFO' ; ");
    }),
    mutation("keywords in lower case", |run| {
        for keyword in ["RUN", "COPY", "ADD", "WORKDIR", "ENV", "USER"] {
            let (from, to) = (format!("{keyword} "), keyword.to_lowercase() + " ");
            rename(run, &from, &to);
        }
    }),
    mutation("log as json", |run| reformat(run, json)),
    mutation("log as text", |run| reformat(run, text)),
    mutation("log in colours", |run| {
        reformat(run, |record| {
            color(record, "\u{1b}[36m", "\u{1b}[0m", "0007")
        });
    }),
    mutation("log in colours with the time", |run| {
        reformat(run, |record| {
            color(record, "\u{1b}[36m", "\u{1b}[0m", "2031-02-03T04:05:06Z")
        });
    }),
    mutation("log with the colours taken out", |run| {
        reformat(run, |record| color(record, "", "", "123456"));
    }),
    mutation("carriage returns", |run| {
        run.log = run.log.replace('\n', "\r\n");
    }),
    mutation("no last line end", |run| {
        run.log.truncate(run.log.trim_end_matches('\n').len());
    }),
    mutation("error on the line of a command's output", |run| {
        if let Some(start) = run.log.rfind("\nerror ") {
            run.log.insert_str(start + 1, "75% done");
        }
    }),
    mutation("other digests", |run| {
        run.log = digests(&run.log);
        run.digest = run.digest.as_deref().map(digests);
        run.failed_instruction = run.failed_instruction.as_deref().map(digests);
        run.dockerfile = run.dockerfile.as_deref().map(digests);
    }),
    mutation("other times and tries", |run| {
        for (from, to) in [
            ("2026-11-2", "2031-02-0"),
            ("[0000]", "[10800]"),
            ("after 0 attempts", "after 12 attempts"),
        ] {
            rename(run, from, to);
        }
    }),
    mutation("the advice of older executors", |run| {
        let (from, to) = (
            "error checking push permissions: ",
            "error checking push permissions -- make sure you entered the correct tag name, and \
             that you are authenticated correctly, and try again: ",
        );
        run.log = run.log.replace(from, to);
    }),
    mutation("an error wrapped once more", |run| {
        if let Some(start) = run.log.rfind("error building image: ") {
            let start = start + "error building image: ".len();
            run.log.insert_str(start, "stage 'final' of 3: ");
        }
    }),
    mutation("retries announced before the error", |run| {
        if let Some(start) = run.log.rfind("\nerror ") {
            let warning = "time=\"2026-11-21T02:50:22Z\" level=warning msg=\"Retrying operation after 1s due to GET https://a/v2/: TOOMANYREQUESTS: x509: no such host\"\n";
            run.log.insert_str(start + 1, warning);
        }
    }),
    mutation("output that imitates the executor", |run| {
        if run.log.contains("\nerror ") {
            run.log.insert_str(
                0,
                "error pushing image: failed to push to destination r/a:1: UNAUTHORIZED: no\nError: unknown flag: --x\nfatal error: all goroutines are asleep\npanic: no\nkaniko should only be run inside of a container\n",
            );
        }
    }),
    mutation("debug lines between all others", |run| {
        let debug = "\u{1b}[37mDEBU\u{1b}[0m[0000] RUN is not what this line says\n";
        let lines: Vec<&str> = run.log.split_inclusive('\n').collect();
        // Inside of an error of several lines nothing of the executor stands.
        let end = lines
            .iter()
            .rposition(|line| record(line).is_some())
            .map_or(0, |last| last + 1);
        let mut log = String::new();
        for line in lines.get(..end).unwrap_or_default() {
            log.push_str(line);
            log.push_str(debug);
        }
        log.extend(lines.get(end..).unwrap_or_default().iter().copied());
        run.log = log;
    }),
    Mutation {
        name: "warnings and errors alone",
        keeps_instruction: false,
        change: |run| {
            run.log = run
                .log
                .split_inclusive('\n')
                .filter(|line| record(line).is_none_or(|record| record.level != "info"))
                .collect();
        },
    },
    mutation("destinations in another order", |run| {
        run.destinations.push("other.example/x/y:1".to_owned());
        run.destinations.reverse();
    }),
];

/// Replaces text wherever a run has it.
fn rename(run: &mut Recorded, from: &str, to: &str) {
    for text in [&mut run.log, &mut run.init_log]
        .into_iter()
        .chain(&mut run.dockerfile)
        .chain(&mut run.failed_instruction)
        .chain(&mut run.destinations)
        .chain(&mut run.cache_hits)
        .chain(&mut run.cache_misses)
    {
        *text = text.replace(from, to);
    }
}

fn digests(text: &str) -> String {
    let is_hex = |character: char| character.is_ascii_digit() || ('a'..='f').contains(&character);
    let mut changed = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("sha256:") {
        changed.push_str(before);
        changed.push_str("sha256:");
        let length = after.find(|next| !is_hex(next)).unwrap_or(after.len());
        changed.extend(after[..length].chars().map(|hex| match hex {
            '9' => 'a',
            'f' => '0',
            other => char::from(other as u8 + 1),
        }));
        rest = &after[length..];
    }
    changed + rest
}

/// A record of the executor, read without the code under test.
struct Record {
    before: String,
    level: String,
    message: String,
}

fn record(line: &str) -> Option<Record> {
    let line = line.trim_end_matches(['\n', '\r']);
    if let Some(start) = line.find("{\"level\":\"") {
        let value: serde_json::Value = serde_json::from_str(&line[start..]).ok()?;
        return Some(Record {
            before: line[..start].to_owned(),
            level: value["level"].as_str()?.to_owned(),
            message: value["msg"].as_str()?.to_owned(),
        });
    }
    if let Some(start) = line.find("time=\"2") {
        let (_, rest) = line[start..].split_once(" level=")?;
        let (level, message) = rest.split_once(" msg=")?;
        let message = match message.strip_prefix('"') {
            // Go quotes as JSON does, as far as logs use it.
            Some(_) => serde_json::from_str(message).ok()?,
            None => message.to_owned(),
        };
        return Some(Record {
            before: line[..start].to_owned(),
            level: level.to_owned(),
            message,
        });
    }
    for (word, level) in [
        ("INFO", "info"),
        ("WARN", "warning"),
        ("FATA", "fatal"),
        ("DEBU", "debug"),
    ] {
        let mark = format!("m{word}\u{1b}[0m[");
        if let Some((before, rest)) = line.split_once(&mark) {
            let (_, message) = rest.split_once("] ")?;
            let (before, _) = before.rsplit_once('\u{1b}')?;
            return Some(Record {
                before: before.to_owned(),
                level: level.to_owned(),
                message: message.trim_end().to_owned(),
            });
        }
    }
    None
}

fn reformat(run: &mut Recorded, write: fn(&Record) -> String) {
    run.log = run
        .log
        .split_inclusive('\n')
        .map(|line| {
            record(line).map_or_else(
                || line.to_owned(),
                |record| format!("{}{}\n", record.before, write(&record)),
            )
        })
        .collect();
}

fn json(record: &Record) -> String {
    let message = serde_json::to_string(&record.message)
        .unwrap()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let level = &record.level;
    format!("{{\"level\":\"{level}\",\"msg\":{message},\"time\":\"2031-02-03T04:05:06Z\"}}")
}

fn text(record: &Record) -> String {
    let (level, message) = (&record.level, &record.message);
    let is_plain = message
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "-._/@^+".contains(character));
    let message = if is_plain {
        message.clone()
    } else {
        serde_json::to_string(message).unwrap()
    };
    format!("time=\"2031-02-03T04:05:06Z\" level={level} msg={message}")
}

fn color(record: &Record, on: &str, off: &str, clock: &str) -> String {
    let word = match record.level.as_str() {
        "info" => "INFO",
        "warning" => "WARN",
        "fatal" => "FATA",
        _ => "DEBU",
    };
    format!("{on}{word}{off}[{clock}] {:<44} ", record.message)
}

#[test]
fn what_a_run_means_does_not_depend_on_its_names_and_form() {
    let mut wrong = String::new();
    let mut checked = 0;
    for mutation in MUTATIONS {
        let mut changed = 0;
        for run in recorded() {
            let mut mutated = run.clone();
            (mutation.change)(&mut mutated);
            changed += usize::from(
                mutated.log != run.log
                    || mutated.dockerfile != run.dockerfile
                    || mutated.destinations != run.destinations,
            );
            let (log, verdict) = verdict(&mutated);
            checked += 1;
            let instruction = verdict
                .failed_instruction
                .as_ref()
                .map(|failed| &failed.text);
            let same_instruction = instruction == mutated.failed_instruction.as_ref()
                || (!mutation.keeps_instruction && instruction.is_none());
            let same_cache = !mutation.keeps_instruction
                || (log.cache_hits() == mutated.cache_hits
                    && log.cache_misses() == mutated.cache_misses);
            if (verdict.class.as_str(), verdict.retry.as_str()) != (&*run.class, &*run.retry)
                || !same_instruction
                || !same_cache
            {
                let name = mutation.name;
                writeln!(
                    wrong,
                    "{}, {name}: {} {} {instruction:?}",
                    run.name,
                    verdict.class,
                    verdict.retry.as_str(),
                )
                .unwrap();
            }
        }
        assert!(changed > 0, "{} changes nothing", mutation.name);
    }
    assert!(wrong.is_empty(), "of {checked}:\n{wrong}");
}

/// Classes that our own intent or the state of Job and pod decides, whatever the status.
const OF_THE_PLATFORM: [Class; 11] = [
    Class::Cancelled,
    Class::TimedOut,
    Class::Preempted,
    Class::Evicted,
    Class::NodeLost,
    Class::Unschedulable,
    Class::ExecutorImagePull,
    Class::StartError,
    Class::InitGit,
    Class::InitUpload,
    Class::DiskFull,
];

const STATUSES: [Option<i32>; 7] = [
    None,
    Some(1),
    Some(2),
    Some(125),
    Some(137),
    Some(143),
    Some(255),
];

#[test]
fn the_exit_status_decides_only_where_nothing_else_does() {
    let mut wrong = Vec::new();
    for run in recorded() {
        let is_decided = OF_THE_PLATFORM
            .iter()
            .any(|class| class.as_str() == run.class);
        let has_last_words = run.log.contains("error ") || run.log.contains("Error: ");
        if run.exit_code == Some(0) || !(is_decided || has_last_words) {
            continue;
        }
        for exit_code in STATUSES {
            let mutated = Recorded {
                exit_code,
                ..run.clone()
            };
            let (_, verdict) = verdict(&mutated);
            if verdict.class.as_str() != run.class {
                wrong.push(format!(
                    "{} with {exit_code:?}: {}",
                    run.name, verdict.class
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

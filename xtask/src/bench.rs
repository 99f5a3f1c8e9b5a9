//! Runs the benchmarks and prints one table with the targets beside the figures.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What cargo is asked for: the targets that measure, and no tests.
const ARGUMENTS: [&str; 22] = [
    "bench",
    "--locked",
    "-p",
    "polyaxon-spec",
    "-p",
    "polyaxon-cli",
    "-p",
    "polyaxon-hub",
    "-p",
    "polyaxon-agent",
    "-p",
    "xtask",
    "--bench",
    "compile",
    "--bench",
    "check",
    "--bench",
    "queue",
    "--bench",
    "classify",
    "--bench",
    "dispatch",
];

/// What a figure should be.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Shown for orientation.
    None,
}

/// One line of the table: the name that the benchmark gives its figure, what it means, unit and target.
struct Row {
    name: &'static str,
    meaning: &'static str,
    unit: &'static str,
    target: Target,
}

const fn row(name: &'static str, meaning: &'static str, unit: &'static str, target: Target) -> Row {
    Row {
        name,
        meaning,
        unit,
        target,
    }
}

const ROWS: [Row; 21] = [
    row(
        "cli: check of a build, whole process",
        "`polyaxon check --offline`, start to exit",
        "ms",
        Target::AtMost(10.0),
    ),
    row(
        "cli: check of a build, peak memory",
        "`polyaxon check --offline`, peak memory",
        "MiB",
        Target::AtMost(15.0),
    ),
    row(
        "reference: our check of the same file",
        "  of a file without a hub, in turns with",
        "ms",
        Target::None,
    ),
    row(
        "reference: check, whole process",
        "  `polyaxon check` of the python package",
        "ms",
        Target::None,
    ),
    row(
        "reference: times as long as ours",
        "  python over ours",
        "x",
        Target::None,
    ),
    row(
        "spec: a KiB of a text of 1023 KiB",
        "checked and composed, per KiB of 1 MiB",
        "us",
        Target::None,
    ),
    row(
        "spec: a KiB of the largest text over one of the smallest",
        "  over a KiB of 4 KiB: linear is 1",
        "x",
        Target::AtMost(2.0),
    ),
    row(
        "spec: text to Job",
        "text to Job, per operation",
        "us",
        Target::AtMost(150.0),
    ),
    row(
        "spec: text to compiled operation",
        "  of it: text to compiled operation",
        "us",
        Target::None,
    ),
    row(
        "spec: compiled operation to Job",
        "  of it: compiled operation to Job",
        "us",
        Target::None,
    ),
    row(
        "hub: Create, 1 client",
        "Runs.Create, durable, 1 client",
        "/s",
        Target::None,
    ),
    row(
        "hub: Create, 8 clients",
        "Runs.Create, durable, 8 clients",
        "/s",
        Target::None,
    ),
    row(
        "hub: Create, 64 clients",
        "Runs.Create, durable, 64 clients",
        "/s",
        Target::AtLeast(1000.0),
    ),
    row(
        "hub: queued to leased, p50",
        "queued to leased, idle hub, p50",
        "ms",
        Target::AtMost(15.0),
    ),
    row(
        "hub: queued to leased, p99",
        "queued to leased, idle hub, p99",
        "ms",
        Target::AtMost(100.0),
    ),
    row(
        "dispatch: submit to create, alone, p50",
        "submit to create, idle, p50",
        "ms",
        Target::None,
    ),
    row(
        "dispatch: submit to create, alone, p99",
        "submit to create, idle, p99",
        "ms",
        Target::None,
    ),
    row(
        "dispatch: submit to create, 50 at once, p99",
        "submit to create, 50 builds at once, p99",
        "ms",
        Target::AtMost(500.0),
    ),
    row(
        "agent: classify a run, median",
        "classify a recorded run, median",
        "us",
        Target::None,
    ),
    row(
        "agent: classify a run, slowest",
        "classify a recorded run, slowest",
        "us",
        Target::None,
    ),
    row(
        "agent: read a log",
        "read a build's log",
        "MB/s",
        Target::None,
    ),
];

/// Runs everything, in release mode, and prints the table.
pub(crate) fn run(workspace: &Path) -> Result<()> {
    let home = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), Into::into)
        .join("criterion");
    let reference = reference()?;
    let mut figures = printed(workspace, &home, reference.as_deref())?;
    figures.extend(medians(&home)?);
    std::io::stdout().write_all(table(&figures)?.as_bytes())?;
    Ok(())
}

/// The program of the python package that files are compared with, installed once beside other caches; none where its
/// registry cannot be reached.
fn reference() -> Result<Option<PathBuf>> {
    const PACKAGE: &str = "polyaxon==2.18.0";
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .context("no folder for caches")?;
    let folder = cache.join("polyaxon").join("reference-2.18.0");
    let program = folder.join("bin").join("polyaxon");
    let run = |command: &mut Command| {
        command
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if program.is_file()
        || (run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && run(
                Command::new(folder.join("bin").join("pip")).args(["install", "--quiet", PACKAGE])
            ))
    {
        return Ok(Some(program));
    }
    let line =
        format!("bench: `{PACKAGE}` cannot be installed here, so nothing is compared with it");
    writeln!(std::io::stderr(), "{line}")?;
    Ok(None)
}

/// Figures that the benchmarks print, while everything that they print is shown.
fn printed(
    workspace: &Path,
    home: &Path,
    reference: Option<&Path>,
) -> Result<BTreeMap<String, f64>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut child = Command::new(cargo)
        .args(ARGUMENTS)
        .env("CRITERION_HOME", home)
        .envs(reference.map(|program| ("POLYAXON_REFERENCE", program)))
        .current_dir(workspace)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut figures = BTreeMap::new();
    let output = child.stdout.take().context("no output of cargo")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        writeln!(std::io::stderr(), "{line}")?;
        figures.extend(figure(&line));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("the benchmarks failed ({status})");
    }
    Ok(figures)
}

/// Name and value of a line `NAME: VALUE UNIT`.
fn figure(line: &str) -> Option<(String, f64)> {
    let (name, rest) = line.rsplit_once(": ")?;
    let (value, _unit) = rest.split_once(' ')?;
    Some((name.to_owned(), value.parse().ok()?))
}

/// Medians that criterion kept, in the units of the table.
fn medians(home: &Path) -> Result<BTreeMap<String, f64>> {
    let read = |path: &Path| -> Result<Value> {
        let text =
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let mut figures = BTreeMap::new();
    for entry in std::fs::read_dir(home).context("criterion kept no results")? {
        let newest = entry?.path().join("new");
        if !newest.is_dir() {
            continue;
        }
        let benchmark = read(&newest.join("benchmark.json"))?;
        let estimates = read(&newest.join("estimates.json"))?;
        let name = benchmark.get("full_id").and_then(Value::as_str);
        let median = estimates
            .pointer("/median/point_estimate")
            .and_then(Value::as_f64);
        if let (Some(name), Some(nanoseconds)) = (name, median)
            && let Some(row) = ROWS.iter().find(|row| row.name == name)
        {
            let per_unit = if row.unit == "ms" { 1e6 } else { 1e3 };
            figures.insert(name.to_owned(), nanoseconds / per_unit);
        }
    }
    Ok(figures)
}

fn table(figures: &BTreeMap<String, f64>) -> Result<String> {
    let mut text = format!("\n{:<44} {:>14}   target\n", "what", "measured");
    for row in &ROWS {
        let value = match figures.get(row.name) {
            Some(value) => *value,
            None if row.name.starts_with("reference: ") => continue,
            None => bail!("no benchmark measured `{}`", row.name),
        };
        let unit = row.unit;
        let (target, is_met) = match row.target {
            Target::AtMost(most) => (format!("<= {most} {unit}"), value <= most),
            Target::AtLeast(least) => (format!(">= {least} {unit}"), value >= least),
            Target::None => (String::new(), true),
        };
        let digits = if value < 100.0 { 2 } else { 0 };
        let verdict = if is_met { "" } else { "missed" };
        let line = format!(
            "{:<44} {value:>10.digits$} {unit:<4}  {target:<14} {verdict}",
            row.meaning
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_lines() {
        let read = |line: &str| figure(line).map(|(name, value)| format!("{name} = {value}"));
        assert_eq!(
            read("hub: queued to leased, p50: 1.25 ms").as_deref(),
            Some("hub: queued to leased, p50 = 1.25")
        );
        assert_eq!(read("spec: text to Job      time:   [1.2 us 1.3 us]"), None);
        assert_eq!(read("Gnuplot not found, using plotters backend"), None);
    }

    #[test]
    fn a_missed_target_shows_and_a_missing_figure_is_an_error() {
        let mut figures: BTreeMap<String, f64> =
            ROWS.iter().map(|row| (row.name.to_owned(), 12.0)).collect();
        let text = table(&figures).unwrap();
        let verdict = |meaning: &str| {
            let line = text.lines().find(|line| line.contains(meaning)).unwrap();
            line.ends_with("missed")
        };
        assert!(verdict("start to exit") && verdict("64 clients"), "{text}");
        assert!(!verdict("peak memory") && !verdict("8 clients"), "{text}");
        figures.remove("spec: text to Job");
        assert!(table(&figures).is_err());
    }
}

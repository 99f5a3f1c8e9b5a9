//! Runs the benchmarks and prints one table with the targets beside the figures.

mod cluster;
mod rows;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::rows::{CLUSTER_ROWS, ROWS, Row, Target};

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

/// Figures by the names that benchmarks give them.
type Figures = BTreeMap<String, f64>;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything; what needs a cluster only where one is up or can be started.
    All,
    /// Only what needs a cluster.
    Cluster,
}

/// Runs the benchmarks, in release mode, and prints the table.
pub(crate) fn run(workspace: &Path, part: Part) -> Result<()> {
    let target = target(workspace);
    let mut text = String::new();
    if part == Part::All {
        let home = target.join("criterion");
        let reference = reference()?;
        let mut figures = in_process(workspace, &home, reference.as_deref())?;
        figures.extend(medians(&home)?);
        text.push_str(&table(&ROWS, &figures)?);
    }
    match cluster::missing(part)? {
        None => {
            let figures = cluster::figures(workspace, &target)?;
            text.push_str(&table(&CLUSTER_ROWS, &figures)?);
        }
        Some(what) => writeln!(std::io::stderr(), "bench: {what}")?,
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Where cargo puts what it builds.
fn target(workspace: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), Into::into)
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
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

fn in_process(workspace: &Path, home: &Path, reference: Option<&Path>) -> Result<Figures> {
    let mut command = cargo();
    command
        .args(ARGUMENTS)
        .env("CRITERION_HOME", home)
        .envs(reference.map(|program| ("POLYAXON_REFERENCE", program)))
        .current_dir(workspace);
    printed(&mut command)
}

/// Figures that a command prints, while everything that it prints is shown.
fn printed(command: &mut Command) -> Result<Figures> {
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{program}`"))?;
    let mut figures = Figures::new();
    let output = child.stdout.take().context("no output of the benchmarks")?;
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
fn medians(home: &Path) -> Result<Figures> {
    let read = |path: &Path| -> Result<Value> {
        let text =
            std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    };
    let mut figures = Figures::new();
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

fn table(rows: &[Row], figures: &Figures) -> Result<String> {
    let mut text = format!("\n{:<44} {:>14}   target\n", "what", "measured");
    for row in rows {
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
        let mut figures: Figures = ROWS.iter().map(|row| (row.name.to_owned(), 12.0)).collect();
        let text = table(&ROWS, &figures).unwrap();
        let verdict = |meaning: &str| {
            let line = text.lines().find(|line| line.contains(meaning)).unwrap();
            line.ends_with("missed")
        };
        assert!(verdict("start to exit") && verdict("64 clients"), "{text}");
        assert!(!verdict("peak memory") && !verdict("8 clients"), "{text}");
        figures.remove("spec: text to Job");
        assert!(table(&ROWS, &figures).is_err());
    }
}

//! Files that nobody wrote by hand, given to the program: it refuses them in words, and in little memory.

use anyhow::Result;
use nix::sys::resource::{UsageWho, getrusage};

use crate::process::Home;

/// What no command may take, in KiB; those of the other tests in this process count as well.
const MOST_MEMORY: i64 = 192 << 10;

#[test]
fn huge_and_hostile_files_are_refused_in_little_memory() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    let aliases = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(300_000),
        "*a, ".repeat(150_000)
    );
    let names: String = (0..100)
        .map(|level| format!("&a{level} ["))
        .collect::<Vec<_>>()
        .concat();
    let names = format!("{names}{}{}", "x, ".repeat(100_000), "]".repeat(100));
    for (name, text, expected) in [
        ("scalar.yaml", "a".repeat(100 << 20), "PX0101"),
        ("aliases.yaml", aliases, "PX0108"),
        ("anchors.yaml", names, "PX0108"),
        ("deep.yaml", "[".repeat(1 << 20), "PX0108"),
        ("nul.yaml", "\0".repeat(1 << 20), "PX0103"),
    ] {
        home.write(name, &text)?;
        drop(text);
        for command in [
            ["check", "--offline", name].as_slice(),
            &["fmt", "--check", name],
            &["convert", name],
        ] {
            let output = home.polyaxon(command)?;
            assert_eq!(output.status, Some(2), "{command:?}: {output:.500}");
            assert!(
                output.stderr.contains(expected),
                "{command:?}: {:.500}",
                output.stderr
            );
        }
    }
    let most = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    assert!(most < MOST_MEMORY, "{most} KiB");
    Ok(())
}

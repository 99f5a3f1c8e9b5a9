//! Pages that list what the programs know.

use anyhow::{Context as _, Result};
use polyaxon_spec::diagnostic::Code;
use strum::IntoEnumIterator as _;

fn page(name: &str) -> Result<String> {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).context(path)
}

#[test]
fn links_between_pages_lead_somewhere() -> Result<()> {
    let of_codes: Vec<String> = Code::iter()
        .map(|code| format!("docs/errors/{code}.md"))
        .collect();
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/hub.md",
        "docs/agent-yaml.md",
        "docs/errors.md",
        "docs/exit-statuses.md",
    ];
    for from in pages.into_iter().chain(of_codes.iter().map(String::as_str)) {
        let text = page(from)?;
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        for piece in text.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                page(&format!("{folder}/{target}")).with_context(|| format!("a link in {from}"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn the_readme_shows_an_operation_that_is_valid() -> Result<()> {
    let text = page("README.md")?;
    let yaml = text
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .context("no operation in the README")?;
    let home = crate::process::Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", yaml)?;
    let output = home.polyaxon(&["check", "-f", "build.yaml", "--offline"])?;
    assert_eq!(output.status, Some(0), "{output}");
    Ok(())
}

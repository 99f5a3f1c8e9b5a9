//! `polyaxon convert`.

use anyhow::{Context as _, Result};

use crate::process::Home;

fn golden(case: &str) -> Result<String> {
    let path = format!(
        "{}/../polyaxon-spec/tests/golden/cases/{case}/operation.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(&path).context(path)
}

#[test]
fn an_old_file_becomes_an_operation_that_can_be_checked() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    for step in ["pip", "requirements", "setup"] {
        home.write("old.yaml", &golden(&format!("seed-legacy-steps-{step}"))?)?;
        let converted = home.polyaxon(&["convert", "old.yaml"])?;
        assert_eq!(converted.status, Some(0), "{step}: {converted}");
        insta::assert_snapshot!(format!("convert_{step}"), converted);
        home.write("new.yaml", &converted.stdout)?;
        let checked = home.polyaxon(&["check", "-f", "new.yaml", "--offline"])?;
        assert_eq!(checked.status, Some(0), "{step}: {checked}");
        assert_eq!(checked.stderr, "", "{step}");
        let json = home.polyaxon(&["convert", "old.yaml", "-o", "json"])?;
        let document: serde_json::Value = serde_json::from_str(&json.stdout)?;
        assert_eq!(document["kind"], "operation", "{step}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_converted_is_named() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("new.yaml", crate::run::BUILD)?;
    home.write(
        "notebook.yaml",
        "version: 1\nkind: notebook\nbuild: {image: i}\n",
    )?;
    let today = home.polyaxon(&["convert", "new.yaml"])?;
    assert_eq!(today.status, Some(2), "{today}");
    let notebook = home.polyaxon(&["convert", "notebook.yaml"])?;
    assert_eq!(notebook.status, Some(2), "{notebook}");
    let absent = home.polyaxon(&["convert", "absent.yaml"])?;
    assert_eq!(absent.status, Some(2), "{absent}");
    insta::assert_snapshot!(format!("{today}\n{notebook}\n{absent}"));
    Ok(())
}

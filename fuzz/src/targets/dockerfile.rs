use polyaxon_spec::dockerfile::{Dockerfile, generate};

use super::{text, value};

/// Fields give a Dockerfile that starts from their image, as long as they are, or an error.
pub(crate) fn run(data: &[u8]) {
    let Some(fields) = text(data).and_then(value) else {
        return;
    };
    let dockerfile = match Dockerfile::from_json(&fields) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let generated = generate(&dockerfile);
    let first = format!("FROM {}\n", dockerfile.image);
    assert!(generated.contains(&first), "{generated}");
    let bound = 4096 + 8 * fields.to_string().len();
    assert!(
        generated.len() <= bound,
        "{} of {bound} bytes",
        generated.len()
    );
    assert_eq!(
        Dockerfile::from_json(&fields),
        Ok(dockerfile),
        "a second time"
    );
}

use polyaxon_spec::types::{IoType, image, validate};

use super::{texts, value};

/// A value of a type is a value of that type: making it one again changes nothing.
pub(crate) fn run(data: &[u8]) {
    let Some([name, written, rules]) = texts(data) else {
        return;
    };
    let given = value(written).unwrap_or_else(|| written.into());
    let rules = value(rules).unwrap_or_default();
    for is_list in [false, true] {
        let io_type = match IoType::parse(Some(name), is_list) {
            Ok(io_type) => io_type,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        match io_type.coerce(&given) {
            Ok(made) => {
                assert_eq!(io_type.coerce(&made), Ok(made), "{name}");
                if let Some(default) = io_type.written(&given) {
                    assert!(io_type.coerce(&default).is_ok(), "{name}: {default}");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let _ = image::check(written);
    let any = IoType::Named("any".to_owned());
    let valid = validate(&rules, &given, &any);
    assert_eq!(validate(&rules, &given, &any), valid, "a second time");
}

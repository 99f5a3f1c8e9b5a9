use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;
use serde_json::{Value, json};

use super::{check_report, texts, value};

/// An operation and a file over it, with each strategy: the second time changes nothing, no field is lost, and what is
/// sent to the hub is read as the same operation.
pub(crate) fn run(data: &[u8]) {
    let Some([base, patch]) = texts(data) else {
        return;
    };
    let base = Source::new("base.yaml", base);
    let flags = Flags::default();
    let before = match Operation::read(&base, &[], &flags) {
        Ok((operation, _)) => operation.to_json(),
        Err(report) => return check_report(&report),
    };
    let Some(Value::Object(patch)) = value(patch) else {
        return;
    };
    for strategy in ["post_merge", "pre_merge", "replace", "isnull"] {
        let mut patch = patch.clone();
        patch.insert("patchStrategy".into(), strategy.into());
        patch.shift_remove("patch_strategy");
        let patch = Source::new("patch.yaml", yaml::write(&patch.into()));
        let over = |times: usize| Operation::read(&base, &vec![patch.clone(); times], &flags);
        let once = match over(1) {
            Ok((operation, _)) => operation,
            Err(report) => {
                check_report(&report);
                continue;
            }
        };
        let fields = once.to_json();
        let (twice, _) = over(2).unwrap_or_else(|report| panic!("{strategy}, twice: {report}"));
        assert_eq!(twice.to_json(), fields, "{strategy}, twice");
        for name in before
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            assert!(fields.get(name).is_some(), "{strategy} loses `{name}`");
        }
        match Operation::from_json(&fields) {
            Ok(again) => assert_eq!(again.to_json(), fields, "{strategy}, sent"),
            Err(report) => check_report(&report),
        }
    }
    let (with_nothing, _) = Operation::read(
        &base,
        &[Source::new("patch.yaml", "isPreset: true")],
        &flags,
    )
    .unwrap_or_else(|report| panic!("a file without a change: {report}"));
    assert_eq!(with_nothing.to_json(), before, "a file without a change");
    assert_ne!(before, json!(null));
}

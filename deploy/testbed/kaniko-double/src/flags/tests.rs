use super::*;
use rstest::rstest;

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn build(text: &[&str]) -> Options {
    match parse(&words(text)).unwrap() {
        Request::Build(options) => *options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_may_follow_inline_or_as_the_next_word() {
    let options = build(&[
        "--context=dir:///w",
        "-d",
        "a/b:1",
        "--destination=a/b:2",
        "--cache",
        "--cache-ttl=1h30m",
        "-f=Other",
        "--registry-map=a.test=b.test;a.test=c.test",
    ]);
    assert_eq!(options.context, "dir:///w");
    assert_eq!(options.destinations, ["a/b:1", "a/b:2"]);
    assert!(options.cache);
    assert_eq!(options.cache_ttl, Duration::from_mins(90));
    assert_eq!(options.dockerfile, "Other");
    assert_eq!(options.registry_map["a.test"], ["b.test", "c.test"]);
}

#[test]
fn an_empty_credential_helper_switches_them_off() {
    assert_eq!(build(&["--no-push"]).helpers.len(), 5);
    assert!(
        build(&["--no-push", "--credential-helpers="])
            .helpers
            .is_empty()
    );
    assert_eq!(
        build(&["--no-push", "--credential-helpers=env"]).helpers,
        ["env"]
    );
}

#[rstest]
#[case(&["--no-such-flag", "-d=a/b"], "Error: unknown flag: --no-such-flag")]
#[case(&["--cache-ttl=14", "-d=a/b"], "Error: invalid argument \"14\" for \"--cache-ttl\" flag: time: missing unit in duration \"14\"")]
#[case(&["--cache", "--no-push"], "Error: cache flags invalid: if using cache with --no-push, specify cache repo with --cache-repo")]
#[case(&["--image-format=squashfs"], "Error: invalid argument \"squashfs\" for \"--image-format\" flag: must be either \"docker\" or \"oci\"")]
#[case(&["--registry-map=docker.io"], "Error: invalid argument \"docker.io\" for \"--registry-map\" flag: invalid argument value. expect key=value, got docker.io")]
#[case(&["--registry-certificate=registry.acme.test"], "Error: invalid argument \"registry.acme.test\" for \"--registry-certificate\" flag: invalid argument value. expect key=value, got registry.acme.test")]
#[case(&["--log-format=xml"], "Error: not a valid log format: \"xml\". Please specify one of (text, color, json)")]
#[case(&["--snapshot-mode=fast"], "Error: fast is not a valid snapshot mode")]
#[case(&["--snapshot-mode=redo"], "kaniko-double: not supported: --snapshot-mode=redo")]
#[case(&["build"], "Error: unknown command \"build\" for \"executor\"\nRun 'executor --help' for usage.")]
#[case(&["--reproducible"], "kaniko-double: not supported: --reproducible")]
#[case(&["push", "x.tar"], "kaniko-double: not supported: executor push")]
#[case(&["--cache=maybe"], "Error: invalid argument \"maybe\" for \"--cache\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax")]
fn errors_have_the_recorded_words(#[case] arguments: &[&str], #[case] expected: &str) {
    assert_eq!(parse(&words(arguments)).unwrap_err().to_string(), expected);
}

#[test]
fn every_known_flag_is_in_the_usage() {
    let usage = usage();
    for name in SWITCHES
        .iter()
        .chain(VALUES)
        .filter(|name| **name != "snapshotMode")
    {
        assert!(usage.contains(&format!("--{name}")), "{name}");
    }
}

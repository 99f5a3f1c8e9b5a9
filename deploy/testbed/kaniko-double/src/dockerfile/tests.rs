use super::expand::{Variables, expand};
use super::*;
use rstest::rstest;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn read(text: &str) -> Dockerfile {
    parse(text, &Variables::new()).unwrap()
}

#[rstest]
#[case(
    "FORM x\nRUN true\n",
    "parsing dockerfile: dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)"
)]
#[case(
    "FROM\n",
    "parsing dockerfile: dockerfile parse error on line 1: FROM requires either one or three arguments"
)]
#[case(
    "FROM a\nENV\n",
    "parsing dockerfile: dockerfile parse error on line 2: ENV requires at least one argument"
)]
#[case(
    "FROM a\nCOPY a\n",
    "parsing dockerfile: dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined"
)]
#[case(
    "FROM a\nEXPOSE\n",
    "parsing dockerfile: dockerfile parse error on line 2: EXPOSE requires at least one argument"
)]
#[case(
    "ARG X=${Y:?need it}\nFROM busybox:${X}\n",
    "expanding meta ARGs: failed to process \"${Y:?need\": syntax error: missing '}'"
)]
#[case(
    "FROM a\nCOPY --chwon=1 a /b\n",
    "parsing dockerfile: dockerfile parse error on line 2: unknown flag: --chwon (did you mean chown?)"
)]
#[case(
    "RUN true\nFROM a\n",
    "parsing dockerfile: no build stage in current context"
)]
#[case(
    "FROM a\nWORKDIR\nRUN true\n",
    "parsing dockerfile: dockerfile parse error on line 2: WORKDIR requires exactly one argument"
)]
fn errors_have_the_recorded_words(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(
        parse(text, &Variables::new()).unwrap_err().to_string(),
        expected
    );
}

#[rstest]
#[case("FROM a\nVOLUME /x\n")]
#[case("FROM a\nRUN --mount=type=cache,target=/x true\n")]
#[case("FROM a\nRUN <<EOF\n")]
#[case("FROM a\nADD https://a.test/b /c\n")]
fn what_the_double_does_not_know_is_told_apart(#[case] text: &str) {
    assert!(matches!(
        parse(text, &Variables::new()),
        Err(Error::Unsupported(_))
    ));
}

#[test]
fn continuation_lines_are_joined_and_comments_skipped() {
    let file = read("# x\nFROM a\n\nRUN one && \\\n# not this\n\n    two   \nCMD [\"x\", \"y\"]\n");
    let steps = &file.stages[0].instructions;
    assert_eq!(steps[0].text, "RUN one &&     two");
    assert_eq!(
        steps[0].kind,
        Kind::Run(Form::Shell("one &&     two".to_owned()))
    );
    assert_eq!(
        steps[1].kind,
        Kind::Cmd(Form::Exec(vec!["x".to_owned(), "y".to_owned()]))
    );
}

#[test]
fn a_broken_array_is_a_shell_line() {
    let file = read("FROM a\nENTRYPOINT [\"a\", \n");
    let step = &file.stages[0].instructions[0];
    assert_eq!(step.text, "ENTRYPOINT [\"a\",");
    assert_eq!(
        step.kind,
        Kind::Entrypoint(Form::Shell("[\"a\",".to_owned()))
    );
}

#[test]
fn a_shift_in_the_shell_is_no_here_document() {
    read("FROM a\nRUN echo $((1<<2)) << 3\n");
}

#[test]
fn both_forms_of_env_are_read() {
    let file = read("FROM a\nENV A some text\nENV B=1 C=\"two words\"\n");
    let env: Vec<_> = file.stages[0]
        .instructions
        .iter()
        .map(|step| step.kind.clone())
        .collect();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(env[0], Kind::Env(vec![pair("A", "some text")]));
    assert_eq!(
        env[1],
        Kind::Env(vec![pair("B", "1"), pair("C", "\"two words\"")])
    );
}

#[rstest]
#[case("$A-$B", "1-")]
#[case("${A}x", "1x")]
#[case("${B:-d}${A:-d}", "d1")]
#[case("${A:+yes}${B:+yes}", "yes")]
#[case("'$A'", "$A")]
#[case("\"$A b\"", "1 b")]
#[case("\\$A", "$A")]
#[case("${PATH}:/x", "/bin:/x")]
#[case("${B:-${A}}", "1")]
fn words_are_expanded(#[case] word: &str, #[case] expected: &str) {
    let known = variables(&[("A", "1"), ("PATH", "/bin")]);
    assert_eq!(expand(word, &known, '\\').unwrap(), expected);
}

#[test]
fn arguments_before_from_take_the_command_line_first() {
    let file = parse(
        "ARG BASE=b\nARG TAG=1\nFROM ${BASE}:${TAG} AS One\nFROM one\n",
        &variables(&[("TAG", "3.20")]),
    )
    .unwrap();
    assert_eq!(file.stages[0].base, "b:3.20");
    let (base, chain) = file.chain(1);
    assert_eq!(base, "b:3.20");
    assert_eq!(chain.len(), 2);
}

#[test]
fn unused_stages_are_left_out_of_the_plan() {
    let file = read(
        "FROM p AS build\nRUN x\nFROM a AS test\nCOPY --from=build /dist/app /t\nFROM a\nCOPY --from=0 /dist/app /dist/b /x/\n",
    );
    let plan = file.plan(2).unwrap();
    assert_eq!(plan.stages, [0, 2]);
    assert_eq!(plan.copied[&0], ["/dist/app", "/dist/b"]);
}

#[rstest]
#[case(
    "FROM a\nRUN true\nFROM b\nCOPY --from=7 /bin/sh /x\n",
    1,
    "stage 1: COPY --from=7 refers to a stage that does not exist"
)]
#[case(
    "FROM b AS a\nCOPY --from=a /bin/sh /x\n",
    0,
    "COPY --from=a /bin/sh /x refers to invalid stage: 0"
)]
#[case(
    "FROM b\nCOPY --from=0 /bin/sh /x\n",
    0,
    "COPY --from=0 /bin/sh /x refers to invalid stage: 0"
)]
fn stage_errors_have_the_recorded_words(
    #[case] text: &str,
    #[case] target: usize,
    #[case] expected: &str,
) {
    assert_eq!(read(text).plan(target).unwrap_err().to_string(), expected);
}

#[test]
fn an_unknown_target_is_named() {
    assert_eq!(
        read("FROM a\n").target("release").unwrap_err().to_string(),
        "error finding target stage: \"release\" is not a valid target build stage"
    );
}

proptest::proptest! {
    #[test]
    fn text_without_marks_is_left_alone(word in "[a-zA-Z0-9/:._ -]*") {
        proptest::prop_assert_eq!(expand(&word, &Variables::new(), '\\').unwrap(), word);
    }
}

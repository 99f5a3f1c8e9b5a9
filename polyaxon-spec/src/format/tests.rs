use super::*;

fn format_text(text: &str) -> String {
    format(&Source::new("f.yaml", text)).unwrap()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = format_text(text);
    assert_eq!(found, expected);
    assert_eq!(format_text(&found), found, "a second time");
}

fn refusal(text: &str) -> String {
    format(&Source::new("f.yaml", text))
        .unwrap_err()
        .to_string()
}

#[test]
fn fields_come_in_the_order_of_their_tables() {
    check(
        "runPatch:\n    init:\n      - git: {url: x}\nhubRef: kaniko\nname: build\nkind: operation\nversion: 1.10\n",
        "version: 1.10\nkind: operation\nname: build\nhubRef: kaniko\nrunPatch:\n  init:\n  - git: {url: x}\n",
    );
    check(
        "kind: component\nrun:\n  container:\n    args: [a]\n    x: 1\n    image: i\n  kind: job\ninputs:\n- type: str\n  name: n\n",
        "kind: component\ninputs:\n- name: n\n  type: str\nrun:\n  kind: job\n  container:\n    image: i\n    args: [a]\n    x: 1\n",
    );
}

#[test]
fn the_file_of_an_agent_has_an_order_of_its_own() {
    check(
        "engine:\n  secretsDir: s\n  network: host\nmaxRuns: 3\nconnections:\n- kind: registry\n  secret:\n    mountPath: /m\n    name: s\n  name: c\nnamespace: n\n",
        "namespace: n\nconnections:\n- name: c\n  kind: registry\n  secret:\n    name: s\n    mountPath: /m\nengine:\n  network: host\n  secretsDir: s\nmaxRuns: 3\n",
    );
    // One that says nothing of its own may be anything.
    check(
        "connections: [c]\nnamespace: n\n",
        "namespace: n\nconnections: [c]\n",
    );
    // What is of neither is left alone.
    check(
        "queues: [{name: a}]\nrun: {kind: job}\nkind: component\n",
        "kind: component\nrun: {kind: job}\nqueues: [{name: a}]\n",
    );
}

#[test]
fn names_that_people_give_keep_their_order() {
    let text = "hubRef: a\nparams:\n  z:\n    value: {b: 1, a: 2}\n    connection: c\n  a: {toEnv: E, value: 1}\n  m:\n    z: 1\n    a: 2\n";
    check(text, text);
    check(
        "kind: component\nzzz: 1\naaa: 2\nrun: {kind: job}\n",
        "kind: component\nrun: {kind: job}\nzzz: 1\naaa: 2\n",
    );
}

#[test]
fn comments_stay_with_what_they_belong_to() {
    check(
        "\
# yaml-language-server: $schema=s.json
# A build.

# the component
hubRef: kaniko   # pinned later
kind: operation

# what goes in
params:
    # the image
    destination:
        value: a   # tag
        # end of destination
    # end of params

# at the end
",
        "\
# yaml-language-server: $schema=s.json
# A build.

kind: operation
# the component
hubRef: kaniko   # pinned later

# what goes in
params:
  # the image
  destination:
    value: a   # tag
    # end of destination
  # end of params

# at the end
",
    );
}

#[test]
fn comments_between_list_items() {
    check(
        "\
kind: component
inputs:  # all
  # first
  - type: str   # of text
    # its name
    name: a
    # nothing more

  # second
  -
    name: b
  # - name: c
  #   type: int
# run it
run:
  kind: job
",
        "\
kind: component
inputs:  # all
# first
# its name
- name: a
  type: str   # of text
  # nothing more

# second
- name: b
# - name: c
#   type: int
# run it
run:
  kind: job
",
    );
}

#[test]
fn text_keeps_its_bytes() {
    check(
        "\
kind: component
run:
   kind: job
   container:
      args:
        - |
            one
              two  

            three
        - >2
             four
        - \"a  
             b\\  
             c\"
        - plain
          and more
        - 0777
        - on
        - '1.10'
",
        "\
kind: component
run:
  kind: job
  container:
    args:
    - |
      one
        two  

      three
    - >2
         four
    - \"a  
         b\\  
         c\"
    - plain
      and more
    - 0777
    - on
    - '1.10'
",
    );
}

#[test]
fn blank_lines_of_a_kept_block_are_its_own() {
    check(
        "run: {}\nconditions: |+\n  a\n\n\n\nkind: operation\n\n\n\n\ndescription: |\n  b\n\n\n\n",
        "kind: operation\n\ndescription: |\n  b\nrun: {}\nconditions: |+\n  a\n\n\n\n",
    );
    check("conditions: |\n  a", "conditions: |\n  a");
    check("name: a\nkind: |", "name: a\nkind: |");
    check("tags:\n- |+\n\n J\n ", "tags:\n- |+\n\n  J\n");
    check("name: a", "name: a\n");
    check("conditions: |\n  a\n# b", "conditions: |\n  a\n# b\n");
}

#[test]
fn anchors_stay_before_their_aliases() {
    let text = "run: {container: &c {image: i}}\nkind: component\n";
    check(text, "kind: component\nrun: {container: &c {image: i}}\n");
    let text = "run: {container: &c {image: i}}\nkind: component\ncontainer: *c\n";
    check(
        text,
        "kind: component\nrun: {container: &c {image: i}}\ncontainer: *c\n",
    );
    let kept = "params: &p\n  a: 1\nhubRef: x\ncontainer: {x: *q }\n".replace("*q", "*p");
    check(
        &kept,
        "hubRef: x\nparams: &p\n  a: 1\ncontainer: {x: *p }\n",
    );
    let kept = "runPatch: &p\n  kind: job\nrun:\n  <<: *p\n  kind: job\n";
    check(kept, kept);
}

#[test]
fn line_ends_and_marks() {
    check(
        "\u{feff}kind: operation  \r\nhubRef :   a\t\r\n\r\n\r\n",
        "kind: operation\nhubRef: a\n",
    );
    check(
        "%YAML 1.1\n--- # start\nhubRef:  a\nkind: operation\n... # end\n",
        "%YAML 1.1\n--- # start\nkind: operation\nhubRef: a\n... # end\n",
    );
    check(
        "{\"kind\": \"operation\",  \n  \"hubRef\": \"a\"}",
        "{\"kind\": \"operation\",\n  \"hubRef\": \"a\"}\n",
    );
    check("\n\u{feff}\n", "");
    check("\n \r\r\u{feff}\n", "");
    check("# nothing yet   \n\n", "# nothing yet\n");
    check("", "");
}

#[test]
fn brackets_stay_as_they_are_written() {
    check(
        "run:\n    connections: [a,\n      b,   # two\n\n      'c\n        d'\n    ]\n    kind: job\n",
        "run:\n  kind: job\n  connections: [a,\n    b,   # two\n\n    'c\n      d'\n  ]\n",
    );
}

#[test]
fn lists_in_lists_and_headers() {
    check(
        "run:\n  container:\n    args:\n    -   - a\n        - - b\n    - &x\n      k: v\n    - # why\n      k: v\n    - !!map {}\n    -\n    - *x\n",
        "run:\n  container:\n    args:\n    - - a\n      - - b\n    - &x\n      k: v\n    - # why\n      k: v\n    - !!map {}\n    -\n    - *x\n",
    );
}

#[test]
fn what_cannot_be_formatted_is_named() {
    let text = refusal("kind: operation\nname: a\nname: b\n");
    assert!(
        text.starts_with("f.yaml:3:1: the key `name` is given twice"),
        "{text}"
    );
    let text = refusal("version: 1\nkind: job\nrun: {cmd: c}\n");
    assert!(text.contains("polyaxon convert"), "{text}");
    let text = refusal("kind: operation\n? name\n: a\n");
    assert!(
        text.starts_with("f.yaml:2:1: `f.yaml` cannot be formatted: a key is written with `?`"),
        "{text}"
    );
    let text = refusal("kind: operation\nparams:\n  &a\n  b: 1\n");
    assert!(text.starts_with("f.yaml:3:3:"), "{text}");
    let text = refusal("- a\n");
    assert!(text.contains("is a mapping, not a list"), "{text}");
    assert!(refusal("a: [").contains("not valid YAML"));
}

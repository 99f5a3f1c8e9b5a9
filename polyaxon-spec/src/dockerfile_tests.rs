use super::*;
use rstest::rstest;
use serde_json::json;

fn text(fields: &Value) -> String {
    generate(&Dockerfile::from_json(fields).expect("valid fields"))
}

#[rstest]
#[case::language_and_step(
    json!({"image": "tensorflow/tensorflow:2.0.1-py3",
        "run": ["pip3 install --no-cache-dir -U polyaxon"], "langEnv": "en_US.UTF-8"}),
    "\nFROM tensorflow/tensorflow:2.0.1-py3\n\nENV LC_ALL en_US.UTF-8\nENV LANG en_US.UTF-8\n\
     ENV LANGUAGE en_US.UTF-8\n\nENV SHELL /bin/bash\nWORKDIR /code\n\n\
     RUN pip3 install --no-cache-dir -U polyaxon\n")]
#[case::minimal(
    json!({"image": "busybox"}),
    "\nFROM busybox\n\n\nENV SHELL /bin/bash\nWORKDIR /code\n\n")]
#[case::language_without_shell(
    json!({"image": "busybox", "langEnv": "C", "shell": null}),
    "\nFROM busybox\n\nENV LC_ALL C\nENV LANG C\nENV LANGUAGE C\nWORKDIR /code\n\n")]
#[case::pairs_and_root(
    json!({"image": "a:b", "env": [["A", "1"], ["B", "2"]], "uid": 0, "gid": 0, "shell": null}),
    "\nFROM a:b\n\nENV A 1\nENV B 2\nWORKDIR /code\n\n")]
#[case::values_print_as_python(
    json!({"image": "a", "env": {"A": true, "C": null, "D": 1.5}, "workdir": null, "shell": ""}),
    "\nFROM a\n\nENV A True\nENV C None\nENV D 1.5\nWORKDIR None\n\n")]
#[case::everything(
    json!({"image": "python:3.11", "env": {"K1": "v1", "K2": "a b"}, "path": ["/opt/bin", "/x/bin"],
        "copy": ["requirements.txt", ["src", "/app/src"]],
        "run": ["pip install -r requirements.txt", "echo done"],
        "postRunCopy": [["late.txt", "/app/late.txt"], "code"], "uid": 1000, "gid": 2000,
        "username": "bob", "workdir": "/app", "workdirPath": "./project", "shell": "/bin/sh",
        "filename": "Dockerfile2", "langEnv": "C.UTF-8"}),
    "\nFROM python:3.11\n\nENV LC_ALL C.UTF-8\nENV LANG C.UTF-8\nENV LANGUAGE C.UTF-8\n\n\
     ENV SHELL /bin/sh\nENV PATH=\"${PATH}:/opt/bin\"\nENV PATH=\"${PATH}:/x/bin\"\nENV K1 v1\n\
     ENV K2 a b\nWORKDIR /app\n\nCOPY requirements.txt /app\nCOPY src /app/src\n\
     RUN pip install -r requirements.txt\nRUN echo done\nCOPY late.txt /app/late.txt\n\
     COPY code /app\n# Drop root user and use Polyaxon user\n\
     RUN groupadd -g 2000 -r polyaxon && useradd -r -m -g polyaxon -u 1000 bob\n\
     COPY ./project /app\n")]
fn writes_the_exact_bytes(#[case] fields: Value, #[case] expected: &str) {
    assert_eq!(text(&fields), expected);
}

#[rstest]
#[case::unknown_field(json!({"image": "a", "runs": []}))]
#[case::no_image(json!({"run": ["ls"]}))]
#[case::image_with_space(json!({"image": "a b"}))]
#[case::run_as_text(json!({"image": "a", "run": "ls"}))]
#[case::copy_of_three(json!({"image": "a", "copy": [["a", "b", "c"]]}))]
#[case::uid_as_word(json!({"image": "a", "uid": "me"}))]
#[case::list(json!([]))]
fn refuses(#[case] fields: Value) {
    assert!(Dockerfile::from_json(&fields).is_err());
}

#[test]
fn only_user_and_group_together_make_a_user() {
    assert!(!text(&json!({"image": "a", "uid": 1})).contains("groupadd"));
    assert!(text(&json!({"image": "a", "uid": "1", "gid": 2})).contains("-u 1 polyaxon\n"));
}

use super::*;

fn evidence<'a>(log: &'a BuildLog, platform: &'a PlatformState, exit_code: i32) -> Evidence<'a> {
    Evidence {
        intent: None,
        exit_code: Some(exit_code),
        platform,
        log,
        init_log: "",
        dockerfile: None,
    }
}

const RUN: &str = "INFO[0000] Building stage 'a' [idx: '0', base-idx: '-1']\nINFO[0000] RUN make\n";

#[test]
fn the_line_is_that_of_the_same_occurrence() {
    let log = BuildLog::read(
        format!("{RUN}INFO[0001] RUN make\nerror building image: error building stage: failed to execute command: waiting for process to exit: exit status 2\n").as_bytes(),
    );
    let file = Instructions::read("FROM a\nRUN make\nRUN make\n");
    let platform = PlatformState::default();
    let verdict = classify(&Evidence {
        dockerfile: Some(&file),
        ..evidence(&log, &platform, 2)
    });
    assert_eq!(verdict.class, Class::RunFailed);
    assert_eq!(verdict.dockerfile_line, Some(3));
    assert_eq!(verdict.message, "`RUN make` ended with exit status 2");
}

#[test]
fn a_long_instruction_does_not_drown_the_sentence() {
    let instruction = format!("RUN apt-get install {}", "a-package ".repeat(60));
    let log = BuildLog::read(
        format!(
            "INFO[0000] Building stage 'a' [idx: '0', base-idx: '-1']\nINFO[0000] {instruction}\nerror building image: error building stage: failed to execute command: waiting for process to exit: exit status 2\n"
        )
        .as_bytes(),
    );
    let platform = PlatformState::default();
    let verdict = classify(&evidence(&log, &platform, 2));
    assert!(verdict.message.len() < 180, "{}", verdict.message);
    let failed = verdict.failed_instruction.unwrap();
    assert_eq!(failed.text, instruction.trim_end());
}

#[test]
fn our_own_stop_explains_everything() {
    let log = BuildLog::read(RUN.as_bytes());
    let platform = PlatformState {
        disruption: Some("DeletionByPodGC".to_owned()),
        ..PlatformState::default()
    };
    let verdict = classify(&Evidence {
        intent: Some(Intent::Stop),
        ..evidence(&log, &platform, 2)
    });
    assert_eq!(
        (verdict.class, verdict.retry),
        (Class::Cancelled, Retry::No)
    );
    assert_eq!(verdict.message, "the build was stopped at `RUN make`");
}

#[test]
fn nothing_known_is_unknown_with_its_last_lines() {
    let log = BuildLog::read(b"hello\nworld\n");
    let platform = PlatformState::default();
    let verdict = classify(&evidence(&log, &platform, 3));
    assert_eq!(
        (verdict.class, verdict.retry),
        (Class::Unknown, Retry::Once)
    );
    assert_eq!(verdict.lines, ["hello", "world"]);
    assert_eq!(
        verdict.message,
        "the build ended with exit status 3 and no reason that is known"
    );
}

#[test]
fn a_verdict_reads_a_log_of_any_bytes() {
    proptest::proptest!(|(bytes: Vec<u8>, exit_code in -1..300)| {
        let log = BuildLog::read(&bytes);
        let platform = PlatformState::default();
        classify(&evidence(&log, &platform, exit_code));
    });
}

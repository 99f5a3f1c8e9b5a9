//! Tests on a real engine: `POLYAXON_ENGINE_SOCKET=/path cargo test -p polyaxon-agent -- --ignored`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveContainerOptionsBuilder};
use futures::{StreamExt, TryStreamExt};
use polyaxon_spec::plan::{ContainerPlan, EnvVar, Mount, PodPlan, Role, VolumePlan, VolumeSource};
use tokio::task::JoinHandle;

use super::*;
use crate::config::Network;
use crate::executor::{Ending, Observation, Phase, Sights, Told};

const IMAGE: &str = "localhost/polyaxon-agent-test:latest";
const REASON: &str = "needs a container engine: POLYAXON_ENGINE_SOCKET";

fn socket() -> PathBuf {
    std::env::var_os("POLYAXON_ENGINE_SOCKET")
        .expect(REASON)
        .into()
}

/// A static busybox with a shell, made from the one of this machine.
async fn make_image(docker: &Docker) {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _others_wait = ONE_AT_A_TIME.lock().await;
    if docker.inspect_image(IMAGE).await.is_ok() {
        return;
    }
    let busybox = std::fs::read("/bin/busybox").expect("a static busybox in /bin");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(busybox.len() as u64);
    header.set_mode(0o755);
    archive
        .append_data(&mut header, "bin/busybox", busybox.as_slice())
        .expect("file");
    for applet in ["sh", "cat", "sleep", "echo", "ls", "id"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, format!("bin/{applet}"), "busybox")
            .expect("link");
    }
    let bytes = archive.into_inner().expect("archive");
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo("localhost/polyaxon-agent-test")
        .tag("latest")
        .build();
    let _progress: Vec<_> = docker
        .create_image(Some(options), Some(bollard::body_full(bytes.into())), None)
        .try_collect()
        .await
        .expect("imported");
}

struct Bed {
    folder: tempfile::TempDir,
    executor: Arc<EngineExecutor>,
    agent: String,
    run: String,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir_all(folder.path().join("secrets/token")).expect("folder");
        std::fs::write(folder.path().join("secrets/token/key"), "s3cret").expect("secret");
        let agent = uuid::Uuid::new_v4().simple().to_string();
        let executor = executor(folder.path(), &agent);
        make_image(&executor.docker).await;
        Self {
            folder,
            executor,
            agent,
            run: uuid::Uuid::new_v4().simple().to_string(),
        }
    }

    /// As after a restart of the agent.
    fn restarted(&self) -> Arc<EngineExecutor> {
        executor(self.folder.path(), &self.agent)
    }

    fn plan(&self, pod: PodPlan) -> Arc<AttemptPlan> {
        Arc::new(AttemptPlan {
            key: AttemptKey::new(self.run.clone(), 1),
            fence: 3,
            spec_hash: "sha256:aa".to_owned(),
            pod,
            build: None,
        })
    }

    async fn output(&self, key: &AttemptKey, container: &str) -> String {
        let pieces: Vec<LogPiece> = self
            .executor
            .logs(key, container, true)
            .try_collect()
            .await
            .expect("log");
        assert!(pieces.iter().all(|piece| piece.at_ns > 0));
        let bytes: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece.data.to_vec())
            .collect();
        String::from_utf8(bytes).expect("text")
    }

    /// Removes the attempt and checks that nothing is left.
    async fn end(&self, key: &AttemptKey) {
        self.executor.remove(key).await.expect("removed");
        self.executor.remove(key).await.expect("may be repeated");
        assert_eq!(self.executor.inventory().await.expect("inventory"), []);
        let left = self
            .executor
            .docker
            .list_volumes(Some(
                bollard::query_parameters::ListVolumesOptionsBuilder::default()
                    .filters(&labels::filters_of_agent(&self.agent))
                    .build(),
            ))
            .await
            .expect("volumes");
        assert!(left.volumes.unwrap_or_default().is_empty());
    }
}

fn executor(folder: &Path, agent: &str) -> Arc<EngineExecutor> {
    let options = EngineOptions {
        socket: socket(),
        network: Network::Host,
        secrets_dir: Some(folder.join("secrets")),
        config_maps_dir: None,
        claims_dir: Some(folder.join("claims")),
        host_folders: HostFolders::new([folder.join("store")]),
        pod_image: PodImage::Archive(folder.join("pod.tar")),
        ca_bundle: None,
        agent: agent.to_owned(),
    };
    Arc::new(EngineExecutor::new(options).expect("an engine"))
}

fn container(name: &str, role: Role, script: &str) -> ContainerPlan {
    ContainerPlan {
        name: name.to_owned(),
        role,
        image: IMAGE.to_owned(),
        command: vec!["/bin/sh".to_owned(), "-c".to_owned()],
        args: vec![script.to_owned()],
        mounts: vec![Mount {
            volume: "work".to_owned(),
            path: "/shared".to_owned(),
            ..Mount::default()
        }],
        ..ContainerPlan::default()
    }
}

fn pod(init: Vec<ContainerPlan>, containers: Vec<ContainerPlan>) -> PodPlan {
    let volume = |name: &str, source| VolumePlan {
        name: name.to_owned(),
        source,
    };
    PodPlan {
        init_containers: init,
        containers,
        volumes: vec![
            volume(
                "work",
                VolumeSource::EmptyDir {
                    medium: None,
                    size_limit: None,
                },
            ),
            volume(
                "token",
                VolumeSource::Secret {
                    name: "token".to_owned(),
                    items: Vec::new(),
                    default_mode: None,
                },
            ),
        ],
        ..PodPlan::default()
    }
}

fn main_of(script: &str) -> PodPlan {
    pod(vec![], vec![container("polyaxon-main", Role::Main, script)])
}

fn start(
    executor: &Arc<EngineExecutor>,
    plan: &Arc<AttemptPlan>,
) -> (JoinHandle<Result<(), ExecutorError>>, Told) {
    let (sender, receiver) = Sights::new();
    let executor = Arc::clone(executor);
    let plan = Arc::new(KeptPlan::whole(AttemptPlan::clone(plan)));
    let task = tokio::spawn(async move { executor.run(plan, sender).await });
    (task, receiver)
}

async fn all(mut seen: Told) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(next) = seen.next().await {
        all.push(next);
    }
    all
}

async fn until_running(seen: &mut Told) {
    loop {
        match seen.next().await {
            Some(Seen::Attempt(Observation::Running)) => return,
            Some(Seen::Container(_) | Seen::Attempt(Observation::Waiting { .. })) => {}
            other => panic!("it does not run: {other:?}"),
        }
    }
}

fn ending(seen: Vec<Seen>) -> Ending {
    match seen.into_iter().next_back() {
        Some(Seen::Attempt(Observation::Ended(ending))) => ending,
        other => panic!("no ending: {other:?}"),
    }
}

async fn run(bed: &Bed, plan: &Arc<AttemptPlan>) -> Vec<Seen> {
    let created = bed.executor.create(plan).await.expect("created");
    assert!(matches!(created, Created::New { .. }), "{created:?}");
    let (task, seen) = start(&bed.executor, plan);
    let seen = all(seen).await;
    task.await.expect("task").expect("run");
    seen
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn init_containers_main_and_sidecar_share_the_pods_volumes() {
    let bed = Bed::new().await;
    let archive: Vec<u8> = bed
        .executor
        .docker
        .export_image(IMAGE)
        .try_fold(Vec::new(), |mut all, part| async move {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await
        .expect("exported");
    std::fs::write(bed.folder.path().join("pod.tar"), archive).expect("archive");
    let mut ours = container(
        "polyaxon-init",
        Role::File,
        "echo -n one >/shared/a; echo init",
    );
    ours.image = String::new();
    let second = container(
        "second",
        Role::Custom,
        "cat /shared/a; echo two >>/shared/a",
    );
    let mut main = container(
        "polyaxon-main",
        Role::Main,
        "cat /shared/a /token/key; echo; echo $A >&2; echo -n sha256:00 >/shared/digest; printf end",
    );
    main.env = vec![EnvVar::value("A", "x=y")];
    main.mounts.push(Mount {
        volume: "token".to_owned(),
        path: "/token".to_owned(),
        read_only: Some(true),
        ..Mount::default()
    });
    let sidecar = container(
        "polyaxon-sidecar",
        Role::Sidecar,
        "trap 'cat /shared/digest; exit 0' TERM; while :; do sleep 0.1; done",
    );
    let plan = bed.plan(pod(vec![ours, second], vec![main, sidecar]));
    let seen = run(&bed, &plan).await;
    let names: Vec<&str> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Container(name) => Some(&**name),
            Seen::Attempt(_) | Seen::Isolation(_) => None,
        })
        .collect();
    assert_eq!(
        names,
        [
            "polyaxon-init",
            "second",
            "polyaxon-sidecar",
            "polyaxon-main"
        ]
    );
    let ending = ending(seen);
    assert_eq!(
        (ending.exit_code, ending.reason.as_str()),
        (Some(0), "Completed")
    );
    let key = &plan.key;
    assert_eq!(bed.output(key, "polyaxon-init").await, "init\n");
    assert_eq!(bed.output(key, "second").await, "one");
    let main = bed.output(key, "polyaxon-main").await;
    assert!(
        main.contains("onetwo\ns3cret\n") && main.contains("x=y\n"),
        "{main}"
    );
    assert_eq!(bed.output(key, "polyaxon-sidecar").await, "sha256:00");
    let file = |path| bed.executor.read_file(key, "polyaxon-main", path);
    assert_eq!(
        file("/shared/digest").await.expect("read"),
        Some(b"sha256:00".to_vec())
    );
    assert_eq!(file("/shared/none").await.expect("read"), None);
    bed.end(key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn failures_carry_status_and_last_lines() {
    let bed = Bed::new().await;
    let main = container(
        "polyaxon-main",
        Role::Main,
        "echo first; echo >&2 last; exit 3",
    );
    let plan = bed.plan(pod(vec![], vec![main.clone()]));
    let failed = ending(run(&bed, &plan).await);
    assert_eq!(failed.exit_code, Some(3));
    assert_eq!(failed.last_lines, ["first", "last"]);
    bed.end(&plan.key).await;

    let init = container("init", Role::Custom, "echo broken; exit 4");
    let plan = bed.plan(pod(vec![init], vec![main.clone()]));
    let failed = ending(run(&bed, &plan).await);
    assert_eq!(
        (failed.container.as_str(), failed.exit_code),
        ("init", Some(4))
    );
    assert_eq!(failed.last_lines, ["broken"]);
    bed.end(&plan.key).await;

    let mut absent = main.clone();
    absent.image = "localhost/polyaxon-no-such-image:1".to_owned();
    let plan = bed.plan(pod(vec![], vec![absent]));
    let failed = ending(run(&bed, &plan).await);
    assert_eq!(
        (failed.exit_code, failed.reason.as_str()),
        (None, "ImagePull")
    );
    assert!(
        failed.message.contains("polyaxon-no-such-image"),
        "{}",
        failed.message
    );
    bed.end(&plan.key).await;

    let mut no_command = main;
    no_command.command = vec!["/no/such/program".to_owned()];
    let plan = bed.plan(pod(vec![], vec![no_command]));
    let failed = ending(run(&bed, &plan).await);
    assert_eq!(
        (failed.exit_code, failed.reason.as_str()),
        (None, "StartError")
    );
    assert!(!failed.message.is_empty());
    bed.end(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn what_cannot_run_is_refused_before_anything_exists() {
    let bed = Bed::new().await;
    let mut main = main_of("true");
    main.containers[0].mounts[0].volume = "other".to_owned();
    let refused = bed.executor.create(&bed.plan(main)).await;
    assert!(
        matches!(refused, Err(ExecutorError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(bed.executor.inventory().await.expect("inventory"), []);
}

/// A main container with a folder of the machine at `/store`.
fn with_store(script: &str, source: VolumeSource, sub_path: Option<&str>) -> PodPlan {
    let mut pod = main_of(script);
    pod.volumes.push(VolumePlan {
        name: "store".to_owned(),
        source,
    });
    pod.containers[0].mounts.push(Mount {
        volume: "store".to_owned(),
        path: "/store".to_owned(),
        sub_path: sub_path.map(str::to_owned),
        ..Mount::default()
    });
    pod
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn a_link_that_a_run_left_leads_no_other_run_to_the_machine() {
    let bed = Bed::new().await;
    let machine = bed.folder.path();
    std::fs::write(machine.join("private"), "of the machine").expect("file");
    let host = |path: &str| VolumeSource::HostPath {
        path: machine.join(path).display().to_string(),
        kind: None,
    };
    let claim = || VolumeSource::Claim {
        name: "data".to_owned(),
        read_only: None,
    };
    let leave = format!(
        "/bin/busybox ln -s {} /store/evil && echo left",
        machine.display()
    );
    for store in [host("store"), claim()] {
        let plan = bed.plan(with_store(&leave, store, None));
        let ended = ending(run(&bed, &plan).await);
        assert_eq!(ended.exit_code, Some(0), "{ended:?}");
        bed.end(&plan.key).await;
    }
    for folder in ["store", "claims/data"] {
        let link = machine.join(folder).join("evil");
        let private = std::fs::read_to_string(link.join("private"));
        assert_eq!(private.expect("the link is there"), "of the machine");
    }

    for (store, sub_path) in [
        (host("store"), Some("evil")),
        (host("store"), Some("evil/new")),
        (host("store/evil"), None),
        (claim(), Some("evil")),
    ] {
        let plan = bed.plan(with_store("cat /store/private", store, sub_path));
        let refused = bed.executor.create(&plan).await;
        assert!(
            matches!(refused, Err(ExecutorError::Refused(_))),
            "{refused:?}"
        );
    }
    assert!(!machine.join("new").exists());

    // Whole, the link leads to a place in the container.
    let look = "cat /store/evil/private 2>&1 || echo nothing";
    let plan = bed.plan(with_store(look, host("store"), None));
    assert_eq!(ending(run(&bed, &plan).await).exit_code, Some(0));
    let seen = bed.output(&plan.key, "polyaxon-main").await;
    assert!(seen.ends_with("nothing\n"), "{seen}");
    bed.end(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn a_stop_ends_within_two_seconds_what_ignores_it() {
    let bed = Bed::new().await;
    let plan = bed.plan(main_of("trap '' TERM; while :; do sleep 0.2; done"));
    bed.executor.create(&plan).await.expect("created");
    let (task, mut seen) = start(&bed.executor, &plan);
    until_running(&mut seen).await;
    let started = Instant::now();
    bed.executor.stop(&plan.key).await.expect("stopped");
    let ending = ending(all(seen).await);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    assert_ne!(ending.exit_code, Some(0));
    task.await.expect("task").expect("run");
    bed.end(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn nothing_starts_after_a_stop() {
    let bed = Bed::new().await;
    let plan = bed.plan(main_of("echo ran"));
    bed.executor.create(&plan).await.expect("created");
    bed.executor.stop(&plan.key).await.expect("stopped");
    let (_task, seen) = start(&bed.executor, &plan);
    let ending = ending(all(seen).await);
    assert_eq!(
        (ending.exit_code, ending.reason.as_str()),
        (None, "Stopped")
    );
    bed.end(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn a_new_agent_goes_on_where_the_old_one_was() {
    let bed = Bed::new().await;
    let plan = bed.plan(main_of("sleep 1; echo once"));
    bed.executor.create(&plan).await.expect("created");
    let (task, mut seen) = start(&bed.executor, &plan);
    until_running(&mut seen).await;
    task.abort();
    let restarted = bed.restarted();
    let found = restarted.inventory().await.expect("inventory");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].key, found[0].fence, found[0].phase),
        (&plan.key, 3, Phase::Running)
    );
    let again = restarted.create(&plan).await.expect("created");
    assert_eq!(
        again,
        Created::Adopted {
            uid: found[0].uid.clone()
        }
    );
    let mut other = AttemptPlan::clone(&plan);
    other.spec_hash = "sha256:bb".to_owned();
    let other = restarted.create(&other).await.expect("answer");
    assert!(matches!(other, Created::Conflict { .. }), "{other:?}");
    let stranger = executor(bed.folder.path(), "somebody-else");
    let theirs = stranger.create(&plan).await.expect("answer");
    assert!(matches!(theirs, Created::Conflict { .. }), "{theirs:?}");
    let (_task, seen) = start(&restarted, &plan);
    let seen = all(seen).await;
    assert!(
        seen.contains(&Seen::Container("polyaxon-main".into())),
        "{seen:?}"
    );
    assert_eq!(ending(seen).exit_code, Some(0));
    assert_eq!(bed.output(&plan.key, "polyaxon-main").await, "once\n");
    bed.end(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn what_is_removed_is_of_one_attempt_only() {
    let bed = Bed::new().await;
    let plan = bed.plan(main_of("true"));
    let other = Arc::new(AttemptPlan {
        key: AttemptKey::new(uuid::Uuid::new_v4().simple().to_string(), 1),
        ..AttemptPlan::clone(&plan)
    });
    bed.executor.create(&plan).await.expect("created");
    // It has no container yet, so that nothing but its labels protects what stands for it.
    bed.executor.create(&other).await.expect("created");
    bed.executor.remove(&plan.key).await.expect("removed");
    let found = bed.executor.inventory().await.expect("inventory");
    let keys: Vec<&AttemptKey> = found.iter().map(|found| &found.key).collect();
    assert_eq!(keys, [&other.key]);
    bed.end(&other.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn main_is_never_started_twice() {
    let bed = Bed::new().await;
    let plan = bed.plan(main_of("sleep 60"));
    bed.executor.create(&plan).await.expect("created");
    let (task, mut seen) = start(&bed.executor, &plan);
    until_running(&mut seen).await;
    let name = container::name_of(&plan.key, "polyaxon-main");
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    bed.executor
        .docker
        .remove_container(&name, Some(options))
        .await
        .expect("removed");
    let vanished = Seen::Attempt(Observation::Vanished);
    assert_eq!(all(seen).await.last(), Some(&vanished));
    task.await.expect("task").expect("run");
    let (_task, seen) = start(&bed.restarted(), &plan);
    assert_eq!(all(seen).await, [vanished]);
    bed.end(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs a container engine: POLYAXON_ENGINE_SOCKET"]
async fn a_followed_log_comes_while_it_is_written() {
    let bed = Bed::new().await;
    let plan = bed.plan(main_of("echo early; sleep 3; echo late"));
    bed.executor.create(&plan).await.expect("created");
    let (_task, mut seen) = start(&bed.executor, &plan);
    until_running(&mut seen).await;
    let started = Instant::now();
    let mut log = bed.executor.logs(&plan.key, "polyaxon-main", true);
    let first = log.next().await.expect("a piece").expect("readable");
    assert_eq!((first.data.as_ref(), first.stream), (&b"early\n"[..], 1));
    assert!(started.elapsed() < Duration::from_secs(2));
    let rest: Vec<_> = log.try_collect().await.expect("log");
    assert_eq!(rest.len(), 1);
    let absent: Result<Vec<_>, _> = bed
        .executor
        .logs(&plan.key, "none", false)
        .try_collect()
        .await;
    assert!(matches!(absent, Err(ExecutorError::Gone(_))), "{absent:?}");
    bed.end(&plan.key).await;
}

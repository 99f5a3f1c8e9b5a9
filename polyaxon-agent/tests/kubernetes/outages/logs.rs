//! What is read and watched while parts of the cluster are away.

use std::time::Duration;

use futures::StreamExt as _;
use polyaxon_agent::attempt::AttemptKey;
use polyaxon_agent::executor::{Ending, Executor, ExecutorError, Observation};
use polyaxon_agent::logs::Position;

use super::{Outage, SmallLogs};
use crate::cluster::{Cluster, LIMIT};

/// Stands for lines that are missing.
const GAP: &str = "[gap]";

/// Reads the main container's log as the agent does, over everything that breaks.
#[derive(Default)]
struct Reader {
    position: Position,
    text: String,
    /// Times that a stream broke off.
    breaks: usize,
}

impl Reader {
    /// Reads until the container has ended, or until a line has come.
    async fn read(&mut self, cluster: &Cluster, key: &AttemptKey, until: Option<&str>) {
        let reading = async {
            let mut follow = true;
            while !self.read_once(cluster, key, follow, until).await {
                tokio::time::sleep(Duration::from_millis(200)).await;
                follow = true;
            }
            if until.is_none() {
                if self.position.found_nothing() {
                    self.text.push_str(GAP);
                    self.text.push('\n');
                }
                follow = false;
                while !self.read_once(cluster, key, follow, until).await {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        };
        let limit = LIMIT * 2;
        assert!(
            tokio::time::timeout(limit, reading).await.is_ok(),
            "{}",
            self.breaks
        );
    }

    /// One stream; answers whether it came to its end.
    async fn read_once(
        &mut self,
        cluster: &Cluster,
        key: &AttemptKey,
        follow: bool,
        until: Option<&str>,
    ) -> bool {
        self.position.rewind();
        let mut pieces = cluster.executor.logs(key, "polyaxon-main", follow);
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(ExecutorError::Unavailable { .. }) => {
                    self.breaks += 1;
                    return false;
                }
                Err(error) => panic!("{error}"),
            };
            let fresh = self.position.take(&piece);
            if fresh.gap {
                self.text.push_str(GAP);
                self.text.push('\n');
            }
            self.text
                .push_str(std::str::from_utf8(&fresh.data).expect("text"));
            if until.is_some_and(|line| self.text.ends_with(&format!("{line}\n"))) {
                return true;
            }
        }
        true
    }

    /// Numbers of the lines, `None` where some are missing.
    fn numbers(&self) -> Vec<Option<usize>> {
        self.text
            .lines()
            .map(|line| match line.split(' ').next() {
                Some(GAP) => None,
                number => Some(
                    number
                        .and_then(|number| number.parse().ok())
                        .expect("a number"),
                ),
            })
            .collect()
    }
}

fn numbers(from: usize, to: usize) -> impl Iterator<Item = Option<usize>> {
    (from..=to).map(Some)
}

/// Shell that writes numbered lines, so many a second, until the last one.
fn lines(from: usize, to: usize, a_second: usize) -> String {
    format!(
        "i={from}; while [ $i -le {to} ]; do echo $i; i=$((i+1)); [ $((i%{a_second})) -ne 0 ] || sleep 1; done; "
    )
}

/// Follows the log of 400 lines and what `end` says over three seconds without a part of the cluster; answers how it
/// ended.
async fn follow_over_an_outage_of(part: &'static str, end: &str) -> Ending {
    let cluster = Cluster::start_alone().await;
    let mut watch = cluster
        .launch(cluster.plan(&format!("{}{end}", lines(1, 400, 20))))
        .await;
    watch.wait_for(&Observation::Running).await;
    let mut reader = Reader::default();
    reader.read(&cluster, &watch.key, Some("20")).await;
    let key = watch.key.clone();
    let follow = reader.read(&cluster, &key, None);
    let outage = async {
        let outage = Outage::begin(part);
        tokio::time::sleep(Duration::from_secs(3)).await;
        tokio::task::spawn_blocking(move || drop(outage))
            .await
            .expect("started");
    };
    tokio::join!(follow, outage);
    assert!(reader.breaks > 0, "the stream did not break");
    assert_eq!(reader.numbers(), numbers(1, 400).collect::<Vec<_>>());
    let ending = watch.ending().await;
    cluster.executor.remove(&watch.key).await.expect("removed");
    cluster.wait_until_gone(&watch.key).await;
    ending
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_log_and_its_watch_survive_a_restart_of_the_api_server() {
    let ending = follow_over_an_outage_of("kube-apiserver", "exit 3").await;
    assert_eq!(ending.exit_code, Some(3));
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_log_survives_a_restart_of_the_kubelet() {
    assert!(follow_over_an_outage_of("kubelet", "").await.succeeded());
}

/// Shell that writes lines of a hundred bytes: so many parts of 300 KiB, a rotation apart.
fn much(from: usize, parts: usize) -> String {
    let to = from + parts * 3000;
    format!(
        "awk 'BEGIN {{ for (i = {from}; i < {to}; i++) {{ printf \"%d %090d\\n\", i, 0; \
         if ((i - {from}) % 3000 == 2999) {{ fflush(); system(\"sleep 5\") }} }} }}'; "
    )
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn what_is_rotated_away_while_nobody_reads_is_marked() {
    let mut cluster = Cluster::start_alone().await;
    let _small = SmallLogs::begin("256Ki");
    let start = format!(
        "{} sleep 3; {} sleep 5; ",
        lines(1, 100, 1000),
        much(101, 4)
    );
    let end = lines(12_101, 12_150, 1000);
    // What one writes last is in the newest file; the newest file of the other is empty.
    let mut runs = Vec::new();
    for line in [format!("{start} {end} sleep 1"), start] {
        let watch = cluster.launch(cluster.plan(&line)).await;
        runs.push((watch, Reader::default()));
    }
    for (watch, reader) in &mut runs {
        watch.wait_for(&Observation::Running).await;
        reader.read(&cluster, &watch.key, Some("100")).await;
    }
    // The agent is away from here on.
    cluster.restart().await;
    for (watch, reader) in &mut runs {
        assert!(watch.ending().await.succeeded());
        reader.read(&cluster, &watch.key, None).await;
    }
    let [with_end, without] = [0, 1].map(|run| runs[run].1.numbers());
    let before: Vec<_> = numbers(1, 100).chain([None]).collect();
    assert_eq!(with_end[..101], before);
    let first = with_end.get(101).copied().flatten().expect("a number");
    assert!(first > 3000, "{first}: was nothing rotated away?");
    assert_eq!(with_end[101..], numbers(first, 12_150).collect::<Vec<_>>());
    assert_eq!(without, before);
    for (watch, _) in &runs {
        cluster.executor.remove(&watch.key).await.expect("removed");
        cluster.wait_until_gone(&watch.key).await;
    }
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_rotation_under_a_reader_loses_and_doubles_nothing() {
    let cluster = Cluster::start_alone().await;
    let _small = SmallLogs::begin("256Ki");
    let mut watch = cluster.launch(cluster.plan(&much(1, 3))).await;
    watch.wait_for(&Observation::Running).await;
    let mut reader = Reader::default();
    reader.read(&cluster, &watch.key, None).await;
    let mut read = reader.numbers();
    // Who had to start over cannot know whether something stood before a newest file that is empty.
    if reader.breaks > 0 && read.last() == Some(&None) {
        read.pop();
    }
    assert_eq!(read, numbers(1, 9000).collect::<Vec<_>>());
    assert!(watch.ending().await.succeeded());
    cluster.executor.remove(&watch.key).await.expect("removed");
    cluster.wait_until_gone(&watch.key).await;
}

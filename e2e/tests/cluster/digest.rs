//! What the registry answers to the sidecar of a build, which asks for the digest of what was pushed.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{at_once, check_claimed, check_one_end, ended, get, is_end};
use polyaxon_e2e::cluster::{AgentFile, ClusterServices};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::fault_proxy::{Fault, FaultProxy, Rule};

use crate::failures::class;
use crate::{END, SMALL, open_registry, operation};

/// An answer after which the sidecar asks again.
pub(crate) const NOT_NOW: Fault = Fault::Status(503, "UNAVAILABLE");

/// A proxy before the registry without TLS that answers every question for a digest so.
pub(crate) fn proxy(fault: Fault) -> Result<FaultProxy> {
    let address = std::env::var("POLYAXON_E2E_CLUSTER_GATEWAY")?;
    let upstream = std::env::var("POLYAXON_E2E_CLUSTER_REGISTRY")?;
    let proxy = FaultProxy::start_on(address.parse()?, &upstream)?;
    proxy.set(Some(Rule {
        method: "HEAD",
        path: "/team/cluster/manifests/sha256:",
        fault,
    }));
    Ok(proxy)
}

/// Services with a connection for each proxy.
pub(crate) fn start_behind(proxies: &[&FaultProxy]) -> Result<ClusterServices> {
    let addresses: Vec<String> = proxies.iter().map(|proxy| proxy.address()).collect();
    let connections: Vec<String> = proxies
        .iter()
        .map(|proxy| open_registry(&connection(proxy), &proxy.address()))
        .collect();
    ClusterServices::start_with(&AgentFile {
        settings: SMALL,
        connections: &connections.concat(),
        insecure_registries: &addresses,
        ..AgentFile::default()
    })
}

fn connection(proxy: &FaultProxy) -> String {
    format!("proxy-{}", proxy.address().replace(['.', ':'], "-"))
}

/// The operation with the proxy as its destination.
pub(crate) fn through(proxy: &FaultProxy, operation: &str) -> String {
    operation.replace("docker-connection", &connection(proxy))
}

/// Waits until the sidecar of the only build behind the proxy has been answered so often.
pub(crate) fn wait_for_answers(proxy: &FaultProxy, count: usize) -> Result<()> {
    eventually(END, || {
        let met = proxy.met();
        ensure!(met >= count, "{met} answers of {count}");
        Ok(())
    })
}

/// A build, and what becomes of it.
type Case = fn(&ClusterServices, &FaultProxy) -> Result<()>;

const CASES: [(Fault, Case); 3] = [
    (Fault::Status(401, "UNAUTHORIZED"), not_told),
    (Fault::Status(404, "MANIFEST_UNKNOWN"), not_there),
    (NOT_NOW, told_later),
];

fn not_told(cluster: &ClusterServices, proxy: &FaultProxy) -> Result<()> {
    let uuid = cluster.queue(&through(proxy, &operation("not-told", "true")))?;
    check_claimed(&ended(cluster, &uuid)?, "succeeded")?;
    check_one_end(cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

fn not_there(cluster: &ClusterServices, proxy: &FaultProxy) -> Result<()> {
    let uuid = cluster.queue(&through(proxy, &operation("not-there", "true")))?;
    let run = ended(cluster, &uuid)?;
    check_claimed(&run, "failed")?;
    ensure!(class(&run)? == "push_unconfirmed", "{run:#}");
    check_one_end(cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

fn told_later(cluster: &ClusterServices, proxy: &FaultProxy) -> Result<()> {
    let uuid = cluster.queue(&through(proxy, &operation("told-later", "true")))?;
    // An absence is definite after three answers.
    wait_for_answers(proxy, 4)?;
    let run = get(cluster, &uuid)?;
    let status = run["status"].as_str().unwrap_or_default();
    ensure!(!is_end(status), "it gave up too early: {run:#}");
    proxy.set(None);
    cluster.check_whole(&uuid, 0)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_digest_is_believed_when_the_registry_says_so() -> Result<()> {
    let _turn = crate::shared_turn();
    let proxies = CASES.map(|(fault, _)| proxy(fault));
    let proxies = proxies.into_iter().collect::<Result<Vec<_>>>()?;
    let cluster = start_behind(&proxies.iter().collect::<Vec<_>>())?;
    let cases: Vec<_> = CASES.iter().zip(&proxies).collect();
    at_once(&cases, |((fault, case), proxy)| {
        case(&cluster, proxy).with_context(|| format!("{fault:?}"))
    })
}

//! The names of the fields of the Kubernetes objects that a file may contain. What is inside of those fields is
//! kept as it is written; of containers the types are known, too.

use super::container;
use super::table::Object;

/// A container.
pub(crate) static CONTAINER: Object = Object {
    required: None,
    rules: Some(container::check),
    name: "a container",
    fields: &[
        "args",
        "command",
        "env",
        "envFrom",
        "image",
        "imagePullPolicy",
        "lifecycle",
        "livenessProbe",
        "name",
        "ports",
        "readinessProbe",
        "resizePolicy",
        "resources",
        "restartPolicy",
        "restartPolicyRules",
        "securityContext",
        "startupProbe",
        "stdin",
        "stdinOnce",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "tty",
        "volumeDevices",
        "volumeMounts",
        "workingDir",
    ],
};

/// A volume.
pub(crate) static VOLUME: Object = Object {
    required: Some("name"),
    rules: None,
    name: "a volume",
    fields: &[
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "gitRepo",
        "glusterfs",
        "hostPath",
        "image",
        "iscsi",
        "name",
        "nfs",
        "persistentVolumeClaim",
        "photonPersistentDisk",
        "portworxVolume",
        "projected",
        "quobyte",
        "rbd",
        "scaleIO",
        "secret",
        "storageos",
        "vsphereVolume",
    ],
};

/// The affinity of a pod.
pub(crate) static AFFINITY: Object = Object {
    required: None,
    rules: None,
    name: "an affinity",
    fields: &["nodeAffinity", "podAffinity", "podAntiAffinity"],
};

/// A toleration.
pub(crate) static TOLERATION: Object = Object {
    required: None,
    rules: None,
    name: "a toleration",
    fields: &["effect", "key", "operator", "tolerationSeconds", "value"],
};

/// The security context of a pod. The fields that only containers have are accepted as well.
pub(crate) static SECURITY_CONTEXT: Object = Object {
    required: None,
    rules: None,
    name: "a security context",
    fields: &[
        "allowPrivilegeEscalation",
        "appArmorProfile",
        "capabilities",
        "fsGroup",
        "fsGroupChangePolicy",
        "privileged",
        "procMount",
        "readOnlyRootFilesystem",
        "runAsGroup",
        "runAsNonRoot",
        "runAsUser",
        "seLinuxChangePolicy",
        "seLinuxOptions",
        "seccompProfile",
        "supplementalGroups",
        "supplementalGroupsPolicy",
        "sysctls",
        "windowsOptions",
    ],
};

/// The DNS configuration of a pod.
pub(crate) static DNS_CONFIG: Object = Object {
    required: None,
    rules: None,
    name: "a DNS configuration",
    fields: &["nameservers", "options", "searches"],
};

/// An entry of the hosts file.
pub(crate) static HOST_ALIAS: Object = Object {
    required: Some("ip"),
    rules: None,
    name: "a host alias",
    fields: &["hostnames", "ip"],
};

/// Which failures of a pod count.
pub(crate) static POD_FAILURE_POLICY: Object = Object {
    required: Some("rules"),
    rules: None,
    name: "a pod failure policy",
    fields: &["rules"],
};

/// Resource requirements.
pub(crate) static RESOURCES: Object = Object {
    required: None,
    rules: None,
    name: "resources",
    fields: &["claims", "limits", "requests"],
};

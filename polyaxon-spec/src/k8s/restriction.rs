//! What our own containers may do beside a main container that may do little.

use serde_json::{Value, json};

use crate::plan::PodPlan;

/// The security context of our own containers in a run whose main container keeps to Pod Security's `restricted`: they are kept to the
/// same, so that all of the pod is. `None` where main is not.
pub(super) fn restriction(plan: &PodPlan) -> Option<Value> {
    let context = plan.main()?.rest.get("securityContext")?;
    let capabilities = context.get("capabilities")?;
    let drops_all = list(capabilities.get("drop")).any(|name| name == "ALL");
    let adds_any = list(capabilities.get("add")).next().is_some();
    let not_root = "runAsNonRoot";
    let not_root = context
        .get(not_root)
        .or_else(|| plan.scheduling.security_context.get(not_root));
    let is_restricted = drops_all
        && !adds_any
        && context.get("allowPrivilegeEscalation") == Some(&Value::Bool(false))
        && not_root == Some(&Value::Bool(true));
    is_restricted.then(|| {
        let mut ours =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        for name in ["runAsNonRoot", "runAsUser", "runAsGroup"] {
            if let Some(value) = context.get(name) {
                ours[name] = value.clone();
            }
        }
        ours
    })
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ContainerPlan, MAIN, Role};

    #[test]
    fn they_are_as_restricted_as_main() {
        let drop_all = json!({"drop": ["ALL"]});
        let restricted = json!({"allowPrivilegeEscalation": false, "capabilities": drop_all});
        let user = json!({
            "allowPrivilegeEscalation": false, "capabilities": drop_all, "runAsNonRoot": true, "runAsUser": 1000});
        let mut with_more = user.clone();
        with_more["readOnlyRootFilesystem"] = json!(true);
        let mut as_build = user.clone();
        as_build["capabilities"]["add"] = json!(["CHOWN"]);
        let not_root = json!({"runAsNonRoot": true});
        for (of_pod, of_main, wanted) in [
            (&Value::Null, &Value::Null, None),
            (&not_root, &Value::Null, None),
            (&Value::Null, &restricted, None),
            (&not_root, &restricted, Some(&restricted)),
            (&Value::Null, &user, Some(&user)),
            (&Value::Null, &with_more, Some(&user)),
            (&not_root, &as_build, None),
        ] {
            let mut main = ContainerPlan {
                name: MAIN.to_owned(),
                role: Role::Main,
                ..ContainerPlan::default()
            };
            main.rest
                .insert("securityContext".to_owned(), of_main.clone());
            let mut plan = PodPlan {
                containers: vec![main],
                ..PodPlan::default()
            };
            plan.scheduling.security_context = of_pod.clone();
            assert_eq!(restriction(&plan).as_ref(), wanted, "{of_pod} {of_main}");
        }
    }
}

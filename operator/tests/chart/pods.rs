//! Each pod that the chart makes or has an administrator make is one that a namespace with Pod Security `restricted` takes,
//! and the operator survives a node.

use std::process::Command;

use camerafleet_testkit::tool;
use serde_json::{Value, json};

use crate::{charts, documents, done, files};

/// The rules of the Pod Security Standard `restricted`, as far as a field can be missing, and two of our own: a root file
/// system that nobody writes to, and no token that was not asked for.
fn restricted(spec: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let pod = &spec["securityContext"];
    must(pod["runAsNonRoot"] == true, "runAsNonRoot");
    must(pod["runAsUser"].as_u64().is_some_and(|user| user > 0), "runAsUser");
    must(pod["seccompProfile"]["type"] == "RuntimeDefault", "seccompProfile");
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        must(spec[field].is_null(), field);
    }
    must(spec["automountServiceAccountToken"].is_boolean(), "automountServiceAccountToken is not said");
    let allowed = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        must(kinds.into_iter().all(|kind| allowed.contains(&kind.as_str())), "a volume's kind");
    }
    let all = ["containers", "initContainers", "ephemeralContainers"];
    for container in all.iter().flat_map(|kind| spec[*kind].as_array().into_iter().flatten()) {
        let own = &container["securityContext"];
        must(own["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
        must(own["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem");
        must(own["capabilities"] == json!({"drop": ["ALL"]}), "capabilities");
        must(own["privileged"].is_null() && own["procMount"].is_null(), "privileged or procMount");
        must(own["runAsUser"].is_null() && own["runAsNonRoot"].is_null(), "a user of its own");
        for port in container["ports"].as_array().into_iter().flatten() {
            must(port["hostPort"].is_null(), "hostPort");
        }
    }
    wrong
}

/// The pod specs in an object, whatever its kind.
fn pods(object: &Value) -> Vec<&Value> {
    match object {
        Value::Object(fields) if fields.contains_key("containers") => vec![object],
        Value::Object(fields) => fields.values().flat_map(pods).collect(),
        Value::Array(items) => items.iter().flat_map(pods).collect(),
        _ => Vec::new(),
    }
}

fn made_with(values: &std::path::Path) -> String {
    let mut helm = Command::new(tool("helm"));
    helm.args([
        "install",
        "camerafleet",
        "--dry-run=client",
        "--output",
        "json",
        "--namespace",
        "camerafleet-system",
    ]);
    helm.arg(charts("camerafleet")).arg("--values").arg(values).env("KUBECONFIG", "/dev/null");
    done(helm.output().unwrap())
}

#[test]
fn every_pod_is_restricted_and_that_of_the_notes_too() {
    for values in files("tests/values") {
        let release: Value = serde_json::from_str(&made_with(&values)).unwrap();
        let objects = documents(release["manifest"].as_str().unwrap());
        let found: Vec<&Value> = objects.iter().flat_map(pods).collect();
        assert_eq!(found.len(), 1, "the operator's");
        for pod in found {
            assert_eq!(restricted(pod), [""; 0], "{}: {pod}", values.display());
            for container in pod["containers"].as_array().unwrap() {
                assert!(
                    container["resources"]["limits"]["memory"].is_string(),
                    "no bound on memory: {container}"
                );
            }
        }
        let notes = release["info"]["notes"].as_str().unwrap();
        let overrides = notes.split("--overrides='").nth(1).unwrap().split('\'').next().unwrap();
        let overrides: Value = serde_json::from_str(overrides).unwrap();
        let mut pod = overrides["spec"].clone();
        // It runs for a moment, in the image's user.
        assert_eq!(restricted(&pod), [""; 0], "{pod}");
        pod["containers"][0]["securityContext"]["capabilities"] = json!({});
        assert_eq!(restricted(&pod), ["capabilities"]);
    }
}

#[test]
fn the_notes_give_the_next_three_commands() {
    for values in files("tests/values") {
        let release: Value = serde_json::from_str(&made_with(&values)).unwrap();
        let notes = release["info"]["notes"].as_str().unwrap();
        for (step, command) in [
            ("1.", "kubectl -n camerafleet-system run camerafleet-vault-setup"),
            ("2.", "kubectl apply -f examples/1-store-credentials.yaml"),
            ("3.", "kubectl get tenants,cameras --all-namespaces"),
        ] {
            let (step, command) = (notes.find(&format!("\n{step} ")), notes.find(command));
            assert!(step.is_some() && step < command, "{notes}");
        }
        // Each file that they name is there.
        for word in
            notes.split_whitespace().filter(|word| word.starts_with("examples/") && word.ends_with(".yaml"))
        {
            assert!(charts("..").join(word).is_file(), "{word}");
        }
    }
}

#[test]
fn two_replicas_on_two_nodes_where_there_are_and_a_drain_leaves_one() {
    let made = |replicas: &str| crate::rendered(&[&format!("replicas={replicas}")]);
    let kind = |objects: &[Value], kind: &str| objects.iter().find(|object| object["kind"] == kind).cloned();
    let objects = crate::rendered(&[]);
    let deployment = kind(&objects, "Deployment").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2);
    let selector = &deployment["spec"]["selector"];
    let affinity = &deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"];
    assert!(
        affinity["requiredDuringSchedulingIgnoredDuringExecution"].is_null(),
        "one node would run one replica only"
    );
    let term = &affinity["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"];
    assert_eq!((&term["labelSelector"], &term["topologyKey"]), (selector, &json!("kubernetes.io/hostname")));
    let budget = kind(&objects, "PodDisruptionBudget").unwrap();
    assert_eq!((&budget["spec"]["selector"], &budget["spec"]["minAvailable"]), (selector, &json!(1)));
    // With one it would hold up every drain.
    assert!(kind(&made("1"), "PodDisruptionBudget").is_none());
    let labels = deployment["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
    let policy = kind(&objects, "NetworkPolicy").unwrap();
    for selector in [&selector["matchLabels"], &policy["spec"]["podSelector"]["matchLabels"]] {
        assert!(selector.as_object().unwrap().iter().all(|(key, value)| labels[key] == *value), "{selector}");
    }
}

/// Every port of the operator's pods is let in, and no other.
#[test]
fn the_network_policy_lets_in_what_the_pods_serve() {
    let objects = crate::rendered(&["networkPolicy.egress.restricted=true"]);
    let of = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let ingress = &of("NetworkPolicy")["spec"]["ingress"];
    let let_in: Vec<u64> =
        ingress.as_array().unwrap().iter().map(|r| r["ports"][0]["port"].as_u64().unwrap()).collect();
    let container = &of("Deployment")["spec"]["template"]["spec"]["containers"][0];
    for port in container["ports"].as_array().unwrap() {
        assert!(let_in.contains(&port["containerPort"].as_u64().unwrap()), "{port}");
    }
    let egress = serde_json::to_string(&of("NetworkPolicy")["spec"]["egress"]).unwrap();
    for port in ["53", "8080", "443", "6443", "8200"] {
        assert!(
            egress.contains(&format!("\"port\":{port},")) || egress.contains(&format!("\"port\":{port}}}")),
            "{port}: {egress}"
        );
    }
}

//! Values that cannot be meant are refused before anything is installed, in words that say where.

use crate::{charts, done, template};

/// A value, and what the refusal must say.
const REFUSED: &[(&str, &[&str])] = &[
    ("replica=3", &["additional properties 'replica' not allowed"]),
    ("replicas=two", &["/replicas", "got string, want integer"]),
    ("replicas=-1", &["/replicas", "minimum"]),
    (
        "image.repository=registry.example.com/camerafleet:v1",
        &["/image/repository", "does not match pattern"],
    ),
    ("image.digest=0123", &["/image/digest", "sha256:"]),
    ("image.pullPolicy=Sometimes", &["/image/pullPolicy", "'Always', 'IfNotPresent', 'Never'"]),
    ("vault.address=vault.example.com", &["/vault/address", "https?://"]),
    ("vault.address=https://admin:password@vault.example.com", &["/vault/address"]),
    ("vault.caPem=-----BEGIN PRIVATE KEY-----", &["/vault/caPem"]),
    ("vault.caBundle.configMapName=A_b", &["/vault/caBundle/configMapName"]),
    ("log.s3.endpoint=s3.example.com", &["/log/s3/endpoint"]),
    ("log.s3.bucket=Logs", &["/log/s3/bucket"]),
    ("log.s3.pathStyle=maybe", &["/log/s3/pathStyle", "want boolean"]),
    ("listenAddress=localhost", &["/listenAddress"]),
    ("network.vaultCidrs={vault.example.com}", &["/network/vaultCidrs/0"]),
    ("networkPolicy.egress.tenantCidrs={10.0.0.1}", &["/networkPolicy/egress/tenantCidrs/0"]),
    ("networkPolicy.egress.restricted=null", &["/networkPolicy/egress"]),
    ("serviceMonitor.interval=30", &["/serviceMonitor/interval"]),
    ("podMonitor.enabled=yes please", &["/podMonitor/enabled", "want boolean"]),
    ("tolerations={all}", &["/tolerations/0", "want object"]),
    ("dashboards.lables.a=b", &["/dashboards", "'lables'"]),
    // These are not the schema's, and say what to set.
    ("image.repository=", &["image.repository is missing", "--set image.repository="]),
    ("vault.address=", &["vault.address is missing", "--set vault.address="]),
    ("log.s3.endpoint=", &["log.s3.endpoint is missing", "--set log.s3.endpoint="]),
    ("log.s3.bucket=", &["log.s3.bucket is missing", "--set log.s3.bucket="]),
    (
        "vault.caPem=-----BEGIN CERTIFICATE-----,vault.caBundle.secretName=ca",
        &["given more than once", "vault.caPem, vault.caBundle.configMapName and vault.caBundle.secretName"],
    ),
];

#[test]
fn values_that_cannot_be_meant_are_refused_and_the_refusal_says_where() {
    done(template(&[]));
    for (value, words) in REFUSED {
        let refused = template(&[value]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success(), "{value} is taken");
        for word in *words {
            assert!(said.contains(word), "{value}: {word:?} is not in {said}");
        }
    }
}

/// What values.yaml offers and the schema knows are the same: else a value is refused that has a comment, or taken and
/// ignored.
#[test]
fn every_value_has_its_place_in_the_schema() {
    let read = |file: &str| std::fs::read_to_string(charts("camerafleet").join(file)).unwrap();
    let values: serde_json::Value = serde_yaml_ng::from_str(&read("values.yaml")).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    compare(&values, &schema, &schema["$defs"], "");
}

fn compare(
    values: &serde_json::Value,
    schema: &serde_json::Value,
    definitions: &serde_json::Value,
    path: &str,
) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => &definitions[reference.rsplit('/').next().unwrap()],
        None => schema,
    };
    let (Some(values), Some(known)) = (values.as_object(), schema["properties"].as_object()) else { return };
    assert_eq!(schema["additionalProperties"], false, "{path} takes anything");
    for (name, value) in values {
        let inner = known.get(name).unwrap_or_else(|| panic!("the schema has no {path}/{name}"));
        compare(value, inner, definitions, &format!("{path}/{name}"));
    }
    // Helm gives `global` to every chart; an item of a list has no default.
    let missing: Vec<_> =
        known.keys().filter(|name| *name != "global" && !values.contains_key(*name)).collect();
    assert!(missing.is_empty(), "values.yaml does not tell of {path}/{missing:?}");
}

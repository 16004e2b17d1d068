//! The transparency report, by those who may read it, and by nobody else.

use super::*;

#[tokio::test]
async fn an_auditor_reads_the_months_that_they_may_by_name_and_others_none() {
    let stage = Stage::new("court").await;
    let golden =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/report/report.json")).unwrap();
    let golden: Value = serde_json::from_str(&golden).unwrap();
    let maps = format!("/api/v1/namespaces/{TENANT}/configmaps");
    let mut names = Vec::new();
    for month in golden["months"].as_array().unwrap() {
        let name = format!("transparency-report-{}", month["month"].as_str().unwrap().replace('-', ""));
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"camerafleet.io/component": "transparency-report", "camerafleet.io/tenant": "elm-street"}},
            "data": {"report.json": month.to_string()}});
        must(&stage.server, Actor::Administrator, &maps, &map).await;
        names.push(name);
    }
    // As the operator does.
    let rbac = |kind: &str| format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{TENANT}/{kind}");
    let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": ["get", "list"]});
    let role = json!({"metadata": {"name": "transparency-report"}, "rules": [rule]});
    must(&stage.server, Actor::Administrator, &rbac("roles"), &role).await;
    let binding = json!({
        "metadata": {"name": "transparency-report"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "transparency-report"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "auditor"}],
    });
    must(&stage.server, Actor::Administrator, &rbac("rolebindings"), &binding).await;
    let mut said = stage.run("auditor", &["report", "-o", "json"]).await;
    for _ in 0..50 {
        if said.code == 0 {
            break;
        }
        // RBAC learns of it by a watch.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        said = stage.run("auditor", &["report", "-o", "json"]).await;
    }
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap(), golden);

    let page = stage
        .run(
            "auditor",
            &["report", "--from", "2026-06", "--to", "2026-10", "-o", "html", "--out", "page.html"],
        )
        .await;
    assert_eq!((page.code, page.out.as_str()), (0, ""), "{page:?}");
    assert!(page.err.contains("ask a lawyer"), "an order still forbids to tell an owner: {page:?}");
    let page = fs::read_to_string(stage.folder.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("2026-06 to 2026-10"));
    assert!(
        page.contains("not to be told yet: 1") && !page.contains("2026-11-20"),
        "its date is told to nobody else"
    );

    for (user, arguments, code) in [
        ("viewer", &["report"][..], 4),
        ("auditor", &["report", "--from", "2025-01", "--to", "2025-12"], 4),
        ("auditor", &["report", "--from", "2026-12", "--to", "2026-01"], 2),
        ("auditor", &["report", "--from", "November"], 2),
        // Cluster-wide, and so for administrators.
        ("auditor", &["report", "--tenant", "elm-street"], 3),
        ("auditor", &["report", "--out", "missing/page.html"], 2),
    ] {
        let said = stage.run(user, arguments).await;
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{user} {arguments:?}: {said:?}");
    }
}

//! Grafana's dashboard, and what Prometheus is told to scrape.

use std::fs;

use serde_json::{Value, json};

use crate::{charts, files, metrics, promtool, rendered, rules};

/// Every query below a value, as Grafana would send it.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(query) if name == "expr" || name == "query" && query.contains("camerafleet") => {
                        let label_values = query.strip_prefix("label_values(");
                        let query = label_values.and_then(|rest| rest.split(',').next()).unwrap_or(query);
                        found.push(query.replace("$__rate_interval", "5m"));
                    }
                    _ => queries(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

fn dashboards() -> Vec<Value> {
    let read = |file| serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    files("camerafleet/dashboards").into_iter().map(read).collect()
}

#[test]
fn every_query_parses_and_asks_for_series_that_exist() {
    let mut found = Vec::new();
    dashboards().iter().for_each(|dashboard| queries(dashboard, &mut found));
    assert!(found.len() > 40, "{found:?}");
    let mut known = metrics::series();
    known.extend(rules::recorded());
    for query in &found {
        let queried = metrics::queried(query);
        assert!(query.starts_with("ALERTS") || !queried.is_empty(), "{query}");
        for series in queried {
            assert!(known.contains(&series), "there is no {series}: {query}");
        }
    }
    // Prometheus parses them, as rules of a file of their own.
    let rules: Vec<Value> = found
        .iter()
        .enumerate()
        .map(|(n, query)| json!({"record": format!("query:{n}"), "expr": query}))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.yaml");
    fs::write(&file, json!({"groups": [{"name": "queries", "rules": rules}]}).to_string()).unwrap();
    promtool(&["check", "rules"], &[file]);
}

#[test]
fn every_metric_of_the_fleet_has_a_panel_or_an_alert() {
    let mut asked = Vec::new();
    dashboards().iter().for_each(|dashboard| queries(dashboard, &mut asked));
    asked.extend(rules::rules().iter().map(|rule| rule["expr"].as_str().unwrap().to_owned()));
    let asked: Vec<String> = asked.iter().flat_map(|query| metrics::queried(query)).collect();
    let operator = metrics::rows("camerafleet_").into_iter().map(|row| row[0].clone());
    for name in operator.filter(|name| !name.starts_with("camerafleet_ingest_")) {
        assert!(asked.iter().any(|series| series.starts_with(&name)), "nothing looks at {name}");
    }
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    for dashboard in dashboards() {
        let panels = dashboard["panels"].as_array().unwrap();
        let number = |value: &Value| value.as_u64().unwrap();
        let place = |panel: &Value| ["x", "y", "w", "h"].map(|side| number(&panel["gridPos"][side]));
        for (n, panel) in panels.iter().enumerate() {
            let [x, y, w, h] = place(panel);
            assert!(x + w <= 24, "{panel}");
            assert!(
                panel["type"] == "row" || panel["description"].as_str().is_some_and(|d| d.ends_with('.')),
                "{panel}"
            );
            for other in &panels[..n] {
                let [a, b, c, d] = place(other);
                assert!(
                    x + w <= a || a + c <= x || y + h <= b || b + d <= y,
                    "{} {}",
                    panel["title"],
                    other["title"]
                );
                assert_ne!(panel["id"], other["id"]);
            }
        }
    }
}

#[test]
fn the_chart_gives_them_to_grafana_and_tells_prometheus_whom_to_scrape() {
    let kinds = ["ServiceMonitor", "PodMonitor"];
    let ours = |object: &Value| {
        kinds.iter().any(|kind| object["kind"] == *kind)
            || object["metadata"]["name"] == "camerafleet-dashboards"
    };
    assert!(!rendered(&[]).iter().any(ours));
    let objects = rendered(&[
        "serviceMonitor.enabled=true,podMonitor.enabled=true,podMonitor.labels.release=prometheus,dashboards.enabled=true",
    ]);
    let of = |kind: &str, name: &str| {
        let mut found = objects.iter().filter(|o| o["kind"] == kind && o["metadata"]["name"] == name);
        found.next().unwrap_or_else(|| panic!("no {kind} {name}")).clone()
    };
    let dashboards = of("ConfigMap", "camerafleet-dashboards");
    assert_eq!(dashboards["metadata"]["labels"]["grafana_dashboard"], "1");
    let own = fs::read_to_string(charts("camerafleet/dashboards/camerafleet.json")).unwrap();
    let given = dashboards["data"]["camerafleet.json"].as_str().unwrap();
    assert!(given.trim_end() == own.trim_end(), "Helm changed the dashboard");
    // What the monitors select is there, under the port that they name.
    let (service, monitor) =
        (of("Service", "camerafleet-operator-metrics"), of("ServiceMonitor", "camerafleet-operator"));
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(service["metadata"]["labels"][label], *value);
    }
    let port = &monitor["spec"]["endpoints"][0]["port"];
    assert!(service["spec"]["ports"].as_array().unwrap().iter().any(|p| p["name"] == *port));
    let monitor = of("PodMonitor", "camerafleet-recorders");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let (key, value) = operator::controllers::ingest::COMPONENT;
    let selected = json!({(camerafleet_crds::MANAGED_LABEL): "true", key: value});
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], selected);
}

//! What Helm makes of the chart for each file of charts/tests/values, against charts/tests/golden. A change shows as a
//! difference to read; `make golden` writes them anew.

use std::{fs, process::Command};

use camerafleet_testkit::tool;

use crate::{charts, done, files};

/// Set by `make golden`.
const WRITE: &str = "CAMERAFLEET_WRITE_GOLDEN";

fn helm(arguments: &[&str], values: &std::path::Path) -> String {
    let mut helm = Command::new(tool("helm"));
    helm.args(arguments).arg("--values").arg(values);
    // Nobody's own cluster or settings.
    helm.env("KUBECONFIG", "/dev/null");
    done(helm.output().unwrap())
}

#[test]
fn helm_makes_what_it_made_before() {
    let chart = charts("camerafleet");
    let cases = files("tests/values");
    for values in &cases {
        let made = helm(
            &["template", "camerafleet", chart.to_str().unwrap(), "--namespace", "camerafleet-system"],
            values,
        );
        // The rules and the dashboard are tested by themselves.
        let golden = charts("tests/golden").join(values.file_name().unwrap());
        if std::env::var_os(WRITE).is_some() {
            fs::write(&golden, &made).unwrap();
        }
        let before = fs::read_to_string(&golden).unwrap_or_default();
        let differs = before.lines().zip(made.lines()).position(|(before, made)| before != made);
        let line = differs.unwrap_or_else(|| before.lines().count().min(made.lines().count()));
        assert!(
            before == made,
            "{}, line {}: `make golden` writes it anew, if the change is wanted.\nbefore: {:?}\nnow:    {:?}",
            golden.display(),
            line + 1,
            before.lines().nth(line),
            made.lines().nth(line)
        );
    }
    let left = files("tests/golden");
    assert_eq!(left.len(), cases.len(), "a golden file without its values: {left:?}");
}

#[test]
fn helm_lint_has_nothing_to_say() {
    let chart = charts("camerafleet");
    for values in files("tests/values") {
        helm(&["lint", "--strict", chart.to_str().unwrap()], &values);
    }
    done(
        Command::new(tool("helm"))
            .args(["lint", "--strict"])
            .arg(charts("camerafleet-crds"))
            .output()
            .unwrap(),
    );
}

//! The table of reasons knows what the operator says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use camerafleet_crds::{definitions, reasons};

#[test]
fn every_reason_that_the_operator_gives_is_explained() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operator/src");
    let known: Vec<&str> = definitions()
        .iter()
        .flat_map(|definition| reasons::of(&definition.spec.names.kind))
        .map(|reason| reason.reason)
        .collect();
    let mut seen = 0;
    for file in rust_files(&sources) {
        let text = fs::read_to_string(&file).unwrap();
        for part in
            ["Verdict::yes(", "Verdict::no(", "Verdict::unknown("].iter().flat_map(|c| text.split(c).skip(1))
        {
            // A reason that is no literal comes from elsewhere.
            let Some(reason) = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next())
            else {
                continue;
            };
            seen += 1;
            let file = file.strip_prefix(&sources).unwrap().display();
            assert!(
                known.contains(&reason),
                "{file} says {reason}: explain it in crds/src/reasons, then `make crds`"
            );
        }
    }
    assert!(seen > 20, "only {seen} reasons found: the operator gives them in another way now");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the operator's sources are there") {
        let path = entry.expect("a folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs")
            && path.file_name().is_some_and(|n| n != "tests.rs")
        {
            files.push(path);
        }
    }
    files
}

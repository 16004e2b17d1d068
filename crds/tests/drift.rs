//! The generated files are those that the types give.

use std::{fs, path::Path};

use camerafleet_crds::generated::{DOCS_FILE, FOLDERS, docs, files};

#[test]
fn the_generated_definitions_are_up_to_date() {
    for folder in FOLDERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for (name, text) in files() {
            let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
            assert!(found == text, "{}/{name} differs from the types: run `make crds`", folder.display());
        }
        let on_disk = fs::read_dir(&folder).unwrap().count();
        assert_eq!(on_disk, files().len(), "{}: a file that no type gives", folder.display());
    }
}

#[test]
fn the_page_about_the_api_is_up_to_date() {
    let found = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCS_FILE)).unwrap_or_default();
    assert!(found == docs(), "docs/api.md differs from the types: run `make crds`");
}

//! The generated files are those that the types give.

use std::{fs, path::PathBuf};

use camerafleet_crds::generated::{FOLDERS, files};

#[test]
fn the_generated_definitions_are_up_to_date() {
    for folder in FOLDERS {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
        for (name, text) in files() {
            let found = fs::read_to_string(folder.join(&name)).unwrap_or_default();
            assert!(found == text, "{}/{name} differs from the types: run `make crds`", folder.display());
        }
        let on_disk = fs::read_dir(&folder).unwrap().count();
        assert_eq!(on_disk, files().len(), "{}: a file that no type gives", folder.display());
    }
}

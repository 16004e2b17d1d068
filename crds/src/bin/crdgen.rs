//! Writes what is generated from the types: the CustomResourceDefinitions, into `crds/yaml` and the chart, and
//! `docs/api.md`.

use std::{fs, io, path::Path};

use camerafleet_crds::generated::{DOCS_FILE, FOLDERS, docs, files};

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in FOLDERS {
        for (name, text) in files() {
            write(&here.join(folder).join(name), &text)?;
        }
    }
    write(&here.join(DOCS_FILE), &docs())
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)?;
    println!("{}", file.display());
    Ok(())
}

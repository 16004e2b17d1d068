//! Writes the CustomResourceDefinitions: `crdgen [FOLDER…]`, by default into `crds/yaml` and the chart.

use std::{fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    for folder in camerafleet_crds::generated::FOLDERS {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
        fs::create_dir_all(&folder)?;
        for (name, text) in camerafleet_crds::generated::files() {
            fs::write(folder.join(&name), text)?;
            println!("{}", folder.join(name).display());
        }
    }
    Ok(())
}

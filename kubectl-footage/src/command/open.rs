//! Opening a package: its clips in a folder, once all of it was found right.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::verify::{PackageArgs, examine, refused};
use crate::{
    check::{Check, Outcome, lines},
    failure::{Failure, Kind},
    package::{FOOTAGE, Sink, told},
};

/// `kubectl footage open`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub package: PackageArgs,
    /// The folder to write, which must not be there yet; the package's name without its ending, where none is given.
    #[arg(long, short)]
    pub out: Option<PathBuf>,
}

/// Verifies, decrypts and writes; nothing is left of a package that is not what it should be.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let package = &args.package.package;
    let out = args.out.clone().unwrap_or_else(|| folder(package));
    let begun = Begun::new(&out)?;
    let (judgement, begun) = examine(&args.package, begun).await?;
    if !judgement.is_good() {
        drop(begun);
        eprintln!("{}", lines(&judgement.checks));
        return Err(refused(package));
    }
    begun.keep()?;
    // What is missing of the footage stands with it.
    let is_left = |check: &&Check| check.result == Outcome::Note && check.check != FOOTAGE;
    let left: Vec<Check> = judgement.checks.iter().filter(is_left).cloned().collect();
    println!("{} is written, and nothing was changed since the package was made.", out.display());
    print!("{}", told(&judgement.cameras));
    if !left.is_empty() {
        println!("\n{}", lines(&left));
    }
    println!(
        "\nnext:  keep {} as it is: it proves what it holds, and files that were opened do not.",
        package.display()
    );
    Ok(())
}

/// `package.tar.age` is opened into `package`.
fn folder(package: &Path) -> PathBuf {
    let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let short = name.strip_suffix(".tar.age").or_else(|| name.strip_suffix(".tar"));
    PathBuf::from(
        short.filter(|short| !short.is_empty()).map_or_else(|| format!("{name}-opened"), str::to_owned),
    )
}

/// A folder beside the one to be, which is removed unless it is kept. What was disclosed is for its recipient's eyes.
struct Begun {
    part: PathBuf,
    out: PathBuf,
    kept: bool,
}

impl Begun {
    fn new(out: &Path) -> Result<Self, Failure> {
        let taken = |path: &Path| {
            Failure::new(
                Kind::Input,
                format!("{} is there already.", path.display()),
                "Name another folder with --out, or remove it.",
            )
        };
        if out.symlink_metadata().is_ok() {
            return Err(taken(out));
        }
        let mut part = out.to_owned().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        match private_folder(&part) {
            Ok(()) => Ok(Self { part, out: out.to_owned(), kept: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(&part)),
            Err(error) => Err(unwritable(&part, &error)),
        }
    }

    fn keep(mut self) -> Result<(), Failure> {
        fs::rename(&self.part, &self.out).map_err(|error| unwritable(&self.out, &error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_dir_all(&self.part)
        {
            eprintln!(
                "{} could not be removed ({error}): it holds footage that was not verified.",
                self.part.display()
            );
        }
    }
}

impl Sink for Begun {
    fn file(&mut self, path: &str) -> Result<Box<dyn Write + '_>, Failure> {
        let file = self.part.join(path);
        let mut folder = self.part.clone();
        for part in Path::new(path).parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            match private_folder(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(unwritable(&folder, &error));
                }
                _ => {}
            }
        }
        let made = OpenOptions::new().write(true).create_new(true).open(&file);
        Ok(Box::new(BufWriter::new(made.map_err(|error| unwritable(&file, &error))?)))
    }

    fn failed(&self, path: &str, error: &io::Error) -> Failure {
        unwritable(&self.part.join(path), error)
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Kind::Input,
        format!("{} cannot be written: {error}.", path.display()),
        "Check the folder and the room that is left.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_has_the_packages_name() {
        for (package, expected) in [
            ("a/7-x.tar.age", "7-x"),
            ("7-x.tar", "7-x"),
            ("package", "package-opened"),
            (".tar", ".tar-opened"),
        ] {
            assert_eq!(folder(Path::new(package)), Path::new(expected));
        }
    }
}

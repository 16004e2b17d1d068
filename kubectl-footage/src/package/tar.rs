//! A package's tar, read strictly: plain files under plain names, and nothing that another program might take for an order to
//! write elsewhere.

use std::io::{self, Read};

use super::Problem;

const BLOCK: usize = 512;

/// Gives each file's name, length and content to `take`, which must read the content whole. Reads `from` to its very end, so
/// that a stream below it has authenticated its last byte.
pub fn read(
    mut from: impl Read,
    mut take: impl FnMut(&str, u64, &mut dyn Read) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut block = [0; BLOCK];
    loop {
        from.read_exact(&mut block).map_err(Problem::reading)?;
        if block == [0; BLOCK] {
            break;
        }
        let (path, bytes) = entry(&block)?;
        let mut content = (&mut from).take(bytes);
        take(&path, bytes, &mut content)?;
        if content.limit() > 0 {
            return Err(Problem::archive(format!("It ends within the file {path:?}.")));
        }
        let padding = &mut block[..bytes.next_multiple_of(BLOCK as u64).wrapping_sub(bytes) as usize];
        from.read_exact(padding).map_err(Problem::reading)?;
        zeros(padding)?;
    }
    from.read_exact(&mut block).map_err(Problem::reading)?;
    loop {
        zeros(&block)?;
        match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(more) => zeros(&block[..more])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::reading(error)),
        }
    }
}

/// A file's name and length. Whatever is no plain file is refused: a link may point anywhere, and an extended header may say
/// that the next file has another name.
fn entry(block: &[u8; BLOCK]) -> Result<(String, u64), Problem> {
    let header = tar::Header::from_byte_slice(block);
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, byte)| if (148..156).contains(&i) { 32 } else { u32::from(*byte) })
        .sum();
    if header.as_ustar().is_none() || header.cksum().ok() != Some(sum) {
        return Err(Problem::archive("It is no tar as packages are: a header in it is damaged.".to_owned()));
    }
    let path = String::from_utf8_lossy(&header.path_bytes()).into_owned();
    if header.entry_type() != tar::EntryType::Regular {
        let what = format!(
            "It holds {path:?}, which is no plain file: a link or the like could have a program write elsewhere."
        );
        return Err(Problem::archive(what));
    }
    let bytes = header.entry_size().map_err(Problem::reading)?;
    Ok((path, bytes))
}

fn zeros(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    Err(Problem::archive("It holds bytes that belong to no file.".to_owned()))
}

//! The bodies of these requests.

use quick_xml::{Reader, escape::escape, events::Event};

use super::Key;

/// Where a listing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub key: String,
    pub version: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub keys: Vec<Key>,
    pub prefixes: Vec<String>,
    pub next: Option<Marker>,
}

/// Calls `each` with the path of element names and the text of every element that has one.
fn walk(body: &str, mut each: impl FnMut(&[String], &str)) -> Result<(), String> {
    let mut reader = Reader::from_str(body);
    let (mut path, mut text) = (Vec::<String>::new(), String::new());
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                path.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode().map_err(|e| e.to_string())?),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", reference.decode().map_err(|e| e.to_string())?);
                text.push_str(&quick_xml::escape::unescape(&entity).map_err(|e| e.to_string())?);
            }
            Event::End(_) => {
                each(&path, &text);
                path.pop();
                text.clear();
            }
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err("its answer is cut off".to_owned()),
            _ => {}
        }
    }
}

/// The first text of an element, wherever it is.
pub(super) fn text(body: &str, name: &str) -> Option<String> {
    let mut found = None;
    let each = |path: &[String], text: &str| {
        if path.last().is_some_and(|last| last == name) && found.is_none() {
            found = Some(text.to_owned());
        }
    };
    walk(body, each).ok()?;
    found.filter(|text| !text.is_empty())
}

/// Reads a listing of versions.
pub(super) fn page(body: &str) -> Result<Page, String> {
    #[derive(Default)]
    struct Entry {
        key: String,
        version: String,
        modified: String,
        bytes: u64,
    }
    let mut page = Page::default();
    let mut entries: Vec<Entry> = Vec::new();
    let (mut truncated, mut key, mut version) = (false, String::new(), None);
    let mut current = Entry::default();
    let each = |path: &[String], text: &str| {
        let names: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
        match names.as_slice() {
            ["Version" | "DeleteMarker", "Key"] => text.clone_into(&mut current.key),
            ["Version" | "DeleteMarker", "VersionId"] => text.clone_into(&mut current.version),
            ["Version" | "DeleteMarker", "LastModified"] => text.clone_into(&mut current.modified),
            ["Version", "Size"] => current.bytes = text.parse().unwrap_or(0),
            ["Version" | "DeleteMarker"] => entries.push(std::mem::take(&mut current)),
            ["CommonPrefixes", "Prefix"] => page.prefixes.push(text.to_owned()),
            ["IsTruncated"] => truncated = text == "true",
            ["NextKeyMarker"] => text.clone_into(&mut key),
            ["NextVersionIdMarker"] => version = Some(text.to_owned()).filter(|text| !text.is_empty()),
            _ => {}
        }
    };
    walk(body, each)?;
    for entry in entries {
        let last_modified = entry.modified.parse().map_err(|_| "a version has no time".to_owned())?;
        let (versions, bytes) = (vec![entry.version], entry.bytes);
        page.keys.push(Key { key: entry.key, versions, bytes, last_modified });
    }
    if truncated {
        if key.is_empty() {
            return Err("its answer does not say where it goes on".to_owned());
        }
        page.next = Some(Marker { key, version });
    }
    Ok(page)
}

/// What is to be deleted.
pub(super) fn delete(versions: &[(String, String)]) -> String {
    let objects: String = versions
        .iter()
        .map(|(key, version)| {
            format!("<Object><Key>{}</Key><VersionId>{}</VersionId></Object>", escape(key), escape(version))
        })
        .collect();
    format!(
        r#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>{objects}</Delete>"#
    )
}

/// What could not be deleted, and why.
pub(super) fn errors(body: &str) -> Result<Vec<(String, String)>, String> {
    let mut errors = Vec::new();
    let (mut key, mut code) = (String::new(), String::new());
    if body.trim().is_empty() {
        return Ok(errors);
    }
    let each =
        |path: &[String], text: &str| match path.iter().skip(1).map(String::as_str).collect::<Vec<_>>()[..] {
            ["Error", "Key"] => text.clone_into(&mut key),
            ["Error", "Code"] => text.clone_into(&mut code),
            ["Error"] => errors.push((std::mem::take(&mut key), std::mem::take(&mut code))),
            _ => {}
        };
    walk(body, each)?;
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_markers_are_read_in_their_order_and_a_page_says_where_it_goes_on() {
        let body = r#"<?xml version="1.0"?><ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <Prefix>a/</Prefix><IsTruncated>true</IsTruncated>
            <NextKeyMarker>a/2&amp;3</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>
            <DeleteMarker><Key>a/1</Key><VersionId>v9</VersionId><LastModified>2026-11-25T13:00:00.000Z</LastModified></DeleteMarker>
            <Version><Key>a/1</Key><VersionId>v1</VersionId><Size>5</Size><LastModified>2026-11-25T12:00:00.000Z</LastModified>
                <Owner><ID>x</ID></Owner></Version>
            <CommonPrefixes><Prefix>a/b/</Prefix></CommonPrefixes>
            </ListVersionsResult>"#;
        let page = page(body).unwrap();
        let found: Vec<_> =
            page.keys.iter().map(|k| (k.key.as_str(), k.versions[0].as_str(), k.bytes)).collect();
        assert_eq!(found, [("a/1", "v9", 0), ("a/1", "v1", 5)]);
        assert_eq!(page.prefixes, ["a/b/"]);
        assert_eq!(page.next, Some(Marker { key: "a/2&3".into(), version: Some("v2".into()) }));
        assert!(super::page(&body[..body.len() - 30]).is_err(), "half of a listing is none");
        assert!(super::page(&body.replace("<NextKeyMarker>a/2&amp;3</NextKeyMarker>", "")).is_err());
    }

    #[test]
    fn what_could_not_be_deleted_is_read() {
        let body = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error></DeleteResult>";
        assert_eq!(errors(body).unwrap(), [("a".to_owned(), "AccessDenied".to_owned())]);
        assert_eq!(errors("<DeleteResult/>").unwrap(), []);
        assert!(
            delete(&[("a<b".into(), "v1".into())]).contains("<Key>a&lt;b</Key><VersionId>v1</VersionId>")
        );
        assert_eq!(text("<V><Status>Enabled</Status></V>", "Status").as_deref(), Some("Enabled"));
        assert_eq!(text("<V></V>", "Status"), None);
    }
}

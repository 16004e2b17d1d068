//! The shard's Secret: the store's credential and the cameras' passwords. None of these types prints.

use std::collections::BTreeMap;

use camerafleet_footage::{
    ids::CameraId,
    shard::{STORE_ACCESS_KEY_ID, STORE_SECRET_ACCESS_KEY, password_key, username_key},
    store::StoreCredential,
};
use zeroize::Zeroizing;

/// The Secret's content by key.
#[derive(Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, Zeroizing<String>>);

/// A camera's user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// May be empty.
    pub username: Zeroizing<String>,
    /// May be empty.
    pub password: Zeroizing<String>,
}

impl Secrets {
    /// From a Secret's data. What is not UTF-8 is left out: nothing that we send could be.
    pub fn new(data: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok().map(Zeroizing::new);
        Self(data.into_iter().filter_map(|(key, bytes)| Some((key, text(bytes)?))).collect())
    }

    /// A camera's, if it has any.
    pub fn camera(&self, id: &CameraId) -> Option<Credentials> {
        let username = self.0.get(&username_key(id)).cloned();
        let password = self.0.get(&password_key(id)).cloned();
        if username.is_none() && password.is_none() {
            return None;
        }
        Some(Credentials { username: username.unwrap_or_default(), password: password.unwrap_or_default() })
    }

    /// The store's, if both halves are there.
    pub fn store(&self) -> Option<StoreCredential> {
        let get = |key: &str| self.0.get(key).filter(|value| !value.is_empty()).cloned();
        Some(StoreCredential {
            access_key_id: get(STORE_ACCESS_KEY_ID)?,
            secret_access_key: get(STORE_SECRET_ACCESS_KEY)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_any_characters_are_found_by_camera() {
        let secrets = Secrets::new([
            ("camera.c1.username".to_owned(), b"admin".to_vec()),
            ("camera.c1.password".to_owned(), "p@#/:?%ß".as_bytes().to_vec()),
            ("camera.c2.username".to_owned(), b"viewer".to_vec()),
            ("store.accessKeyId".to_owned(), b"id".to_vec()),
            ("store.secretAccessKey".to_owned(), vec![0xff]),
        ]);
        let id = |text: &str| CameraId::parse(text).unwrap();
        let camera = secrets.camera(&id("c1")).unwrap();
        assert!(*camera.username == "admin" && *camera.password == "p@#/:?%ß");
        assert!(secrets.camera(&id("c2")).unwrap().password.is_empty());
        assert!(secrets.camera(&id("c3")).is_none());
        assert!(secrets.store().is_none(), "half a credential is none");
    }
}

//! What a failure of the store means, told from S3's error codes.

use std::error::Error as _;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// There is no such bucket.
    BucketMissing,
    /// The access key is not known.
    UnknownAccessKey,
    /// The secret key is wrong.
    WrongSecretKey,
    /// The credential is good, and may not do this.
    Denied,
    /// The store's clock and ours differ too much for a signature.
    ClockSkewed,
    /// The store is full.
    Full,
    /// There is no such object.
    NoSuchObject,
    /// Another write of the same object is under way.
    Conflict,
    /// The store's certificate is signed by an authority that is not trusted.
    UnknownAuthority,
    /// The store's certificate is itself an authority's, which TLS refuses.
    AuthorityAsServer,
    /// No answer, or none that can be read.
    Unreachable,
}

/// S3's error code or a part of the text, and what it means.
const CODES: &[(&str, StoreFault)] = &[
    ("NoSuchBucket", StoreFault::BucketMissing),
    ("InvalidAccessKeyId", StoreFault::UnknownAccessKey),
    ("SignatureDoesNotMatch", StoreFault::WrongSecretKey),
    ("RequestTimeTooSkewed", StoreFault::ClockSkewed),
    ("UnknownIssuer", StoreFault::UnknownAuthority),
    ("CaUsedAsEndEntity", StoreFault::AuthorityAsServer),
    ("QuotaExceeded", StoreFault::Full),
    ("StorageFull", StoreFault::Full),
    ("InsufficientStorage", StoreFault::Full),
    ("AccessDenied", StoreFault::Denied),
    ("NoSuchKey", StoreFault::NoSuchObject),
];

/// What a failure means.
pub fn fault(error: &object_store::Error) -> StoreFault {
    // The code is only in the body, which the library gives as text somewhere in its chain.
    let text = chain(error);
    if let Some((_, fault)) = CODES.iter().find(|(code, _)| text.contains(code)) {
        return *fault;
    }
    match error {
        object_store::Error::NotFound { .. } => StoreFault::NoSuchObject,
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            StoreFault::Denied
        }
        object_store::Error::AlreadyExists { .. } => StoreFault::Conflict,
        _ => StoreFault::Unreachable,
    }
}

fn chain(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::Error;

    #[test]
    fn faults_are_told_from_the_code_and_else_from_the_status() {
        let path = || "k".to_owned();
        let body = |text: &str| -> Box<dyn std::error::Error + Send + Sync> { text.to_owned().into() };
        let denied = |text: &str| Error::PermissionDenied { path: path(), source: body(text) };
        for (error, want) in [
            (
                Error::NotFound { path: path(), source: body("<Code>NoSuchBucket</Code>") },
                StoreFault::BucketMissing,
            ),
            (Error::NotFound { path: path(), source: body("") }, StoreFault::NoSuchObject),
            (denied("<Code>InvalidAccessKeyId</Code>"), StoreFault::UnknownAccessKey),
            (denied("<Code>SignatureDoesNotMatch</Code>"), StoreFault::WrongSecretKey),
            (denied("<Code>RequestTimeTooSkewed</Code>"), StoreFault::ClockSkewed),
            (denied("<Code>AccessDenied</Code>"), StoreFault::Denied),
            (Error::Unauthenticated { path: path(), source: body("") }, StoreFault::Denied),
            (
                Error::Generic { store: "S3", source: body("<Code>XMinioStorageFull</Code>") },
                StoreFault::Full,
            ),
            (Error::Generic { store: "S3", source: body("UnknownIssuer") }, StoreFault::UnknownAuthority),
            (
                Error::Generic { store: "S3", source: body("CaUsedAsEndEntity") },
                StoreFault::AuthorityAsServer,
            ),
            (Error::Generic { store: "S3", source: body("connection refused") }, StoreFault::Unreachable),
            (Error::AlreadyExists { path: path(), source: body("") }, StoreFault::Conflict),
        ] {
            assert_eq!(fault(&error), want, "{error}");
        }
    }
}

//! Why an upload failed, in words that stay the same while the cause does.

use camerafleet_footage::store::{self, StoreFault};

/// A failure of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A word for the condition.
    pub reason: &'static str,
    /// A sentence and a next step.
    pub message: &'static str,
    /// Whether other objects would fail just so.
    pub everywhere: bool,
}

/// The reason of a store that does not answer.
pub(super) const UNREACHABLE: &str = "StoreUnreachable";

const fn everywhere(reason: &'static str, message: &'static str) -> Failure {
    Failure { reason, message, everywhere: true }
}

pub(super) const BAD_BUNDLE: Failure = everywhere(
    UNREACHABLE,
    "The store's CA bundle is not PEM: check the Secret in spec.storage.s3.caBundleSecretRef.",
);
pub(super) const BAD_SETTINGS: Failure =
    everywhere(UNREACHABLE, "The store's endpoint, region or bucket cannot be used: check spec.storage.s3.");
pub(super) const TIMEOUT: Failure = everywhere(
    UNREACHABLE,
    "The store did not finish an upload in time: check its load and the network to it.",
);
pub(super) const BAD_KEY: Failure = Failure {
    reason: "BadKey",
    message: "The object's key cannot be used: check spec.storage.s3.prefix.",
    everywhere: false,
};

/// There is no credential at all.
pub const NO_CREDENTIAL: Failure = everywhere(
    "AccessDenied",
    "The ingest credential is missing: check the Secret in spec.storage.s3.credentials.ingest for accessKeyId and secretAccessKey.",
);

/// What a failure of an upload means.
pub fn classify(error: &object_store::Error) -> Failure {
    match store::fault(error) {
        // Nothing is asked for but the bucket.
        StoreFault::BucketMissing | StoreFault::NoSuchObject => everywhere(
            "BucketMissing",
            "The bucket does not exist: create it, or check spec.storage.s3.bucket.",
        ),
        StoreFault::UnknownAccessKey => everywhere(
            "AccessDenied",
            "The store does not know the ingest access key: check the Secret in spec.storage.s3.credentials.ingest.",
        ),
        StoreFault::WrongSecretKey => everywhere(
            "AccessDenied",
            "The ingest secret key is wrong: check the Secret in spec.storage.s3.credentials.ingest.",
        ),
        StoreFault::Denied => everywhere(
            "AccessDenied",
            "The ingest credential may not add objects: it needs PutObject under footage/ and streams/.",
        ),
        StoreFault::ClockSkewed => everywhere(
            "ClockSkewed",
            "The store's clock and the recorder's differ too much: synchronise the nodes' clocks.",
        ),
        StoreFault::Full => {
            everywhere("StoreFull", "The store is full: make room or raise the bucket's quota.")
        }
        StoreFault::Conflict => Failure {
            reason: "Conflict",
            message: "The store was busy with an object of the same name; it is tried again.",
            everywhere: false,
        },
        StoreFault::UnknownAuthority => everywhere(
            UNREACHABLE,
            "The store's certificate is signed by a CA that is not known here: put the CA's into the Secret in spec.storage.s3.caBundleSecretRef.",
        ),
        StoreFault::AuthorityAsServer => everywhere(
            UNREACHABLE,
            "The store's certificate is itself a CA's: give the store one that the CA signed, and only the CA's to spec.storage.s3.caBundleSecretRef.",
        ),
        StoreFault::Unreachable => everywhere(
            UNREACHABLE,
            "The store cannot be reached: check spec.storage.s3.endpoint, its certificate and the network to it.",
        ),
    }
}

/// Whether an object of this name is there. A 409 is not that: another write of it is under way.
pub(super) fn exists(error: &object_store::Error) -> bool {
    let object_store::Error::AlreadyExists { source, .. } = error else { return false };
    matches!(
        source.downcast_ref(),
        Some(object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::Error;

    #[test]
    fn failures_have_a_reason_and_texts_that_do_not_change() {
        let path = || "k".to_owned();
        let body = |text: &str| -> Box<dyn std::error::Error + Send + Sync> { text.to_owned().into() };
        for (error, want) in [
            (Error::NotFound { path: path(), source: body("<Code>NoSuchBucket</Code>") }, "BucketMissing"),
            (Error::NotFound { path: path(), source: body("") }, "BucketMissing"),
            (
                Error::PermissionDenied { path: path(), source: body("<Code>InvalidAccessKeyId</Code>") },
                "AccessDenied",
            ),
            (
                Error::PermissionDenied { path: path(), source: body("<Code>RequestTimeTooSkewed</Code>") },
                "ClockSkewed",
            ),
            (Error::Unauthenticated { path: path(), source: body("") }, "AccessDenied"),
            (Error::Generic { store: "S3", source: body("<Code>XMinioStorageFull</Code>") }, "StoreFull"),
            (Error::Generic { store: "S3", source: body("connection refused") }, "StoreUnreachable"),
            (Error::AlreadyExists { path: path(), source: body("ConditionalRequestConflict") }, "Conflict"),
        ] {
            let failure = classify(&error);
            assert_eq!(failure.reason, want, "{error}");
            assert!(!exists(&error));
            assert!(
                failure.message.ends_with('.')
                    && !failure.message.contains(|c: char| c.is_ascii_digit() && c != '3')
            );
        }
        let precondition = Error::Precondition { path: path(), source: body("") };
        assert!(exists(&Error::AlreadyExists { path: path(), source: Box::new(precondition) }));
    }
}

//! The one door to the kernel for what people and authorities sign.

use super::{Approval, Frozen, Malformed, Order, SshKey, SshSignatureError, ssh};

/// The SSHSIG namespace of approvals.
pub const APPROVAL_NAMESPACE: &str = "approval.camerafleet.io";
/// The SSHSIG namespace of orders.
pub const ORDER_NAMESPACE: &str = "order.camerafleet.io";

/// An object whose signature, if it carries one, is that of the key in it. Whether that key may sign is for the
/// kernel to decide: it knows which keys each policy revision names.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    object: T,
    signer: Option<SshKey>,
}

/// Why an object does not reach the kernel.
#[derive(Debug, thiserror::Error)]
pub enum Unverified {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Its signature is wrong.
    #[error("the signature of {kind} {name} does not count: {source}")]
    Signature {
        /// The kind.
        kind: &'static str,
        /// The object's name.
        name: String,
        /// Why.
        source: SshSignatureError,
    },
}

impl<T> Verified<T> {
    /// The object.
    pub fn object(&self) -> &T {
        &self.object
    }

    /// The key that signed it. None: it is not signed.
    pub fn signer(&self) -> Option<&SshKey> {
        self.signer.as_ref()
    }
}

impl Verified<Approval> {
    /// An approval may be unsigned, where no policy names a key of its approver.
    pub fn approval(frozen: &Frozen) -> Result<Self, Unverified> {
        let (object, signature) = Approval::read(frozen)?;
        let bytes = || frozen.signed_bytes(&["signature", "withdrawn"]);
        let signer = signature.map(|s| ssh::signer(&s, APPROVAL_NAMESPACE, &bytes())).transpose();
        let failed = |source| Unverified::Signature { kind: "Approval", name: frozen.name.clone(), source };
        Ok(Self { object, signer: signer.map_err(failed)? })
    }
}

impl Verified<Order> {
    /// An order is always signed.
    pub fn order(frozen: &Frozen) -> Result<Self, Unverified> {
        let (object, signature) = Order::read(frozen)?;
        let signer = ssh::signer(&signature, ORDER_NAMESPACE, &frozen.signed_bytes(&["signature"]));
        let failed = |source| Unverified::Signature { kind: "LegalOrder", name: frozen.name.clone(), source };
        Ok(Self { object, signer: Some(signer.map_err(failed)?) })
    }
}

//! The cluster's authorities, certificates and keys, made anew at every start.

use std::path::PathBuf;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::folders;
use crate::instance::Instance;

use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};

/// The files, each `<name>.crt` and `<name>.key`.
pub(super) struct Pki {
    folder: PathBuf,
}

impl Pki {
    pub(super) fn create(instance: Instance) -> Result<Self> {
        let pki = Self { folder: folders::pki(instance) };
        let cluster = pki.authority("ca")?;
        // etcd has its own authority: any client of the cluster's could read and write the whole state there.
        let etcd = pki.authority("etcd-ca")?;
        // Whoever has a certificate of this one may say that a request is anybody's.
        let front = pki.authority("front-proxy-ca")?;

        let node = instance.node_address().to_string();
        let names = server_names(instance);
        let local = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let at_node = [&[node.clone(), instance.netns()], &local[..]].concat();
        let node_user = format!("system:node:{}", instance.netns());

        pki.issue(&cluster, "apiserver", Subject("kube-apiserver", ""), &names, ServerAuth)?;
        pki.issue(&cluster, "serving", Subject(&instance.netns(), ""), &at_node, ServerAuth)?;
        for (name, subject) in [
            ("admin", Subject("admin", "system:masters")),
            ("controller-manager", Subject("system:kube-controller-manager", "")),
            ("scheduler", Subject("system:kube-scheduler", "")),
            ("kubelet", Subject(&node_user, "system:nodes")),
            ("kube-proxy", Subject("system:kube-proxy", "")),
            // It reads pods, namespaces and policies everywhere; the roles for it would be its own manifest's.
            ("kube-router", Subject("kube-router", "system:masters")),
            ("apiserver-kubelet", Subject("kube-apiserver-kubelet-client", "system:masters")),
        ] {
            pki.issue(&cluster, name, subject, &[], ClientAuth)?;
        }
        pki.issue(&etcd, "etcd-client", Subject("kube-apiserver", ""), &[], ClientAuth)?;
        pki.issue(&front, "front-proxy", Subject("front-proxy", ""), &[], ClientAuth)?;
        pki.issue_for_both(&etcd, "etcd", &local)?;

        let signer = KeyPair::generate().context("making the key that signs ServiceAccounts' tokens")?;
        folders::write(&pki.key("service-accounts"), &signer.serialize_pem(), 0o600)?;
        folders::write(&pki.public_key("service-accounts"), &signer.public_key_pem(), 0o644)?;
        Ok(pki)
    }

    pub(super) fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.crt"))
    }

    pub(super) fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    pub(super) fn public_key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pub"))
    }

    fn authority(&self, name: &str) -> Result<Issuer<'static, KeyPair>> {
        let what = || format!("making the authority {name}");
        let key = KeyPair::generate().with_context(what)?;
        let mut params = params(&[]).with_context(what)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, format!("camerafleet-{name}"));
        let certificate = params.self_signed(&key).with_context(what)?;
        self.write(name, &certificate.pem(), &key)?;
        Ok(Issuer::new(params, key))
    }

    fn issue(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        name: &str,
        subject: Subject<'_>,
        addresses: &[String],
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<()> {
        self.sign(issuer, name, subject, addresses, vec![usage])
    }

    /// etcd is a client of itself, when it serves its own gateway and its peers.
    fn issue_for_both(&self, issuer: &Issuer<'_, KeyPair>, name: &str, addresses: &[String]) -> Result<()> {
        self.sign(issuer, name, Subject(name, ""), addresses, vec![ServerAuth, ClientAuth])
    }

    fn sign(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        name: &str,
        Subject(common_name, organization): Subject<'_>,
        addresses: &[String],
        usages: Vec<ExtendedKeyUsagePurpose>,
    ) -> Result<()> {
        let what = || format!("making the certificate {name}");
        let key = KeyPair::generate().with_context(what)?;
        let mut params = params(addresses).with_context(what)?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        if !organization.is_empty() {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages;
        let certificate = params.signed_by(&key, issuer).with_context(what)?;
        self.write(name, &certificate.pem(), &key)
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Result<()> {
        folders::write(&self.certificate(name), certificate, 0o644)?;
        folders::write(&self.key(name), &key.serialize_pem(), 0o600)
    }
}

/// A common name, which Kubernetes takes for the user, and an organization (or none), which it takes for the group.
#[derive(Clone, Copy)]
struct Subject<'a>(&'a str, &'a str);

/// From the first of last month, so that neither a clock set back nor the time zone matters, for two years.
fn params(addresses: &[String]) -> Result<CertificateParams> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let last_month = today
        .checked_sub(jiff::Span::new().months(1))
        .context("the clock of this machine is out of range")?;
    let first = |year: i16| date_time_ymd(i32::from(year), last_month.month().unsigned_abs(), 1);
    let mut params = CertificateParams::new(addresses)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = first(last_month.year());
    params.not_after = first(last_month.year() + 2);
    Ok(params)
}

/// The names by which this machine, the components and pods know the API server.
fn server_names(instance: Instance) -> Vec<String> {
    let service = "kubernetes.default.svc.cluster.local";
    let mut names = vec![
        instance.node_address().to_string(),
        instance.first_service().to_string(),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
    ];
    // kubernetes, kubernetes.default, and so on to the whole name.
    let ends = service.match_indices('.').map(|(at, _)| at).chain([service.len()]);
    names.extend(ends.map(|end| service[..end].to_owned()).filter(|n| !n.ends_with(".cluster")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_is_known_by_all_its_names() {
        let names = server_names(Instance::Demo);
        for name in [
            "10.213.1.2",
            "10.224.0.1",
            "127.0.0.1",
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ] {
            assert!(names.iter().any(|n| n == name), "{name}");
        }
        assert_eq!(names.len(), 8);
    }
}

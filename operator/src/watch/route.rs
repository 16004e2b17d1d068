//! From what changed to what has work to do.

use std::sync::{Arc, OnceLock};

use camerafleet_crds::{
    Approval, Camera, DisclosureRequest, LegalHold, LegalOrder, RetentionPolicy, SharingPolicy, TENANT_LABEL,
    Tenant,
};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{
    Resource, ResourceExt,
    runtime::{controller::ReconcileRequest, reflector::ObjectRef},
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Index, TenantSecrets, in_namespace};
use crate::{
    controllers::{disclosure::REQUEST_LABEL, retention_policy::POLICY_LABEL},
    identity,
};

/// One queue per pipeline. They are bounded by what stands behind them: the scheduler takes everything at once
/// and keeps one entry an object.
pub struct Queues {
    /// Tenants whose namespace, mount and members are due.
    pub tenant: UnboundedReceiver<ReconcileRequest<Tenant>>,
    /// Tenants whose recorders are due.
    pub ingest: UnboundedReceiver<ReconcileRequest<Tenant>>,
    /// Cameras whose identity or status is due.
    pub camera: UnboundedReceiver<ReconcileRequest<Camera>>,
    /// Retention policies that are due.
    pub retention_policy: UnboundedReceiver<ReconcileRequest<RetentionPolicy>>,
    /// Sharing policies that are due.
    pub sharing_policy: UnboundedReceiver<ReconcileRequest<SharingPolicy>>,
    /// Legal holds that are due.
    pub legal_hold: UnboundedReceiver<ReconcileRequest<LegalHold>>,
    /// Legal orders that are due.
    pub legal_order: UnboundedReceiver<ReconcileRequest<LegalOrder>>,
    /// Disclosure requests that are due.
    pub disclosure_request: UnboundedReceiver<ReconcileRequest<DisclosureRequest>>,
    /// Approvals that are due.
    pub approval: UnboundedReceiver<ReconcileRequest<Approval>>,
    /// Tenants whose transparency reports are due.
    pub report: UnboundedReceiver<ReconcileRequest<Tenant>>,
}

/// Knows which pipelines a change concerns.
pub struct Router {
    tenant: UnboundedSender<ReconcileRequest<Tenant>>,
    ingest: UnboundedSender<ReconcileRequest<Tenant>>,
    camera: UnboundedSender<ReconcileRequest<Camera>>,
    retention_policy: UnboundedSender<ReconcileRequest<RetentionPolicy>>,
    sharing_policy: UnboundedSender<ReconcileRequest<SharingPolicy>>,
    legal_hold: UnboundedSender<ReconcileRequest<LegalHold>>,
    legal_order: UnboundedSender<ReconcileRequest<LegalOrder>>,
    disclosure_request: UnboundedSender<ReconcileRequest<DisclosureRequest>>,
    approval: UnboundedSender<ReconcileRequest<Approval>>,
    report: UnboundedSender<ReconcileRequest<Tenant>>,
    index: OnceLock<Index>,
    pub(super) secrets: TenantSecrets,
}

/// A queue whose reader is gone belongs to a process that is stopping.
fn send<K: Resource<DynamicType = ()>>(queue: &UnboundedSender<ReconcileRequest<K>>, object: ObjectRef<K>) {
    let _ = queue.send(object.into());
}

impl Router {
    /// A router and the queues that it fills.
    pub fn new(secrets: TenantSecrets) -> (Arc<Self>, Queues) {
        let (tenant, tenant_queue) = unbounded_channel();
        let (ingest, ingest_queue) = unbounded_channel();
        let (camera, camera_queue) = unbounded_channel();
        let (retention_policy, retention_policy_queue) = unbounded_channel();
        let (sharing_policy, sharing_policy_queue) = unbounded_channel();
        let (legal_hold, legal_hold_queue) = unbounded_channel();
        let (legal_order, legal_order_queue) = unbounded_channel();
        let (disclosure_request, disclosure_request_queue) = unbounded_channel();
        let (approval, approval_queue) = unbounded_channel();
        let (report, report_queue) = unbounded_channel();
        let index = OnceLock::new();
        let router = Self {
            tenant,
            ingest,
            camera,
            retention_policy,
            sharing_policy,
            legal_hold,
            legal_order,
            disclosure_request,
            approval,
            report,
            index,
            secrets,
        };
        let queues = Queues {
            tenant: tenant_queue,
            ingest: ingest_queue,
            camera: camera_queue,
            retention_policy: retention_policy_queue,
            sharing_policy: sharing_policy_queue,
            legal_hold: legal_hold_queue,
            legal_order: legal_order_queue,
            disclosure_request: disclosure_request_queue,
            approval: approval_queue,
            report: report_queue,
        };
        (Arc::new(router), queues)
    }

    /// Gives the router the index that its watches fill.
    pub(super) fn connect(&self, index: Index) {
        // The index is made once, at start.
        let _ = self.index.set(index);
    }

    pub(super) fn tenant(self: &Router, tenant: &Tenant) {
        send(&self.tenant, ObjectRef::from_obj(tenant));
        send(&self.ingest, ObjectRef::from_obj(tenant));
        send(&self.report, ObjectRef::from_obj(tenant));
        self.retention_policies_of(&tenant.spec.namespace, |_| true);
        self.legal_holds_of(&tenant.spec.namespace);
        self.legal_orders_of(&tenant.spec.namespace);
        // Who its members are decides.
        self.disclosure_requests_of(&tenant.spec.namespace, |_| true);
    }

    pub(super) fn camera(&self, camera: &Camera) {
        send(&self.camera, ObjectRef::from_obj(camera));
        self.recorders_of(camera.namespace().as_deref());
        if camera.is_shredded()
            && let Some(namespace) = camera.namespace()
        {
            self.retention_policies_of(&namespace, |_| true);
        }
    }

    pub(super) fn retention_policy(&self, policy: &RetentionPolicy) {
        send(&self.retention_policy, ObjectRef::from_obj(policy));
        self.recorders_of(policy.namespace().as_deref());
    }

    /// A retention job began or ended.
    pub(super) fn retention_pod(&self, pod: &Pod) {
        let Some((namespace, id)) = pod.namespace().zip(pod.labels().get(POLICY_LABEL)) else { return };
        self.retention_policies_of(&namespace, |policy| identity::of(policy) == Some(id));
        // It may have copied what a hold needs.
        self.legal_holds_of(&namespace);
    }

    /// What is due, and what may go, depends on it.
    pub(super) fn legal_hold(&self, hold: &LegalHold) {
        send(&self.legal_hold, ObjectRef::from_obj(hold));
        if let Some(namespace) = hold.namespace() {
            self.retention_policies_of(&namespace, |_| true);
        }
    }

    /// The requests that name it, and the one that it follows.
    pub(super) fn legal_order(&self, order: &LegalOrder) {
        send(&self.legal_order, ObjectRef::from_obj(order));
        let (name, follows) = (order.name_any(), order.spec.request_ref.as_ref().map(|request| &request.uid));
        if let Some(namespace) = order.namespace() {
            self.disclosure_requests_of(&namespace, |request| {
                let named = request.spec.legal_order_ref.as_ref();
                named.is_some_and(|order| order.name == name)
                    || (follows.is_some() && request.metadata.uid.as_ref() == follows)
            });
        }
    }

    pub(super) fn disclosure_request(&self, request: &DisclosureRequest) {
        send(&self.disclosure_request, ObjectRef::from_obj(request));
        // Approvals that were there before it.
        let Some(index) = self.index.get() else { return };
        let about =
            |approval: &Approval| Some(&approval.spec.request_ref.uid) == request.metadata.uid.as_ref();
        for approval in index.approvals.state().iter().filter(|approval| about(approval)) {
            send(&self.approval, ObjectRef::from_obj(&**approval));
        }
    }

    /// The request that it answers decides how it counts.
    pub(super) fn approval(&self, approval: &Approval) {
        send(&self.approval, ObjectRef::from_obj(approval));
        if let Some(namespace) = approval.namespace() {
            let uid = &approval.spec.request_ref.uid;
            self.disclosure_requests_of(&namespace, |request| request.metadata.uid.as_ref() == Some(uid));
        }
    }

    /// A disclosure Job began or ended.
    pub(super) fn disclosure_pod(&self, pod: &Pod) {
        let Some((namespace, uid)) = pod.namespace().zip(pod.labels().get(REQUEST_LABEL)) else { return };
        self.disclosure_requests_of(&namespace, |request| request.metadata.uid.as_ref() == Some(uid));
    }

    fn disclosure_requests_of(&self, namespace: &str, which: impl Fn(&DisclosureRequest) -> bool) {
        let Some(index) = self.index.get() else { return };
        for request in in_namespace(&index.disclosure_requests, namespace) {
            if which(&request) {
                send(&self.disclosure_request, ObjectRef::from_obj(&*request));
            }
        }
    }

    fn legal_holds_of(&self, namespace: &str) {
        let Some(index) = self.index.get() else { return };
        for hold in in_namespace(&index.legal_holds, namespace) {
            send(&self.legal_hold, ObjectRef::from_obj(&*hold));
        }
    }

    fn legal_orders_of(&self, namespace: &str) {
        let Some(index) = self.index.get() else { return };
        for order in in_namespace(&index.legal_orders, namespace) {
            send(&self.legal_order, ObjectRef::from_obj(&*order));
        }
    }

    fn retention_policies_of(&self, namespace: &str, which: impl Fn(&RetentionPolicy) -> bool) {
        let Some(index) = self.index.get() else { return };
        for policy in in_namespace(&index.retention_policies, namespace) {
            if which(&policy) {
                send(&self.retention_policy, ObjectRef::from_obj(&*policy));
            }
        }
    }

    pub(super) fn sharing_policy(&self, policy: &SharingPolicy) {
        send(&self.sharing_policy, ObjectRef::from_obj(policy));
        self.recorders_of(policy.namespace().as_deref());
        if let Some(namespace) = policy.namespace() {
            // It may trust an authority now.
            self.legal_orders_of(&namespace);
            self.disclosure_requests_of(&namespace, |_| true);
        }
    }

    /// Something that the recorders are made of.
    pub(super) fn child<K: Resource>(&self, child: &K) {
        self.recorders_of(child.namespace().as_deref());
    }

    pub(super) fn namespace(&self, namespace: &Namespace) {
        if let Some(tenant) = namespace.labels().get(TENANT_LABEL) {
            send(&self.tenant, ObjectRef::new(tenant));
            send(&self.ingest, ObjectRef::new(tenant));
            self.retention_policies_of(&namespace.name_any(), |_| true);
        }
    }

    /// A tenant's namespace is bound: its cameras' Secrets can be watched from now on.
    pub fn watch_secrets(self: &Arc<Self>, namespace: &str) {
        self.secrets.watch(namespace, self);
    }

    /// Whether a namespace is some tenant's.
    pub(super) fn is_tenants(&self, namespace: &str) -> bool {
        self.index.get().is_some_and(|index| index.tenant_of(namespace).is_some())
    }

    /// The recorders of a namespace, and the tenant's counts.
    pub fn recorders_of(&self, namespace: Option<&str>) {
        let tenant =
            self.index.get().zip(namespace).and_then(|(index, namespace)| index.tenant_of(namespace));
        if let Some(tenant) = tenant {
            send(&self.ingest, ObjectRef::from_obj(&*tenant));
        }
    }

    /// A camera's recorder says something new, or its plan changed.
    pub fn camera_news(&self, namespace: &str, name: &str) {
        send(&self.camera, ObjectRef::new(name).within(namespace));
    }

    /// A tenant's counts changed.
    pub fn tenant_news(&self, name: &str) {
        send(&self.tenant, ObjectRef::new(name));
    }

    /// A kind has been seen whole: what waited for it is due.
    pub(super) fn everything(&self) {
        let Some(index) = self.index.get() else { return };
        for tenant in index.tenants.state() {
            self.tenant(&tenant);
        }
    }
}

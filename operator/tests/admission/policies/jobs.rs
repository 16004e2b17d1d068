//! What runs under the accounts that can read or delete (camerafleet-jobs, camerafleet-job-images,
//! camerafleet-pod-images).

use serde_json::{Value, json};

use super::{
    super::{
        fixtures::{IMAGE, must},
        server::shared,
    },
    *,
};

const WHO: Expect = Refused("camerafleet-jobs");
const JOB_IMAGE: Expect = Refused("camerafleet-job-images");
const POD_IMAGE: Expect = Refused("camerafleet-pod-images");

fn spec(account: &str, image: &str) -> Value {
    json!({"serviceAccountName": account, "restartPolicy": "Never", "containers": [{"name": "main", "image": image}]})
}

fn job(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": spec}}})
}

fn cron_job(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": {
        "schedule": "17 * * * *", "jobTemplate": {"spec": {"template": {"spec": spec}}}}})
}

fn pod(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"batch.kubernetes.io/job-name": name}, "finalizers": ["batch.kubernetes.io/job-tracking"]},
        "spec": spec})
}

/// The operator's rights to Jobs come with the program that they run: until then it is given them here.
async fn may_run_jobs(server: &Server) {
    let role = json!({
        "metadata": {"name": "may-run-jobs"},
        "rules": [{"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": ["create", "patch", "update"]}],
    });
    let binding = json!({
        "metadata": {"name": "may-run-jobs"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "may-run-jobs"},
        "subjects": [{"kind": "ServiceAccount", "name": "camerafleet-operator", "namespace": "camerafleet-system"}],
    });
    must(server, ADMINISTRATOR, "/apis/rbac.authorization.k8s.io/v1/clusterroles", &role).await;
    must(server, ADMINISTRATOR, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

#[tokio::test]
async fn what_runs_under_the_jobs_accounts_comes_from_the_operator() {
    let server = shared().await;
    may_run_jobs(&server).await;
    let (jobs, cron_jobs, pods) =
        (tenants("batch/v1", "jobs"), tenants("batch/v1", "cronjobs"), core(TENANT, "pods"));
    must(&server, OPERATOR, &jobs, &job("there", spec("retention", IMAGE))).await;
    must(&server, OPERATOR, &cron_jobs, &cron_job("there", spec("retention", IMAGE))).await;
    must(&server, controller("job-controller"), &pods, &pod("there", spec("retention", IMAGE))).await;

    let (cron, jobber) = (controller("cronjob-controller"), controller("job-controller"));
    let mut cases = Vec::new();
    for account in ["retention", "disclosure", "prepare"] {
        let spec = || spec(account, IMAGE);
        cases.extend([
            create("Job", OPERATOR, &jobs, job("j", spec()), Passes),
            create("Job", cron, &jobs, job("j", spec()), Passes),
            create("Job", POWER, &jobs, job("j", spec()), WHO),
            create("Job", ADMINISTRATOR, &jobs, job("j", spec()), WHO),
            create("Job", IMPOSTOR, &jobs, job("j", spec()), WHO),
            create("CronJob", OPERATOR, &cron_jobs, cron_job("c", spec()), Passes),
            create("CronJob", ADMINISTRATOR, &cron_jobs, cron_job("c", spec()), WHO),
            create("Pod", jobber, &pods, pod("p", spec()), Passes),
            create("Pod", POWER, &pods, pod("p", spec()), WHO),
            create("Pod", ADMINISTRATOR, &pods, pod("p", spec()), WHO),
            create("Pod", controller("replicaset-controller"), &pods, pod("p", spec()), WHO),
            create("Pod", Actor::Kubelet, &pods, pod("p", spec()), WHO),
        ]);
    }
    let mut alias = spec("retention", IMAGE);
    alias["serviceAccount"] = alias.as_object_mut().unwrap().remove("serviceAccountName").unwrap();
    let mut unlabelled = pod("p", spec("retention", IMAGE));
    unlabelled["metadata"].as_object_mut().unwrap().remove("labels");
    let suspend = json!({"spec": {"suspend": true}});
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    let free = json!({"metadata": {"finalizers": null}});
    let image = json!({"spec": {"containers": [{"name": "main", "image": "evil", "imagePullPolicy": "IfNotPresent"}]}});
    cases.extend([
        create("Job by the account's old name", POWER, &jobs, job("j", alias.clone()), WHO),
        create("Pod by the account's old name", POWER, &pods, pod("p", alias), WHO),
        create("Pod without a Job's label", jobber, &pods, unlabelled, WHO),
        create("Job under another account", POWER, &jobs, job("j", spec("default", "any")), Passes),
        create(
            "CronJob under another account",
            POWER,
            &cron_jobs,
            cron_job("c", spec("default", "any")),
            WHO,
        ),
        create("Pod under another account", POWER, &pods, pod("p", spec("ingest-0", "any")), Passes),
        create("Pod elsewhere", POWER, &core(OTHER, "pods"), pod("p", spec("retention", "any")), Passes),
        patch("stop the Job", POWER, &format!("{jobs}/there"), suspend.clone(), WHO),
        patch("stop the CronJob", POWER, &format!("{cron_jobs}/there"), suspend.clone(), WHO),
        patch("stop the CronJob", OPERATOR, &format!("{cron_jobs}/there"), suspend, Passes),
        patch("label the CronJob", POWER, &format!("{cron_jobs}/there"), label.clone(), Passes),
        patch("label the Job", POWER, &format!("{jobs}/there"), label, Passes),
        patch("the Pod's image", POWER, &format!("{pods}/there"), image, WHO),
        patch("let the Pod go", jobber, &format!("{pods}/there"), free.clone(), Passes),
        patch(
            "let the Pod go",
            controller("pod-garbage-collector"),
            &format!("{pods}/there/status"),
            json!({"status": {"phase": "Failed"}}),
            Passes,
        ),
        patch(
            "report of the Pod",
            Actor::Kubelet,
            &format!("{pods}/there/status"),
            json!({"status": {"phase": "Running"}}),
            Passes,
        ),
        patch(
            "let the Job go",
            controller("generic-garbage-collector"),
            &format!("{jobs}/there"),
            free,
            Passes,
        ),
        delete("the Job", controller("ttl-after-finished-controller"), &format!("{jobs}/there"), Passes),
        delete("the Pod", Actor::Kubelet, &format!("{pods}/there"), Passes),
    ]);
    check(&server, cases).await;
}

#[tokio::test]
async fn only_the_installations_image_runs_under_the_jobs_accounts() {
    let server = Server::own().await;
    may_run_jobs(&server).await;
    let (jobs, cron_jobs, pods) =
        (tenants("batch/v1", "jobs"), tenants("batch/v1", "cronjobs"), core(TENANT, "pods"));
    let jobber = controller("job-controller");
    let other = || spec("retention", "evil");
    let mut beside = spec("disclosure", IMAGE);
    beside["containers"].as_array_mut().unwrap().push(json!({"name": "second", "image": "evil"}));
    let mut before = spec("disclosure", IMAGE);
    before["initContainers"] = json!([{"name": "first", "image": "evil"}]);
    let mut within = spec("disclosure", IMAGE);
    within["volumes"] = json!([{"name": "files", "image": {"reference": "evil"}}]);
    let mut cases = vec![
        create("Job", OPERATOR, &jobs, job("j", spec("retention", IMAGE)), Passes),
        create("CronJob", OPERATOR, &cron_jobs, cron_job("c", other()), JOB_IMAGE),
        create("Job", controller("cronjob-controller"), &jobs, job("j", other()), JOB_IMAGE),
        create("Pod", jobber, &pods, pod("p", other()), POD_IMAGE),
        create("Pod of another account", jobber, &pods, pod("p", spec("default", "any")), Passes),
    ];
    for spec in [other(), beside, before, within] {
        cases.push(create("Job", OPERATOR, &jobs, job("j", spec.clone()), JOB_IMAGE));
        cases.push(create("Pod", jobber, &pods, pod("p", spec), POD_IMAGE));
    }
    check(&server, cases).await;

    // An upgrade: what exists can be cleaned up and looked after, what is new has the new image.
    must(&server, OPERATOR, &jobs, &job("old", spec("retention", IMAGE))).await;
    must(&server, OPERATOR, &cron_jobs, &cron_job("old", spec("retention", IMAGE))).await;
    let parameters = core("camerafleet-system", "configmaps/camerafleet-admission");
    let next = json!({"data": {"image": "registry.example.com/camerafleet:v2"}});
    let (code, answer) = server.ask(OPERATOR, Method::PATCH, &parameters, Some(&next)).await;
    assert_eq!(code, 403, "the operator can change what it is held to: {answer}");
    server.ask(ADMINISTRATOR, Method::PATCH, &parameters, Some(&next)).await;
    learned(&server, OPERATOR, &jobs, &job("j", spec("retention", IMAGE)), false).await;
    let collector = controller("generic-garbage-collector");
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    let image = json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": {
        "containers": [{"name": "main", "image": "registry.example.com/camerafleet:v2"}]}}}}}});
    let schedule = json!({"spec": {"schedule": "18 * * * *"}});
    check(
        &server,
        vec![
            create(
                "Job of the old image",
                controller("cronjob-controller"),
                &jobs,
                job("j", spec("retention", IMAGE)),
                JOB_IMAGE,
            ),
            create(
                "Job",
                OPERATOR,
                &jobs,
                job("j", spec("retention", "registry.example.com/camerafleet:v2")),
                Passes,
            ),
            patch("the old CronJob's label", collector, &format!("{cron_jobs}/old"), label.clone(), Passes),
            patch("the old Job's label", collector, &format!("{jobs}/old"), label.clone(), Passes),
            patch(
                "the old CronJob's schedule alone",
                OPERATOR,
                &format!("{cron_jobs}/old"),
                schedule,
                JOB_IMAGE,
            ),
            patch("the old CronJob's image", OPERATOR, &format!("{cron_jobs}/old"), image, Passes),
        ],
    )
    .await;

    // Without the parameter nothing runs under these accounts; everything else, recorders above all, goes on.
    server.ask(ADMINISTRATOR, Method::DELETE, &parameters, None).await;
    let v2 = || spec("retention", "registry.example.com/camerafleet:v2");
    learned(&server, OPERATOR, &jobs, &job("j", v2()), false).await;
    let mut recorder = pod("p", spec("ingest-0", "any"));
    recorder["metadata"].as_object_mut().unwrap().remove("labels");
    check(
        &server,
        vec![
            create("Job", OPERATOR, &jobs, job("j", v2()), JOB_IMAGE),
            create("Pod", jobber, &pods, pod("p", v2()), POD_IMAGE),
            create("a recorder's Pod", controller("replicaset-controller"), &pods, recorder, Passes),
            create(
                "Job elsewhere",
                POWER,
                &format!("/apis/batch/v1/namespaces/{OTHER}/jobs"),
                job("j", spec("any", "any")),
                Passes,
            ),
            patch("the old Job's label", collector, &format!("{jobs}/old"), label, Passes),
        ],
    )
    .await;
}

/// Waits until the API server has taken note of a changed parameter.
async fn learned(server: &Server, actor: Actor, path: &str, object: &Value, passes: bool) {
    for _ in 0..100 {
        let (code, _) = server.ask(actor, Method::POST, &format!("{path}?dryRun=All"), Some(object)).await;
        if (code == 201) == passes {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

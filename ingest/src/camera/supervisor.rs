//! Runs one task for each camera of the configuration in force, and brings a change only to those it concerns.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use camerafleet_footage::ids::CameraId;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::task::Task;
use crate::{
    config::{
        Current,
        diff::{self, CameraSpec, Change},
    },
    segment::Context,
};

/// How often it is looked whether a task died.
const LOOK: Duration = Duration::from_secs(2);

struct Running {
    spec: Arc<CameraSpec>,
    specs: watch::Sender<Arc<CameraSpec>>,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

/// Runs until stopped; then every camera has finished its segment and closed its stream.
pub async fn run(context: Context, mut config: watch::Receiver<Current>, stop: CancellationToken) {
    let mut running = BTreeMap::<CameraId, Running>::new();
    let mut leaving = BTreeMap::<CameraId, JoinHandle<()>>::new();
    let draining = Arc::new(AtomicBool::new(false));
    loop {
        let current = config.borrow_and_update().clone();
        let mut in_force = None;
        // Until it is known which passwords there are, no camera is asked for one.
        if let (Some(shard), Some(secrets)) = (&current.shard, &current.secrets) {
            let wanted = diff::cameras(shard, secrets);
            let gone: Vec<CameraId> =
                running.keys().filter(|id| !wanted.contains_key(*id)).cloned().collect();
            for id in gone {
                if let Some(camera) = running.remove(&id) {
                    camera.stop.cancel();
                    leaving.insert(id, camera.handle);
                }
            }
            // One that comes back while it leaves is begun at the next look.
            leaving.retain(|id, handle| {
                if handle.is_finished() {
                    context.board.remove(id);
                    context.metrics.forget(id);
                }
                !handle.is_finished()
            });
            for (id, spec) in wanted.into_iter().filter(|(id, _)| !leaving.contains_key(id)) {
                context.board.camera(&id, &spec.camera.name, spec.camera.max_sessions <= 1);
                apply(&mut running, id, spec, &context, &draining).await;
            }
            in_force = Some(shard.digest.as_str());
        }
        // Last, so that whoever reads the digest finds all of its cameras.
        context.board.config(in_force, current.error.clone());
        tokio::select! {
            () = stop.cancelled() => break,
            changed = config.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    draining.store(true, Ordering::Relaxed);
    for camera in running.values() {
        camera.stop.cancel();
    }
    let handles = running.into_iter().map(|(id, camera)| (id, camera.handle)).chain(leaving);
    for (id, handle) in handles {
        if let Err(error) = handle.await {
            tracing::error!(camera = %id, %error, "a camera's task failed while stopping");
        }
    }
}

async fn apply(
    running: &mut BTreeMap<CameraId, Running>,
    id: CameraId,
    spec: Arc<CameraSpec>,
    context: &Context,
    draining: &Arc<AtomicBool>,
) {
    if let Some(camera) = running.get_mut(&id) {
        let change = diff::change(&camera.spec, &spec);
        let died = camera.handle.is_finished();
        if died {
            tracing::error!(camera = %id, "a camera's task died, starting it again");
        }
        if !died && change > Change::Restart {
            if change != Change::None {
                camera.spec = spec.clone();
                camera.specs.send_replace(spec);
            }
            return;
        }
        // Another tenant or prefix: another stream, after the old one has said its last word.
        if let Some(camera) = running.remove(&id) {
            camera.stop.cancel();
            let _ = camera.handle.await;
        }
    }
    let (specs, receiver) = watch::channel(spec.clone());
    let stop = CancellationToken::new();
    match Task::new(context.clone(), receiver, stop.clone()) {
        Ok(task) => {
            let draining = draining.clone();
            let reason = move || {
                if draining.load(Ordering::Relaxed) {
                    "The recorder stopped."
                } else {
                    "The camera left the shard."
                }
            };
            let handle = tokio::spawn(task.run(reason));
            running.insert(id, Running { spec, specs, stop, handle });
        }
        // It is tried again at the next look.
        Err(error) => tracing::error!(camera = %id, %error, "a recorder stream could not be begun"),
    }
}

//! Camerafleet: jobs.

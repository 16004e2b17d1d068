//! Cameras: [`supervisor`] runs one [`task`] for each, which holds a [`session`] and tries again ([`retry`])
//! while the camera is to be recorded ([`schedule`]); [`network`] keeps it to its networks, [`relay`] puts answers right
//! that the RTSP library refuses, [`failure`] says in people's words what is wrong ([`said`] in the log's), [`limits`] how
//! long and ([`meter`]) how much a camera may take.

pub mod failure;
pub mod limits;
pub mod meter;
pub mod network;
pub mod relay;
pub mod retry;
mod said;
pub mod schedule;
pub mod session;
pub mod supervisor;
mod task;

//! One RTSP session: connect, choose tracks, and hand frames to the recorder until it ends.
//!
//! retina has no timeouts for connecting, DESCRIBE and media: each step here has its own. It connects only to
//! the host of the URL that it is given, and does not follow redirects. (The one exception is the TEARDOWN
//! that it repeats on a fresh connection for UDP and for old live555 servers; the pod's NetworkPolicy holds
//! that to the camera networks too.)
mod connect;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use camerafleet_footage::shard::StreamInfo;
use futures::StreamExt;
use retina::{
    client::{Demuxed, Stream},
    codec::{CodecItem, ParametersRef, VideoParameters},
};

use super::{
    failure::{self, Failure},
    meter::{Meter, TooMuch},
    relay::Way,
};
use crate::{
    config::diff::CameraSpec,
    mux::{AudioTrack, VideoTrack, nal},
    segment::{Access, AudioFrame, VideoFrame},
};

pub use connect::connect;
use connect::{discard, log, needs_relay};

/// What a session gives.
pub enum Item {
    /// A frame and the packets that were lost before it.
    Video(VideoFrame, u64),
    /// A frame and the packets that were lost before it.
    Audio(AudioFrame, u64),
    /// A frame without parameters to decode it by.
    Undecodable,
    /// A packet that does not fit in: the first after joining in the midst of a frame, or after a loss.
    BadPacket,
    /// Anything else.
    Other,
}

/// An established session.
pub struct Camera {
    demuxed: Demuxed,
    video: usize,
    codec: Codec,
    audio: Option<(AudioTrack, &'static str)>,
    track: Option<Arc<VideoTrack>>,
    playing_since: Instant,
    /// The last thing that came was a [`Item::BadPacket`].
    bad_packet: bool,
    /// Packets of another stream than the one announced came, and none of that one.
    foreign: bool,
    way: Way,
    meter: Meter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    H264,
    H265,
    Mjpeg,
}

impl Codec {
    fn of(stream: &Stream) -> Option<Self> {
        match (stream.media(), stream.encoding_name()) {
            ("video", "h264") => Some(Self::H264),
            ("video", "h265") => Some(Self::H265),
            ("video", "jpeg") => Some(Self::Mjpeg),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Mjpeg => "MJPEG",
        }
    }
}

impl Camera {
    /// Closes the connection of a session that ended with [`Failure::TooMuch`].
    pub fn discard(self) {
        discard(self.demuxed);
    }

    /// The sound's track, where it is recorded.
    pub fn audio(&self) -> Option<&AudioTrack> {
        self.audio.as_ref().map(|(track, _)| track)
    }

    /// Since PLAY was answered.
    pub fn playing_for(&self) -> Duration {
        self.playing_since.elapsed()
    }

    /// Whether all that came belongs to another stream than the one that the camera announced.
    pub fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// Whether the parameters of the picture are known.
    pub fn has_parameters(&self) -> bool {
        matches!(self.demuxed.streams()[self.video].parameters(), Some(ParametersRef::Video(_)))
    }

    /// What is recorded.
    pub fn info(&self) -> Option<StreamInfo> {
        let track = self.track.as_ref()?;
        Some(StreamInfo {
            codec: self.codec.name().into(),
            width: track.width.into(),
            height: track.height.into(),
            audio: self.audio.as_ref().map_or("", |(_, name)| name).into(),
        })
    }

    /// The next thing that the camera sends. Dropping the future loses nothing.
    pub async fn next(&mut self, spec: &CameraSpec) -> Result<Item, Failure> {
        let item = self.meter.watch(self.demuxed.next()).await;
        let item = item.map_err(|TooMuch| Failure::TooMuch)?;
        let after_bad_packet = std::mem::take(&mut self.bad_packet);
        match item {
            // After a packet that it could not take apart, retina goes on or ends, and does not say which.
            None if after_bad_packet => Err(Failure::Broken),
            None => Err(Failure::Ended),
            Some(Err(error)) => {
                let text = error.to_string();
                // Only errors about a packet have this line.
                if text.contains("\npkt: ") {
                    self.bad_packet = true;
                    self.foreign |= text.contains("wrong ssrc");
                    if self.way == Way::Direct && failure::is_decimal_ssrc(&text) {
                        let failure = needs_relay(spec);
                        log(spec, failure, None, &text);
                        return Err(failure);
                    }
                    return Ok(Item::BadPacket);
                }
                let failure = if text.starts_with("Error reading") || text.contains("EOF") {
                    Failure::Ended
                } else {
                    Failure::Broken
                };
                log(spec, failure, error.status_code(), &text);
                Err(failure)
            }
            Some(Ok(CodecItem::VideoFrame(frame))) => {
                self.foreign = false;
                self.meter.reset();
                Ok(self.video(frame))
            }
            Some(Ok(CodecItem::AudioFrame(frame))) => {
                let audio = AudioFrame {
                    raw: frame.timestamp().elapsed(),
                    at_us: wall_us(frame.ctx()),
                    length: frame.frame_length().get(),
                    data: bytes::Bytes::copy_from_slice(frame.data()),
                };
                Ok(Item::Audio(audio, frame.loss().into()))
            }
            Some(Ok(_)) => Ok(Item::Other),
        }
    }

    fn video(&mut self, frame: retina::codec::VideoFrame) -> Item {
        if self.track.is_none() || frame.has_new_parameters() {
            let Some(ParametersRef::Video(parameters)) = self.demuxed.streams()[self.video].parameters()
            else {
                return Item::Undecodable;
            };
            let Some(track) = track(parameters) else { return Item::Undecodable };
            // The same parameters sent again are no change.
            if self.track.as_deref() != Some(&track) {
                self.track = Some(Arc::new(track));
            }
        }
        let Some(track) = self.track.clone() else { return Item::Undecodable };
        let access = match self.codec {
            Codec::H265 => nal::h265_access(frame.data()),
            Codec::H264 | Codec::Mjpeg if frame.is_random_access_point() => Access::Start,
            Codec::H264 | Codec::Mjpeg => Access::Other,
        };
        let loss = frame.loss().into();
        let raw = frame.timestamp().elapsed();
        let at_us = wall_us(frame.start_ctx());
        Item::Video(VideoFrame { raw, at_us, access, track, data: frame.into_data().into() }, loss)
    }
}

fn track(parameters: &VideoParameters) -> Option<VideoTrack> {
    let ratio = parameters
        .pixel_aspect_ratio()
        .and_then(|(h, v)| Some((u16::try_from(h).ok()?, u16::try_from(v).ok()?)));
    let mut entry = parameters.mp4_sample_entry();
    if let Some(ratio) = ratio.filter(|(h, v)| h != v) {
        entry = entry.with_aspect_ratio(ratio);
    }
    let (width, height) = parameters.pixel_dimensions();
    Some(VideoTrack {
        sample_entry: entry.build().ok()?,
        width: u16::try_from(width).ok()?,
        height: u16::try_from(height).ok()?,
    })
}

fn wall_us(context: &retina::PacketContext) -> i64 {
    let wall = std::time::SystemTime::from(context.received_wall());
    jiff::Timestamp::try_from(wall).map_or(0, jiff::Timestamp::as_microsecond)
}

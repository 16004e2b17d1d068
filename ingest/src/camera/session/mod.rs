//! One RTSP session: connect, choose tracks, and hand frames to the recorder until it ends.
//!
//! retina has no timeouts for connecting, DESCRIBE and media: each step here has its own. It connects only to
//! the host of the URL that it is given, and does not follow redirects. (The one exception is the TEARDOWN
//! that it repeats on a fresh connection for UDP and for old live555 servers; the pod's NetworkPolicy holds
//! that to the camera networks too.)

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use camerafleet_footage::shard::{StreamInfo, Transport};
use futures::StreamExt;
use retina::{
    client::{
        Credentials, Demuxed, InitialTimestampPolicy, PlayOptions, Session, SessionGroup, SessionIdPolicy,
        SessionOptions, SetupOptions, Stream, TcpTransportOptions, UdpTransportOptions,
    },
    codec::{CodecItem, FrameFormat, ParametersRef, VideoParameters},
};
use url::Url;

use super::{
    failure::{self, Failure, Step},
    limits::Limits,
    meter::{Meter, TooMuch},
    network,
    relay::{self, Way},
    said,
};
use crate::{
    config::diff::CameraSpec,
    mux::{AudioTrack, VideoTrack, init, nal},
    segment::{Access, AudioFrame, VideoFrame},
};

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

/// Connects and plays, over the given way.
pub async fn connect(
    spec: &CameraSpec,
    limits: &Limits,
    group: &Arc<SessionGroup>,
    attempt: usize,
    way: Way,
) -> Result<Camera, Failure> {
    let mut url = network::pinned(&spec.camera.url, &spec.networks, attempt).await?;
    let address = url.host_str().unwrap_or_default().to_owned();
    // An earlier session of ours may hold the only one that the camera allows.
    let stale = group.stale_sessions();
    if stale.num_sessions > 0 {
        let _ = tokio::time::timeout(limits.stale, group.await_stale_sessions(&stale)).await;
    }
    if way == Way::Relayed {
        if spec.camera.transport == Transport::Udp {
            return Err(Failure::NeedsTcp);
        }
        let port = url.port().unwrap_or(network::RTSP_PORT);
        tracing::info!(camera = %spec.id, address = %format!("{address}:{port}"), "the session goes through the relay");
        url = relay::open(&url, limits.step).await?;
    }
    let credentials = spec.credentials.as_ref().map(|credentials| Credentials {
        username: credentials.username.to_string(),
        password: credentials.password.to_string(),
    });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent("camerafleet".into())
        .session_group(group.clone())
        .session_id(SessionIdPolicy::UseFirst);
    let described = step(spec, limits, way, Step::Describe, Session::describe(url.clone(), options)).await;
    let mut session = match described {
        Err(Failure::Unauthorized)
            if way == Way::Direct && relay::is_short_answer(&url, limits.step).await =>
        {
            return Err(needs_relay(spec));
        }
        described => described?,
    };

    let streams = session.streams();
    let codecs = || streams.iter().enumerate().filter_map(|(i, stream)| Some((i, Codec::of(stream)?)));
    let (video, codec) = codecs().next().ok_or(Failure::UnsupportedCodec)?;
    // Not granted: never set up, so that the camera does not even send it.
    let audio = if spec.camera.audio {
        streams.iter().enumerate().find_map(|(i, stream)| Some((i, sound(stream)?)))
    } else {
        None
    };

    let transport = || match spec.camera.transport {
        Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
        Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
    };
    for i in [Some(video), audio.as_ref().map(|(i, _)| *i)].into_iter().flatten() {
        let options = SetupOptions::default().transport(transport()).frame_format(FrameFormat::MP4);
        let set_up = step(spec, limits, way, Step::Setup, session.setup(i, options)).await;
        set_up.map_err(|failure| match failure {
            // The library takes a relative base for a host, or for one without a name.
            Failure::NotFound | Failure::Refused(_) | Failure::Ended | Failure::Timeout(_)
                if way == Way::Direct && !names_a_host(&session.streams()[i]) =>
            {
                needs_relay(spec)
            }
            failure => failure,
        })?;
        // The camera may name another host as the source of its packets.
        if spec.camera.transport == Transport::Udp && !sends_from(&session.streams()[i], &address) {
            return Err(Failure::OutsideNetworks);
        }
    }
    let options = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    let playing = step(spec, limits, way, Step::Play, session.play(options)).await?;
    let demuxed = playing.demuxed().map_err(|error| failed(spec, way, Step::Play, &error))?;
    let audio = audio.map(|(_, track)| track);
    Ok(Camera {
        demuxed,
        video,
        codec,
        audio,
        track: None,
        playing_since: Instant::now(),
        bad_packet: false,
        foreign: false,
        way,
        meter: Meter::new(limits.frame_bytes),
    })
}

/// The context's text is the only way to the address: `<me>(me) -> <peer>:<ports>`.
fn sends_from(stream: &Stream, address: &str) -> bool {
    let peer = |text: String| {
        text.split(" -> ")
            .nth(1)
            .is_some_and(|peer| peer.starts_with(&format!("{}:", address.trim_matches(['[', ']']))))
    };
    stream.ctx().is_some_and(|context| peer(context.to_string()))
}

async fn step<T>(
    spec: &CameraSpec,
    limits: &Limits,
    way: Way,
    step: Step,
    work: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, Failure> {
    let mut meter = Meter::new(limits.answer_bytes);
    let mut work = Box::pin(work);
    let done = tokio::time::timeout(limits.step, meter.watch(work.as_mut())).await;
    match done {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(error))) => Err(failed(spec, way, step, &error)),
        Ok(Err(TooMuch)) => {
            discard(work);
            Err(Failure::TooMuch)
        }
        Err(_) => Err(Failure::Timeout(step)),
    }
}

/// Drops a session that sends without end. Elsewhere retina goes on reading in the background, for the answer to its
/// TEARDOWN, and without a bound; here the task that it begins for that is dropped before it runs.
fn discard<T>(session: T) {
    if let Ok(nowhere) = tokio::runtime::Builder::new_current_thread().build() {
        let entered = nowhere.enter();
        drop(session);
        drop(entered);
        nowhere.shutdown_background();
    }
}

/// Whether the URL that a track is set up under has a host that a camera can have: an address, or a name with a dot.
fn names_a_host(stream: &Stream) -> bool {
    let host = stream.control().map_or(Some("none is needed."), Url::host_str);
    host.is_some_and(|host| host == "localhost" || host.contains(['.', ':']))
}

/// The next session will go through the relay, which cannot carry UDP.
fn needs_relay(spec: &CameraSpec) -> Failure {
    match spec.camera.transport {
        Transport::Tcp => Failure::NeedsRelay,
        Transport::Udp => Failure::NeedsTcp,
    }
}

fn failed(spec: &CameraSpec, way: Way, step: Step, error: &retina::Error) -> Failure {
    let text = error.to_string();
    let failure = match error.status_code() {
        Some(200..300) if way == Way::Direct && failure::can_be_put_right(&text, step) => needs_relay(spec),
        Some(status) => Failure::from_status(status, spec.credentials.is_some(), step),
        None => Failure::from_text(&text, step),
    };
    log(spec, failure, error.status_code(), &text);
    failure
}

fn log(spec: &CameraSpec, failure: Failure, status: Option<u16>, text: &str) {
    let error = said::in_its_own_words(text);
    tracing::info!(camera = %spec.id, name = spec.camera.name, reason = failure.word(), status, error, "session failed");
}

/// The sound that MP4 takes as it comes, and its name. G.711's sample entries are QuickTime's.
fn sound(stream: &Stream) -> Option<(AudioTrack, &'static str)> {
    if stream.media() != "audio" {
        return None;
    }
    let Some(ParametersRef::Audio(parameters)) = stream.parameters() else { return None };
    let clock_rate = parameters.clock_rate();
    let (sample_entry, name) = match stream.encoding_name() {
        "pcmu" => (init::g711(b"ulaw", parameters.channels().get(), clock_rate), "PCMU"),
        "pcma" => (init::g711(b"alaw", parameters.channels().get(), clock_rate), "PCMA"),
        _ => (parameters.mp4_sample_entry().build().ok()?, "AAC"),
    };
    Some((AudioTrack { sample_entry, clock_rate }, name))
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

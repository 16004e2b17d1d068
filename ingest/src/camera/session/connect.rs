//! Connects and plays.

use std::{sync::Arc, time::Instant};

use camerafleet_footage::shard::Transport;
use retina::{
    client::{
        Credentials, InitialTimestampPolicy, PlayOptions, Session, SessionGroup, SessionIdPolicy,
        SessionOptions, SetupOptions, Stream, TcpTransportOptions, UdpTransportOptions,
    },
    codec::{FrameFormat, ParametersRef},
};
use url::Url;

use super::{Camera, Codec};
use crate::{
    camera::{
        failure::{self, Failure, Step},
        limits::Limits,
        meter::{Meter, TooMuch},
        network,
        relay::{self, Way},
        said,
    },
    config::diff::CameraSpec,
    mux::{AudioTrack, init},
};

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
pub(super) fn discard<T>(session: T) {
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
pub(super) fn needs_relay(spec: &CameraSpec) -> Failure {
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

pub(super) fn log(spec: &CameraSpec, failure: Failure, status: Option<u16>, text: &str) {
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

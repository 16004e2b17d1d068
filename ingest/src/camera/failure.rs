//! Why a camera is not recorded, as a state and a sentence that stays the same while the cause does.

use std::io;

use camerafleet_footage::shard::CameraState;

/// A step of making a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Describe,
    Setup,
    Play,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not `rtsp://host…` without user and password.
    BadUrl,
    /// `rtsps://`: the library takes no TLS connection.
    NotSupported,
    /// The name does not resolve.
    Unresolved,
    /// An address outside the tenant's networks.
    OutsideNetworks,
    /// Nobody listens.
    ConnectionRefused,
    /// No way there.
    NoRoute,
    /// Any other failure to connect.
    NotConnected,
    /// No answer in time.
    Timeout(Step),
    /// 401 or 403, with a password.
    Unauthorized,
    /// 401, and there is no password.
    CredentialsMissing,
    /// 404.
    NotFound,
    /// 453 or 503.
    Busy,
    /// 3xx.
    Redirected,
    /// Any other answer but success.
    Refused(Step),
    /// An answer that is no RTSP or SDP.
    Garbled(Step),
    /// An answer that the library refuses and the relay can put right: the next session goes through it.
    NeedsRelay,
    /// The same over UDP, which cannot go through it.
    NeedsTcp,
    /// No track that can be recorded.
    UnsupportedCodec,
    /// No parameter sets.
    NoParameters,
    /// No frames.
    Stalled,
    /// Frames, but none to begin with.
    NoKeyFrame,
    /// The camera ended the session.
    Ended,
    /// What it sends cannot be read.
    Broken,
    /// Its packets are not those of the stream that it announced.
    Foreign,
    /// An answer or a frame without end.
    TooMuch,
    /// No key to seal to.
    KeysNotReady,
    /// A key is no key.
    BadKeys,
    /// No room.
    SpoolFull,
    /// The disk or the cipher failed.
    SealingFailed,
}

impl Failure {
    /// From an answer's status code.
    pub fn from_status(status: u16, with_credentials: bool, step: Step) -> Self {
        match status {
            401 if !with_credentials => Self::CredentialsMissing,
            401 | 403 => Self::Unauthorized,
            404 => Self::NotFound,
            453 | 503 => Self::Busy,
            300..=399 => Self::Redirected,
            // The status was good, but what came with it was not.
            200..=299 => Self::Garbled(step),
            _ => Self::Refused(step),
        }
    }

    /// From the text of an error without a status: the library has no types for them.
    pub fn from_text(text: &str, step: Step) -> Self {
        if !text.starts_with("Unable to connect") {
            return if text.contains("EOF") { Self::Ended } else { Self::Garbled(step) };
        }
        if text.contains("refused") {
            Self::ConnectionRefused
        } else if text.contains("unreachable") || text.contains("No route") {
            Self::NoRoute
        } else {
            Self::NotConnected
        }
    }

    /// From connecting.
    pub fn from_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            _ => Self::NotConnected,
        }
    }

    /// Whether it is tried slowly: passwords lock accounts.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Unauthorized | Self::CredentialsMissing)
    }

    /// A word for metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::BadUrl => "BadUrl",
            Self::NotSupported => "NotSupported",
            Self::Unresolved => "Unresolved",
            Self::OutsideNetworks => "OutsideCameraNetworks",
            Self::ConnectionRefused => "ConnectionRefused",
            Self::NoRoute => "NoRoute",
            Self::NotConnected => "NotConnected",
            Self::Timeout(_) => "Timeout",
            Self::Unauthorized => "Unauthorized",
            Self::CredentialsMissing => "CredentialsMissing",
            Self::NotFound => "NotFound",
            Self::Busy => "Busy",
            Self::Redirected => "Redirected",
            Self::Refused(_) => "Refused",
            Self::Garbled(_) => "Garbled",
            Self::NeedsRelay => "NeedsRelay",
            Self::NeedsTcp => "NeedsTcp",
            Self::UnsupportedCodec => "UnsupportedCodec",
            Self::NoParameters => "NoParameters",
            Self::Stalled => "Stalled",
            Self::NoKeyFrame => "NoKeyFrame",
            Self::Ended => "Ended",
            Self::Broken => "Broken",
            Self::Foreign => "Foreign",
            Self::TooMuch => "TooMuch",
            Self::KeysNotReady => "KeysNotReady",
            Self::BadKeys => "BadKeys",
            Self::SpoolFull => "SpoolFull",
            Self::SealingFailed => "SealingFailed",
        }
    }

    /// The state to show.
    pub fn state(self) -> CameraState {
        match self {
            Self::OutsideNetworks => CameraState::OutsideCameraNetworks,
            Self::Unauthorized => CameraState::Unauthorized,
            Self::CredentialsMissing => CameraState::CredentialsMissing,
            Self::UnsupportedCodec => CameraState::UnsupportedCodec,
            Self::NoParameters => CameraState::NoParameters,
            Self::Stalled | Self::NoKeyFrame => CameraState::Stalled,
            Self::KeysNotReady | Self::BadKeys => CameraState::KeysNotReady,
            Self::SpoolFull | Self::SealingFailed => CameraState::SpoolFull,
            Self::NeedsRelay => CameraState::Connecting,
            Self::BadUrl
            | Self::NotSupported
            | Self::Unresolved
            | Self::ConnectionRefused
            | Self::NoRoute
            | Self::NotConnected
            | Self::Timeout(_)
            | Self::NotFound
            | Self::Busy
            | Self::Redirected
            | Self::Refused(_)
            | Self::Garbled(_)
            | Self::NeedsTcp
            | Self::Ended
            | Self::Broken
            | Self::Foreign
            | Self::TooMuch => CameraState::Unreachable,
        }
    }

    /// The sentence to show, with a next step.
    pub fn message(self) -> &'static str {
        match self {
            Self::BadUrl => {
                "The URL is not rtsp://host[:port]/path without user and password: correct spec.source.url."
            }
            Self::NotSupported => {
                "RTSP over TLS (rtsps) is not supported: give the camera's rtsp:// URL in spec.source.url, and keep the way to it on a network of its own."
            }
            Self::Unresolved => {
                "The name of the camera does not resolve: check spec.source.url and the cluster's DNS."
            }
            Self::OutsideNetworks => {
                "The camera's address is outside the tenant's cameraNetworks: add its network there, or correct spec.source.url."
            }
            Self::ConnectionRefused => {
                "The camera refuses connections on this port: check that its RTSP server is on, and the port in spec.source.url."
            }
            Self::NoRoute => "There is no route to the camera: check its power and network.",
            Self::NotConnected => {
                "The camera cannot be connected to: check its power, network and spec.source.url."
            }
            Self::Timeout(Step::Describe) => {
                "The camera does not answer: check its power, network and spec.source.url."
            }
            Self::Timeout(Step::Setup) => {
                "The camera stopped answering when its stream was set up: restart it if this lasts."
            }
            Self::Timeout(Step::Play) => {
                "The camera stopped answering when it was asked to play: restart it if this lasts."
            }
            Self::Unauthorized => {
                "The camera refuses this user and password: correct the Secret in spec.source.credentialsSecretRef."
            }
            Self::CredentialsMissing => {
                "The camera wants a password and there is none: set spec.source.credentialsSecretRef."
            }
            Self::NotFound => {
                "The camera has no stream under this path: correct the path in spec.source.url."
            }
            Self::Busy => "The camera has no session free: close other viewers, or allow it more sessions.",
            Self::Redirected => {
                "The camera answers with a redirect, which is not followed: put the final address into spec.source.url."
            }
            Self::Refused(Step::Describe) => {
                "The camera answers the request for its description with an error: check the path in spec.source.url."
            }
            Self::Refused(Step::Setup) => {
                "The camera refuses to set its stream up: try the other spec.source.transport."
            }
            Self::Refused(Step::Play) => "The camera refuses to play: close other viewers, or restart it.",
            Self::Garbled(_) => {
                "The camera's answer cannot be understood: check that spec.source.url is an RTSP server."
            }
            Self::NeedsRelay => "The camera's answers are unusual: it is tried again in another way.",
            Self::NeedsTcp => {
                "The camera's answers are unusual, and can be read over TCP only: set spec.source.transport to TCP."
            }
            Self::UnsupportedCodec => {
                "The camera sends no H.264, H.265 or MJPEG: choose one of them in its settings."
            }
            Self::NoParameters => {
                "The camera sends no parameter sets for its video: update its firmware, or choose another codec in its settings."
            }
            Self::Stalled => "The camera sends no video: restart it if this lasts.",
            Self::NoKeyFrame => {
                "The camera sends video but no key frame: shorten the key frame interval in its settings."
            }
            Self::Ended => "The camera ended the connection; it is tried again.",
            Self::Broken => "The camera's stream cannot be read; it is tried again.",
            Self::Foreign => {
                "The camera announces one stream and sends the packets of another (SSRC): restart it, update its firmware, or try the other spec.source.transport."
            }
            Self::TooMuch => {
                "The camera sends an answer or a frame without end: check that spec.source.url is a camera, and restart it."
            }
            Self::KeysNotReady => {
                "There is no epoch key to seal footage to: wait for the operator, or check that Vault is reachable."
            }
            Self::BadKeys => {
                "The keys to seal footage to cannot be used: see the recorder's log and the operator's."
            }
            Self::SpoolFull => {
                "There is no room in the spool for one more segment: make the store reachable, or the spool larger."
            }
            Self::SealingFailed => "Segments cannot be written to the spool: see the recorder's log.",
        }
    }
}

/// Whether an answer was refused for a line that the relay puts right. `text` is the error's, of an answer whose status is
/// good. The library has no types for its reasons; its own words come first in a reason, before what it quotes.
pub fn can_be_put_right(text: &str, step: Step) -> bool {
    // `200 OK response to SETUP CSeq=3: reason`
    let reason = text.split_once(" CSeq=").and_then(|(_, rest)| rest.split_once(": "));
    let Some((_, reason)) = reason else { return false };
    let begins = |with: &[&str]| with.iter().any(|with| reason.starts_with(with));
    match step {
        Step::Describe => {
            let of_the_url =
                reason.strip_prefix("DESCRIBE response at ").and_then(|rest| rest.split_once(' '));
            of_the_url.is_some_and(|(_, rest)| rest.starts_with("has unexpected content type "))
                || begins(&["bad Content-Base ", "bad Content-Location "])
        }
        Step::Setup => begins(&[
            "Unparseable Session header ",
            "Unparseable timeout ",
            "Invalid timeout=0 in Session header ",
        ]),
        Step::Play => false,
    }
}

/// Whether a packet was refused because its SSRC was announced in decimal and read as hexadecimal (retina#137).
pub fn is_decimal_ssrc(text: &str) -> bool {
    let digits = |after: &str| text.split_once(after).and_then(|(_, rest)| rest.get(..8));
    let announced = digits("ssrc: 0x").and_then(|ssrc| ssrc.parse::<u32>().ok());
    let came = digits("\nssrc: ").and_then(|ssrc| u32::from_str_radix(ssrc, 16).ok());
    text.starts_with("wrong ssrc") && announced.is_some() && announced == came
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_relay_puts_right_goes_through_it() {
        let answer = |step: &str, reason: &str| {
            format!(
                "200 OK response to {step} CSeq=3: {reason}\n\nconn: 127.0.0.1:1(me)->127.0.0.1:2\nmsg: 9"
            )
        };
        for (step, reason, want) in [
            (
                Step::Describe,
                "DESCRIBE response at rtsp://192.0.2.1/a has unexpected content type text/plain",
                true,
            ),
            (Step::Describe, "bad Content-Base \"://\": empty host", true),
            (Step::Describe, "bad Content-Location \"://\": empty host", true),
            (Step::Describe, "Unable to parse SDP: bad Content-Base \"x\"", false),
            (Step::Describe, "No parseable streams (and 1 unparseable streams)", false),
            (Step::Describe, "Unparseable Session header \"1;x=y\"", false),
            (Step::Setup, "Unparseable Session header \"1;x=y\"", true),
            (Step::Setup, "Unparseable timeout 60;x=y", true),
            (Step::Setup, "Invalid timeout=0 in Session header \"1;timeout=0\"", true),
            (Step::Setup, "Missing Session header", false),
            (Step::Setup, "bad channel number Unparseable timeout 1", false),
            (Step::Play, "Unparseable timeout 60;x=y", false),
        ] {
            assert_eq!(can_be_put_right(&answer("ANY", reason), step), want, "{reason}");
        }
        assert!(!can_be_put_right("RTSP framing error: Unparseable timeout 1", Step::Setup));
    }

    #[test]
    fn an_ssrc_in_decimal_is_told_from_another_stream_s() {
        let packet = |announced: &str, came: &str| {
            format!(
                "wrong ssrc after 0 RTP pkts + 0 RTCP pkts; expecting ssrc=Some(Ssrc {{ init: PlayResponseHeader, ssrc: 0x{announced} }}) seq=None\n\nconn: a\nstream: b\nssrc: {came}\nseq: 1000\npkt: c"
            )
        };
        assert!(is_decimal_ssrc(&packet("22345684", "0154f7d4")));
        assert!(!is_decimal_ssrc(&packet("22345684", "0154f7d5")));
        assert!(!is_decimal_ssrc(&packet("0abcdef0", "0154f6d4")));
        assert!(!is_decimal_ssrc("Out-of-order packet or large loss\nssrc: 0154f6d4"));
    }

    #[test]
    fn answers_become_states() {
        use CameraState::*;
        for (status, credentials, want) in [
            (401, true, Unauthorized),
            (401, false, CredentialsMissing),
            (403, true, Unauthorized),
            (404, true, Unreachable),
            (453, true, Unreachable),
            (302, true, Unreachable),
            (200, true, Unreachable),
            (500, true, Unreachable),
        ] {
            assert_eq!(Failure::from_status(status, credentials, Step::Describe).state(), want, "{status}");
        }
        for (text, want) in [
            (
                "Unable to connect to RTSP server: Connection refused (os error 111)",
                Failure::ConnectionRefused,
            ),
            ("Unable to connect to RTSP server: No route to host (os error 113)", Failure::NoRoute),
            ("Unable to connect to RTSP server: too many files", Failure::NotConnected),
            ("Error reading from RTSP peer: EOF while expecting response to PLAY", Failure::Ended),
            ("RTSP framing error: Invalid RTSP message", Failure::Garbled(Step::Play)),
        ] {
            assert_eq!(Failure::from_text(text, Step::Play), want, "{text}");
        }
    }
}

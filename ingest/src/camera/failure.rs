//! Why a camera is not recorded, as a state and a sentence that stays the same while the cause does.

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

    /// Whether it is tried slowly: passwords lock accounts.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Unauthorized | Self::CredentialsMissing)
    }

    /// A word for metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::BadUrl => "BadUrl",
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
            Self::BadUrl
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

#[cfg(test)]
mod tests {
    use super::*;

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

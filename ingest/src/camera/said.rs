//! What of the RTSP library's error texts may be logged. They quote what the camera sent, and cameras send back what they
//! were sent, a password included, in forms that no list of forms foresees. So nothing of a text is passed on: it is
//! looked through for the library's own phrases, and the phrase is what is logged.

/// The library's phrases, those that say more before those that say less.
const PHRASES: &[&str] = &[
    // Of connections.
    "Connection refused",
    "Connection reset",
    "No route to host",
    "Network is unreachable",
    "Broken pipe",
    "timed out",
    "EOF while expecting response",
    "Unable to connect",
    "Unable to write keepalive",
    "Server failed to respond to keepalive",
    // Of messages.
    "Incomplete RTSP message at EOF",
    "Invalid RTSP message",
    "Expected response to",
    "Unexpected RTSP response status",
    "Unexpected RTSP response",
    // Of passwords.
    "Received Unauthorized after trying digest auth",
    "Unauthorized without WWW-Authenticate header",
    "Authentication requested and no credentials supplied",
    "Can't understand WWW-Authenticate header",
    // Of descriptions.
    "unexpected content type",
    "Unable to parse SDP",
    "No parseable streams",
    "bad Content-Base",
    "bad Content-Location",
    "unable to join base url",
    "invalid H.264 clock rate",
    "invalid H.265 clock rate",
    // Of setting up and playing.
    "Missing Session header",
    "Unparseable Session header",
    "Unparseable timeout",
    "Invalid timeout=0",
    "session id changed",
    "Missing Transport header",
    "bad channel number",
    "bad second channel number",
    "Expected adjacent channels",
    "unparseable source",
    "bad server_port",
    "missing server_port",
    "missing interleaved",
    "RTP-Info missing stream URL",
    "RTP-Info param has no =",
    "bad seq",
    "clock_rate=0",
    // Of media.
    "wrong ssrc",
    "Out-of-order packet or large loss",
    "corrupt RTP header",
    "Error reading from RTSP peer",
    "Error writing to RTSP peer",
];

/// The first phrase that the text has.
pub fn in_its_own_words(text: &str) -> &'static str {
    PHRASES.iter().copied().find(|phrase| text.contains(phrase)).unwrap_or("another failure")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_quoted_is_passed_on() {
        for (text, want) in [
            ("Unable to connect to RTSP server: Connection refused (os error 111)", "Connection refused"),
            (
                "DESCRIBE response at rtsp://a:b@c/ has unexpected content type p@ss",
                "unexpected content type",
            ),
            (
                "401 response: Can't understand WWW-Authenticate header: invalid byte at byte 1: p(HERE-->)@ss",
                "Can't understand WWW-Authenticate header",
            ),
            ("p@ss", "another failure"),
        ] {
            assert_eq!(in_its_own_words(text), want);
        }
    }
}

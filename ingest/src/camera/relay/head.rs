//! The lines of an answer's head that the RTSP library refuses though they can be understood, put right, and the one of its
//! own that cameras do not understand. Pure.

use std::borrow::Cow;

use bytes::BytesMut;
use http_auth::{PasswordClient, digest::Algorithm};
use url::Url;

/// The length of the body, where the head says none 0; none where it says what is no length.
pub fn body_length(head: &[u8]) -> Option<u64> {
    let length = lines(head).find_map(|line| {
        let (name, value) = field(line)?;
        name.eq_ignore_ascii_case("Content-Length").then_some(value)
    });
    length.map_or(Some(0), |length| length.parse().ok())
}

/// Whether the password's answer to this head lacks what [`with_algorithm`] adds: the library leaves `algorithm` out where
/// the camera names no `qop`, which then means MD5, whatever it hashed with.
pub fn wants_algorithm(head: &[u8]) -> bool {
    let challenges = lines(head).filter_map(field).filter(|(name, _)| is("WWW-Authenticate", name));
    let challenges: Vec<_> = challenges.map(|(_, value)| value).collect();
    // The library's own choice among several.
    match PasswordClient::try_from(&*challenges.join(", ")) {
        Ok(PasswordClient::Digest(digest)) => {
            digest.rfc2069_compat() && !digest.session() && digest.algorithm() == Algorithm::Sha256
        }
        _ => false,
    }
}

/// Appends `head` to `out`, with the lines put right. `is_sdp` says that the body of an answer is a description, `base` is
/// what was asked for.
pub fn put_right(head: &[u8], is_sdp: bool, base: &Url, out: &mut BytesMut) {
    let is_answer = head.starts_with(b"RTSP/");
    let good = lines(head).next().is_some_and(|status| status.split(|b| *b == b' ').nth(1) == Some(b"200"));
    for line in lines(head) {
        let right = |(name, value)| {
            let value = if is_answer {
                value_put_right(name, value, is_sdp && good, base)
            } else {
                is("Authorization", name).then(|| with_algorithm(value)).flatten().map(Cow::Owned)
            };
            Some((name, value?))
        };
        match field(line).and_then(right) {
            Some((name, value)) => {
                for part in [name, ": ", &*value, "\r\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            None => out.extend_from_slice(line),
        }
    }
}

/// With their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|byte| *byte == b'\n')
}

fn field(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
    Some((name, value.trim()))
}

fn is(wanted: &str, name: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

/// RFC 7616, section 3.4: what `algorithm` the challenge named, the answer must name too. None where nothing is missing; a
/// response of MD5 has 32 digits, so that one of 64 needs it.
fn with_algorithm(value: &str) -> Option<String> {
    let fields = value.strip_prefix("Digest ")?;
    let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
    let is_long = |(name, value): (&str, &str)| name == "response" && value.trim_matches('"').len() == 64;
    let lacks = !fields.clone().any(|(name, _)| name == "algorithm") && fields.any(is_long);
    lacks.then(|| format!("{value}, algorithm=SHA-256"))
}

/// None where the line is to stay as it is.
fn value_put_right<'a>(name: &str, value: &'a str, is_sdp: bool, base: &Url) -> Option<Cow<'a, str>> {
    let right = if is("Content-Type", name) && is_sdp {
        Cow::Borrowed("application/sdp")
    } else if is("Content-Base", name) || is("Content-Location", name) {
        resolved(value, base)?.into()
    } else if is("Session", name) {
        session(value).into()
    } else if is("Transport", name) {
        without_doubtful_ssrc(value).into()
    } else {
        return None;
    };
    (right != value).then_some(right)
}

/// What a base means that is no URL of a host by itself; none for one that is.
fn resolved(value: &str, base: &Url) -> Option<String> {
    let has_host = |url: &Url| url.host_str().is_some_and(|host| !host.is_empty());
    if Url::parse(value).is_ok_and(|url| url.scheme().starts_with("rtsp") && has_host(&url)) {
        return None;
    }
    // A path's first part has none of these, a host whose scheme was left out (moonfire#356) has one.
    let is_path = !value.split('/').next().unwrap_or_default().contains(['.', ':', '[']);
    let joined =
        base.join(value).ok().filter(|url| is_path && url.host() == base.host() && url.port() == base.port());
    Some(joined.unwrap_or_else(|| base.clone()).into())
}

/// The id, and the time-out where it is a number of seconds.
fn session(value: &str) -> String {
    let mut parts = value.split(';').map(str::trim);
    let id = parts.next().unwrap_or_default();
    let seconds =
        |part: &str| part.strip_prefix("timeout=")?.trim().parse::<u32>().ok().filter(|seconds| *seconds > 0);
    match parts.find_map(seconds) {
        Some(seconds) => format!("{id};timeout={seconds}"),
        None => id.to_owned(),
    }
}

/// RFC 2326, section 12.39 has eight hexadecimal digits. Some cameras have decimal ones (retina#137), so that digits alone
/// say nothing; without a source the first packet says it.
fn without_doubtful_ssrc(value: &str) -> String {
    let doubtful = |part: &&str| {
        part.trim().strip_prefix("ssrc=").map(str::trim).is_some_and(|ssrc| {
            let is_hex = ssrc.len() == 8 && ssrc.bytes().all(|byte| byte.is_ascii_hexdigit());
            !is_hex || ssrc.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    value.split(';').filter(|part| !doubtful(part)).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(head: &str, is_sdp: bool) -> String {
        let mut out = BytesMut::new();
        put_right(
            head.as_bytes(),
            is_sdp,
            &Url::parse("rtsp://127.0.0.1:5540/live/main?a=b").unwrap(),
            &mut out,
        );
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn lines_that_the_library_refuses_are_put_right() {
        for (line, want) in [
            ("Content-Type: text/plain", "Content-Type: application/sdp"),
            ("content-type: application/sdp; charset=utf-8", "content-type: application/sdp"),
            ("Content-Type:application/sdp", "Content-Type:application/sdp"),
            ("Content-Base: rtsp://192.0.2.10:554/a/", "Content-Base: rtsp://192.0.2.10:554/a/"),
            ("Content-Base: /stream/", "Content-Base: rtsp://127.0.0.1:5540/stream/"),
            ("Content-Base: other/", "Content-Base: rtsp://127.0.0.1:5540/live/other/"),
            ("Content-Location: /stream/", "Content-Location: rtsp://127.0.0.1:5540/stream/"),
            ("Content-Base: 192.0.2.10:554/a/", "Content-Base: rtsp://127.0.0.1:5540/live/main?a=b"),
            ("Content-Base: camera:554/a/", "Content-Base: rtsp://127.0.0.1:5540/live/main?a=b"),
            ("Content-Base: ://", "Content-Base: rtsp://127.0.0.1:5540/live/main?a=b"),
            ("Content-Base: rtsp:///a/", "Content-Base: rtsp://127.0.0.1:5540/live/main?a=b"),
            ("Content-Base: //192.0.2.66/a/", "Content-Base: rtsp://127.0.0.1:5540/live/main?a=b"),
            ("Session: 1;timeout=60", "Session: 1;timeout=60"),
            ("Session: 1;timeout=60;x=y", "Session: 1;timeout=60"),
            ("Session: 1 ; x=y; timeout=5", "Session: 1;timeout=5"),
            ("Session: 1;timeout=0", "Session: 1"),
            ("Session: 1;timeout=soon", "Session: 1"),
            (
                "Transport: RTP/AVP/TCP;ssrc=0154F6D4;interleaved=0-1",
                "Transport: RTP/AVP/TCP;ssrc=0154F6D4;interleaved=0-1",
            ),
            (
                "Transport: RTP/AVP/TCP;ssrc=22345684;interleaved=0-1",
                "Transport: RTP/AVP/TCP;interleaved=0-1",
            ),
            (
                "Transport: RTP/AVP/TCP;interleaved=0-1; ssrc= d6d6627",
                "Transport: RTP/AVP/TCP;interleaved=0-1",
            ),
            ("Transport: RTP/AVP/TCP;interleaved=0-1;ssrc=0x6f7c", "Transport: RTP/AVP/TCP;interleaved=0-1"),
            ("RTP-Info: url=x;ssrc=22345684", "RTP-Info: url=x;ssrc=22345684"),
            ("X: \u{e4}", "X: \u{e4}"),
        ] {
            let head = |line: &str| format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\n{line}\r\n\r\n");
            assert_eq!(right(&head(line), true), head(want));
            // What was put right stays so.
            assert_eq!(right(&head(want), true), head(want));
        }
    }

    #[test]
    fn what_is_no_description_keeps_its_type_and_requests_are_let_be() {
        let typed = "RTSP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n";
        assert_eq!(right(typed, false), typed);
        let failed = "RTSP/1.0 404 Not Found\r\nContent-Type: text/plain\r\n\r\n";
        assert_eq!(right(failed, true), failed);
        let asked = "GET_PARAMETER rtsp://127.0.0.1/ RTSP/1.0\r\nSession: 1;x=y\r\n\r\n";
        assert_eq!(right(asked, true), asked);
    }

    #[test]
    fn an_answer_to_a_sha_256_challenge_says_what_it_is() {
        let long = "0123456789abcdef".repeat(4);
        let asked =
            |value: &str| format!("DESCRIBE rtsp://127.0.0.1/ RTSP/1.0\r\nAuthorization: {value}\r\n\r\n");
        let digest = |response: &str| format!("Digest username=\"a, algorithm\", response=\"{response}\"");
        for (value, want) in [
            (digest(&long), format!("{}, algorithm=SHA-256", digest(&long))),
            (digest(&long[..32]), digest(&long[..32])),
            (
                format!("{}, algorithm=SHA-256", digest(&long)),
                format!("{}, algorithm=SHA-256", digest(&long)),
            ),
            ("Basic YTpi".into(), "Basic YTpi".into()),
        ] {
            assert_eq!(right(&asked(&value), false), asked(&want));
        }
    }

    #[test]
    fn only_a_challenge_that_the_library_answers_short_needs_it() {
        let refused = |lines: &str| format!("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{lines}\r\n");
        let line = |value: &str| format!("WWW-Authenticate: {value}\r\n");
        let digest = |more: &str| line(&format!("Digest realm=\"a\", nonce=\"b\"{more}"));
        let short = digest(", algorithm=\"SHA-256\"");
        for (lines, want) in [
            (short.clone(), true),
            (digest(", algorithm=SHA-256"), true),
            (line("Basic realm=\"a\"") + &short, true),
            (digest(", algorithm=SHA-256, qop=\"auth\""), false),
            (digest(", algorithm=MD5") + &short, false),
            (digest(""), false),
            (line("Basic realm=\"a\""), false),
            (line("Digest algorithm=SHA-256"), false),
            (String::new(), false),
        ] {
            assert_eq!(wants_algorithm(refused(&lines).as_bytes()), want, "{lines}");
        }
    }

    #[test]
    fn lengths_are_read_as_the_library_reads_them() {
        for (head, want) in [
            ("RTSP/1.0 200 OK\r\n\r\n", Some(0)),
            ("RTSP/1.0 200 OK\r\ncontent-length: 12\r\n\r\n", Some(12)),
            ("RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", None),
        ] {
            assert_eq!(body_length(head.as_bytes()), want);
        }
    }
}

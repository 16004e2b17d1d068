//! Reads an SDP session description (RFC 8866) for what an RTSP client needs of it: the attributes of the session and
//! of each medium. No other line is looked at, so that none can be wrong: cameras cut `o=` and `c=` short, write floats
//! and numbers of any size into them, and leave `v=`, `s=` and `t=` out (mediamtx#5033, #5949, #2555, #231, go2rtc#1663,
//! gortsplib#618, retina#33, #52). A medium whose own line cannot be used is left out, with its attributes.
//!
//! The names and fields are those that retina uses of the crate whose place this one takes.

/// The most media that are looked at; cameras have three or four.
const MOST_MEDIA: usize = 32;
/// The most attributes that the session, or one medium, is given.
const MOST_ATTRIBUTES: usize = 256;

/// A session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The session's own attributes.
    pub attributes: Vec<Attribute>,
    /// In the order in which they are described.
    pub medias: Vec<Media>,
}

/// A medium: `m=<media> <port> <proto> <fmt>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// `video`, `audio`, `application`.
    pub media: String,
    /// `RTP/AVP` and its like.
    pub proto: String,
    /// Payload types, separated by spaces; never empty.
    pub fmt: String,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
}

/// `a=<attribute>` or `a=<attribute>:<value>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub attribute: String,
    /// What follows the colon, if there is one.
    pub value: Option<String>,
}

/// Why a text is no session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParserError {
    /// It describes no medium at all.
    NoMedia,
}

impl std::fmt::Display for ParserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it describes no medium that can be used")
    }
}

impl std::error::Error for ParserError {}

/// Where attributes go.
enum Place {
    Session,
    /// To the last one.
    Medium,
    /// They belong to a medium that is left out.
    Nowhere,
}

impl Session {
    /// Reads a description. Bytes that are not UTF-8 are replaced.
    pub fn parse(data: &[u8]) -> Result<Self, ParserError> {
        let mut session = Self::default();
        let mut place = Place::Session;
        for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
            match line {
                [b'm', b'=', medium @ ..] => {
                    let room = session.medias.len() < MOST_MEDIA;
                    let medium = if room { Media::parse(medium) } else { None };
                    place = if medium.is_some() { Place::Medium } else { Place::Nowhere };
                    session.medias.extend(medium);
                }
                [b'a', b'=', attribute @ ..] => {
                    let list = match place {
                        Place::Session => Some(&mut session.attributes),
                        Place::Medium => session.medias.last_mut().map(|medium| &mut medium.attributes),
                        Place::Nowhere => None,
                    };
                    if let Some(list) = list.filter(|list| list.len() < MOST_ATTRIBUTES) {
                        list.push(Attribute::parse(attribute));
                    }
                }
                _ => {}
            }
        }
        session.without_back_channels();
        if session.medias.is_empty() { Err(ParserError::NoMedia) } else { Ok(session) }
    }
}

impl Session {
    /// Leaves out sound that the camera wants to be sent (ONVIF Streaming Specification, 5.3): it is marked `sendonly`, as
    /// from the client. Some cameras mark all that they send so, as from themselves; then it says nothing.
    fn without_back_channels(&mut self) {
        let sent_by_us = |medium: &Media| medium.attributes.iter().any(|a| a.attribute == "sendonly");
        if !self.medias.iter().any(|medium| medium.media == "video" && sent_by_us(medium)) {
            self.medias.retain(|medium| medium.media != "audio" || !sent_by_us(medium));
        }
    }
}

impl Media {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace();
        let (media, _port, proto) = (words.next()?, words.next()?, words.next()?);
        let fmt = words.collect::<Vec<_>>().join(" ");
        if fmt.is_empty() {
            return None;
        }
        Some(Self { media: media.to_owned(), proto: proto.to_owned(), fmt, attributes: Vec::new() })
    }
}

impl Attribute {
    fn parse(line: &[u8]) -> Self {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        match line.split_once(':') {
            Some((name, value)) => Self { attribute: name.to_owned(), value: Some(value.to_owned()) },
            None => Self { attribute: line.to_owned(), value: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: Option<&str>) -> Attribute {
        Attribute { attribute: name.into(), value: value.map(Into::into) }
    }

    #[test]
    fn attributes_go_to_the_session_or_to_their_medium() {
        let text = "v=0\r\na=control:*\r\nm=video 0/2 RTP/AVP 96 97\r\na=rtpmap:96 H264/90000 \r\na=recvonly\r\n\
                    m=audio 0 RTP/AVP 0\na=control:b:c\n";
        let session = Session::parse(text.as_bytes()).unwrap();
        assert_eq!(session.attributes, [attribute("control", Some("*"))]);
        let [video, audio] = &session.medias[..] else { panic!("two media") };
        assert_eq!((&*video.media, &*video.proto, &*video.fmt), ("video", "RTP/AVP", "96 97"));
        assert_eq!(
            video.attributes,
            [attribute("rtpmap", Some("96 H264/90000")), attribute("recvonly", None)]
        );
        assert_eq!(audio.attributes, [attribute("control", Some("b:c"))]);
    }

    #[test]
    fn lines_that_nobody_needs_cannot_be_wrong() {
        let medium = "m=video 0 RTP/AVP 96\n";
        for text in
            ["o=- 1.5 -1 IN \n", "c=IN \n", "t=x\n", "b=AS:\n", "v=7\n", "v=0\nv=0\n", "\n\n", "a\n=\n"]
        {
            let read = Session::parse(format!("{text}{medium}").as_bytes()).unwrap();
            assert_eq!(read.medias.len(), 1, "{text:?}");
        }
        let read = Session::parse(b"s=\xff\xfe\nm=video 0 RTP/AVP 96\na=\xff").unwrap();
        assert_eq!(read.medias[0].attributes, [attribute("\u{fffd}", None)]);
    }

    #[test]
    fn a_medium_that_cannot_be_used_takes_its_attributes_along() {
        for bad in ["m=", "m=video", "m=video 0 RTP/AVP", "m=video 0 RTP/AVP "] {
            let text = format!("{bad}\na=control:x\nm=video 0 RTP/AVP 96\na=control:y\n");
            let read = Session::parse(text.as_bytes()).unwrap();
            assert!(read.attributes.is_empty() && read.medias.len() == 1, "{bad:?}");
            assert_eq!(read.medias[0].attributes, [attribute("control", Some("y"))]);
            assert_eq!(Session::parse(bad.as_bytes()), Err(ParserError::NoMedia), "{bad:?}");
        }
    }

    #[test]
    fn sound_that_the_camera_wants_to_be_sent_is_left_out() {
        let media = |video: &str, audio: &str| {
            let text = format!("m=video 0 RTP/AVP 96\n{video}m=audio 0 RTP/AVP 0\n{audio}");
            Session::parse(text.as_bytes()).unwrap().medias.len()
        };
        let sent = "a=sendonly\n";
        assert_eq!(
            [media("", ""), media("", "a=recvonly\n"), media("", sent), media(sent, sent)],
            [2, 2, 1, 2]
        );
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let text =
            ["a=x\n".repeat(1_000), "m=video 0 RTP/AVP 96\n".repeat(1_000), "a=y\n".repeat(9)].concat();
        let read = Session::parse(text.as_bytes()).unwrap();
        assert_eq!((read.attributes.len(), read.medias.len()), (MOST_ATTRIBUTES, MOST_MEDIA));
        assert!(read.medias.iter().all(|medium| medium.attributes.is_empty()), "none gets another's");
    }
}

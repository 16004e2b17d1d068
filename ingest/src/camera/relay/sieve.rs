//! Takes the bytes of one direction apart as far as finding the heads of messages needs, without input or output. Frames of
//! media (`$`) and bodies pass as they come. A head is held until it is whole, one without an end only up to a bound: what comes
//! then passes untouched, and the library's own limit ends the session.

use bytes::{Buf as _, BytesMut};
use url::Url;

use super::head;

/// Bytes that an answer's head may have. Those of real cameras have some hundred.
const HEAD: usize = 32 << 10;
/// How a description begins; what says so and is called otherwise is one all the same.
const SDP: &[u8] = b"v=0";

/// Where in the stream it is.
enum Place {
    /// Before a frame or a message.
    Between,
    /// In the midst of one, of which so many bytes are to come.
    Within(u64),
    /// It is not understood, and never will be again.
    Lost,
}

/// One direction of one connection.
pub struct Sieve {
    place: Place,
    held: BytesMut,
    /// Bytes of what is held in which no head ends.
    searched: usize,
    base: Url,
}

impl Sieve {
    /// For requests for `base`, or the answers to them.
    pub fn new(base: Url) -> Self {
        Self { place: Place::Between, held: BytesMut::new(), searched: 0, base }
    }

    /// More came; gives what can be passed on.
    pub fn pass(&mut self, bytes: &[u8]) -> BytesMut {
        self.held.extend_from_slice(bytes);
        let mut ready = BytesMut::with_capacity(self.held.len());
        while !self.held.is_empty() {
            match self.place {
                Place::Lost => ready.extend_from_slice(&self.held.split()),
                Place::Within(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.held.len());
                    ready.extend_from_slice(&self.held[..here]);
                    self.held.advance(here);
                    let left = left - here as u64;
                    self.place = if left == 0 { Place::Between } else { Place::Within(left) };
                }
                Place::Between => {
                    if !self.look(&mut ready) {
                        break;
                    }
                }
            }
        }
        ready
    }

    /// No more comes: what was held.
    pub fn rest(&mut self) -> BytesMut {
        self.held.split()
    }

    /// Finds out what begins here; false if that takes more bytes.
    fn look(&mut self, ready: &mut BytesMut) -> bool {
        match self.held[0] {
            b'$' => {
                let Some(length) = self.held.get(2..4) else { return false };
                self.place = Place::Within(4 + u64::from(u16::from_be_bytes([length[0], length[1]])));
            }
            b'\r' | b'\n' => self.place = Place::Within(1),
            // The camera's answers, and its own requests.
            b'A'..=b'Z' => return self.message(ready),
            _ => self.place = Place::Lost,
        }
        true
    }

    fn message(&mut self, ready: &mut BytesMut) -> bool {
        let from = self.searched.saturating_sub(3);
        let Some(end) = self.held[from..].windows(4).position(|four| four == b"\r\n\r\n") else {
            self.searched = self.held.len();
            if self.held.len() > HEAD {
                self.place = Place::Lost;
            }
            return self.held.len() > HEAD;
        };
        let end = from + end + 4;
        let Some(body) = head::body_length(&self.held[..end]) else {
            self.place = Place::Lost;
            return true;
        };
        // Whether the body is a description is seen at its beginning.
        let wanted = usize::try_from(body).unwrap_or(usize::MAX).min(SDP.len());
        if self.held.len() < end + wanted {
            self.searched = end - 1;
            return false;
        }
        let is_sdp = self.held[end..end + wanted] == *SDP;
        let head = self.held.split_to(end);
        head::put_right(&head, is_sdp, &self.base, ready);
        self.searched = 0;
        self.place = if body == 0 { Place::Between } else { Place::Within(body) };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sieve() -> Sieve {
        Sieve::new(Url::parse("rtsp://127.0.0.1:5540/stream").unwrap())
    }

    const ANSWER: &str = "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nv=0\r\no=RTSP/1.0 200 OK\r\nSession: 1;x=y\r\n\r\n";
    const RIGHT: &str = "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 7\r\n\r\nv=0\r\no=RTSP/1.0 200 OK\r\nSession: 1\r\n\r\n";

    #[test]
    fn only_heads_change_however_the_bytes_are_cut() {
        // A frame that has an answer in it is a frame.
        let inside = ANSWER.as_bytes();
        let frame = [&[b'$', 0, 0, u8::try_from(inside.len()).unwrap()], inside].concat();
        let longest = [&[b'$', 1, 0xff, 0xff][..], &[0; 0xffff]].concat();
        let asked = b"OPTIONS rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n";
        let came = [&frame, ANSWER.as_bytes(), b"\r\n", &longest, asked, &frame].concat();
        let want = [&frame, RIGHT.as_bytes(), b"\r\n", &longest, asked, &frame].concat();
        for size in [1, 2, 3, 5, 64, 1_000, came.len()] {
            let mut sieve = sieve();
            let mut got: Vec<u8> = came.chunks(size).flat_map(|chunk| sieve.pass(chunk)).collect();
            got.extend(sieve.rest());
            assert!(got == want, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_not_understood_passes_untouched() {
        for came in [
            &b"\xff\xfe nothing \r\n\r\nRTSP/1.0 200 OK\r\nSession: 1;x=y\r\n\r\n"[..],
            b"RTSP/1.0 200 OK\r\nContent-Length: many\r\n\r\nRTSP/1.0 200 OK\r\nSession: 1;x=y\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nSession: 1;x=y\r\n\r\n",
            b"RTSP/1.0 200 OK\r\nSession: 1;x=",
            b"$\x00",
        ] {
            let mut sieve = sieve();
            let mut got = sieve.pass(came);
            got.extend_from_slice(&sieve.rest());
            assert_eq!(&got[..], came);
        }
    }

    #[test]
    fn nothing_without_an_end_is_held() {
        let endless = [
            (&b"RTSP/1.0 200 OK\r\nX: "[..], HEAD + 2 * 1_000),
            (b"RTSP/1.0 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", 2 * 1_000),
            (b"$\x00\xff\xff", 2 * 1_000),
            (b"OPTIONS ", HEAD + 2 * 1_000),
        ];
        for (begin, most) in endless {
            let mut sieve = sieve();
            let mut passed = sieve.pass(begin).len();
            let mut came = begin.len();
            for _ in 0..1_000 {
                let ready = sieve.pass(&[b'a'; 1_000]);
                came += 1_000;
                passed += ready.len();
                assert!(came - passed <= HEAD && ready.len() <= most, "{} held", came - passed);
            }
            assert_eq!(came, passed, "all of it");
            assert!(sieve.held.capacity() <= 4 * HEAD, "{}", sieve.held.capacity());
        }
    }
}

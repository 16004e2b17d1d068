//! An RTSP server that replays a film to any number of readers over TCP, each from a place of its own, and knows what it
//! sent: a camera's encoder goes on, so that what a reader did not take within [`BUFFERED`] is left out and counted.
//! A frame's packets are written together, as they reach a network.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
    time::Instant,
};

use crate::support::peer::{clip, sdp};

/// What a camera keeps for a reader that is slow.
const BUFFERED: Duration = Duration::from_secs(2);

/// What was sent to all readers.
#[derive(Default)]
pub struct Sent {
    /// Frames that were left out.
    pub skipped: AtomicU64,
    /// The latest that a frame was since this was last set to zero, ms.
    pub late_ms: AtomicU64,
}

/// A frame as it is sent but for the numbers of its packets.
struct Frame {
    bytes: Vec<u8>,
    /// Where each packet's RTP header begins.
    packets: Vec<usize>,
    key: bool,
}

/// A film in packets.
pub struct Film {
    frames: Vec<Frame>,
    sdp: Vec<u8>,
    every: Duration,
    ticks: u32,
}

impl Film {
    /// Of H.264 with one slice a frame.
    pub fn read(path: &Path, rate: u32) -> Self {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i"]).arg(path).args(["-c", "copy", "-an", "-f", "h264", "-"]);
        let stream = ffmpeg.output().expect("ffmpeg is installed").stdout;
        let (mut sps, mut pps, mut frames, mut nals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for nal in clip::annex_b(&stream) {
            let kind = nal[0] & 0x1f;
            match kind {
                7 => sps.clone_from(&nal),
                8 => pps.clone_from(&nal),
                _ => {}
            }
            nals.push(nal);
            if matches!(kind, 1 | 5) {
                frames.push(Frame::new(&std::mem::take(&mut nals), kind == 5));
            }
        }
        assert!(frames[0].key, "a film begins with a key frame");
        let sets = clip::Clip { sps, pps, frames: Vec::new() };
        Self { frames, sdp: sdp::of(&sets), every: Duration::from_secs(1) / rate, ticks: 90_000 / rate }
    }

    /// Places where a reader can begin.
    fn keys(&self) -> Vec<usize> {
        self.frames.iter().enumerate().filter(|(_, frame)| frame.key).map(|(n, _)| n).collect()
    }
}

impl Frame {
    fn new(nals: &[Vec<u8>], key: bool) -> Self {
        let (mut bytes, mut packets) = (Vec::new(), Vec::new());
        for packet in clip::access_unit(nals, 0) {
            let length = u16::try_from(12 + packet.payload.len()).unwrap();
            bytes.extend([b'$', 0]);
            bytes.extend(length.to_be_bytes());
            packets.push(bytes.len());
            bytes.extend([0x80, if packet.mark { 0x80 | 96 } else { 96 }]);
            bytes.extend([0; 10]);
            bytes.extend(&packet.payload);
        }
        Self { bytes, packets, key }
    }

    fn stamp(&self, into: &mut Vec<u8>, sequence: &mut u16, timestamp: u32) {
        into.clone_from(&self.bytes);
        for at in &self.packets {
            into[at + 2..at + 4].copy_from_slice(&sequence.to_be_bytes());
            into[at + 4..at + 8].copy_from_slice(&timestamp.to_be_bytes());
            into[at + 8..at + 12].copy_from_slice(&0x0154_f6d4_u32.to_be_bytes());
            *sequence = sequence.wrapping_add(1);
        }
    }
}

/// Listens, in a thread of its own; gives the port.
pub fn start(film: Arc<Film>, sent: Arc<Sent>) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            for reader in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, reader, film.clone(), sent.clone()));
            }
        });
    });
    port
}

async fn serve(stream: TcpStream, reader: usize, film: Arc<Film>, sent: Arc<Sent>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (from, to) = stream.into_split();
    let (mut from, to) = (BufReader::new(from), Arc::new(Mutex::new(to)));
    let mut playing = None;
    while let Some(head) = request(&mut from).await? {
        let mut words = head.split_whitespace();
        let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let number = head.lines().find_map(|line| line.strip_prefix("CSeq:")).unwrap_or_default().trim();
        let mut answer =
            format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1;timeout=60\r\n").into_bytes();
        match method {
            "DESCRIBE" => {
                let length = film.sdp.len();
                let more = format!(
                    "Content-Type: application/sdp\r\nContent-Base: {url}/\r\nContent-Length: {length}\r\n\r\n"
                );
                answer.extend(more.into_bytes());
                answer.extend(&film.sdp);
            }
            "SETUP" => answer.extend(b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"),
            _ => answer.extend(b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n"),
        }
        to.lock().await.write_all(&answer).await?;
        if method == "PLAY" && playing.is_none() {
            playing = Some(tokio::spawn(play(to.clone(), reader, film.clone(), sent.clone())));
        }
    }
    if let Some(playing) = playing {
        playing.abort();
    }
    Ok(())
}

/// The head of the next request; what comes on the channels is thrown away.
async fn request(from: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        if head.is_empty() && from.fill_buf().await?.first() == Some(&b'$') {
            let mut frame = [0; 4];
            from.read_exact(&mut frame).await?;
            let mut body = vec![0; usize::from(u16::from_be_bytes([frame[2], frame[3]]))];
            from.read_exact(&mut body).await?;
            continue;
        }
        let before = head.len();
        if from.read_line(&mut head).await? == 0 {
            return Ok(None);
        }
        if &head[before..] == "\r\n" {
            return Ok(Some(head));
        }
    }
}

async fn play(to: Arc<Mutex<OwnedWriteHalf>>, reader: usize, film: Arc<Film>, sent: Arc<Sent>) {
    let keys = film.keys();
    let mut at = keys[reader % keys.len()];
    // Readers' frames do not all come at the same moments.
    let phase = film.every * u32::try_from(reader * 7 % 31).unwrap_or(0) / 31;
    let mut due = Instant::now() + phase;
    let (mut sequence, mut timestamp, mut bytes) = (0_u16, 0_u32, Vec::new());
    loop {
        tokio::time::sleep_until(due).await;
        let frame = &film.frames[at];
        frame.stamp(&mut bytes, &mut sequence, timestamp);
        let late = due.elapsed();
        sent.late_ms.fetch_max(u64::try_from(late.as_millis()).unwrap_or(0), Ordering::Relaxed);
        if late > BUFFERED {
            sent.skipped.fetch_add(1, Ordering::Relaxed);
        } else if to.lock().await.write_all(&bytes).await.is_err() {
            return;
        }
        timestamp = timestamp.wrapping_add(film.ticks);
        at = (at + 1) % film.frames.len();
        due += film.every;
    }
}

//! A scripted RTSP peer: it answers as it is told, plays packets, and keeps what the client sent. It need not keep to
//! any specification: cameras do not.

#![allow(dead_code, unused_imports, missing_docs, clippy::unwrap_used)]

mod auth;
pub mod clip;
pub mod sdp;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use auth::{Auth, Scheme};
use clip::{FRAME, Packet};

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub uri: String,
    /// The whole head.
    pub head: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The port that its URL names.
    pub fn port(&self) -> Option<u16> {
        url::Url::parse(&self.uri).ok()?.port()
    }
}

/// What is played after PLAY on the first channel.
#[derive(Clone)]
pub enum Media {
    /// The clip, round and round; a frame each so many milliseconds.
    Clip { every_ms: u64 },
    /// These, then silence.
    Packets(Vec<Packet>),
    /// So many frames of the clip, then the connection is closed.
    Frames(usize),
    /// Nothing.
    Silence,
    /// A frame that never ends, as fast as it is taken.
    EndlessFrame,
}

pub type Answer = Arc<dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync>;

/// What a peer does.
#[derive(Clone)]
pub struct Script {
    pub sdp: Vec<u8>,
    /// Of the answer to DESCRIBE; `{url}` stands for the request's.
    pub describe_headers: String,
    pub auth: Option<Auth>,
    /// Behind the Transport header's first fields.
    pub transport: String,
    pub session: String,
    /// Headers of the answer to PLAY; `{url}` stands for the request's.
    pub play_headers: String,
    pub ssrc: u32,
    pub first_sequence: u16,
    pub first_timestamp: u32,
    pub media: Media,
    /// Sessions at a time; to more it says 453.
    pub sessions: usize,
    /// Answers in the peer's stead and says whether it did.
    pub instead: Option<Answer>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            sdp: sdp::h264(),
            describe_headers: "Content-Type: application/sdp\r\nContent-Base: {url}/\r\n".into(),
            auth: None,
            transport: String::new(),
            session: "12345678;timeout=60".into(),
            play_headers: String::new(),
            ssrc: 0x0154_f6d4,
            first_sequence: 1_000,
            first_timestamp: 3_433_148_934,
            media: Media::Clip { every_ms: 2 },
            sessions: usize::MAX,
            instead: None,
        }
    }
}

/// A running peer. It ends with the test's process, its listener when it is dropped.
pub struct Peer {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Peer {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            connections: Arc::default(),
            stopped: Arc::default(),
        };
        let script = Arc::new(script);
        let (requests, connections, stopped) =
            (peer.requests.clone(), peer.connections.clone(), peer.stopped.clone());
        std::thread::spawn(move || {
            let held = Arc::new(AtomicUsize::new(0));
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { return };
                connections.fetch_add(1, Ordering::Relaxed);
                let (script, requests, held) = (script.clone(), requests.clone(), held.clone());
                std::thread::spawn(move || {
                    let mut holds = false;
                    let _ = serve(&script, stream, &requests, &held, &mut holds);
                    held.fetch_sub(usize::from(holds), Ordering::SeqCst);
                });
            }
        });
        peer
    }

    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/stream", self.port)
    }

    /// All that was asked so far, whoever asked.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn asked(&self, method: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.method == method).collect()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Forgets what was asked, so that many sessions take no room.
    pub fn forget(&self) {
        self.requests.lock().unwrap().clear();
    }
}

/// Where the media goes.
enum Way {
    Tcp { stream: TcpStream, channel: u8 },
    Udp { socket: UdpSocket },
}

impl Way {
    fn send(&mut self, packet: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Tcp { stream, channel } => {
                let mut framed = vec![b'$', *channel];
                framed.extend_from_slice(&u16::try_from(packet.len()).unwrap().to_be_bytes());
                framed.extend_from_slice(packet);
                stream.write_all(&framed)
            }
            Self::Udp { socket } => socket.send(packet).map(|_| ()),
        }
    }
}

/// `held` are the sessions that there are, of which this connection `holds` one after its first SETUP.
fn serve(
    script: &Script,
    stream: TcpStream,
    requests: &Mutex<Vec<Request>>,
    held: &AtomicUsize,
    holds: &mut bool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut ways = Vec::new();
    loop {
        let Some(request) = read(&mut reader)? else { return Ok(()) };
        requests.lock().unwrap().push(request.clone());
        if script.instead.as_ref().is_some_and(|instead| instead(&request, &mut out)) {
            continue;
        }
        let cseq = request.header("CSeq").unwrap_or_default().to_owned();
        let head = |status: &str| format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n");
        if let Some(auth) = &script.auth
            && !auth.allows(&request)
        {
            let refused = head("401 Unauthorized");
            write!(out, "{refused}WWW-Authenticate: {}\r\n\r\n", auth.challenge())?;
            continue;
        }
        if request.method == "SETUP" && !*holds {
            let one_more = |held: usize| (held < script.sessions).then_some(held + 1);
            *holds = held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok();
            if !*holds {
                write!(out, "{}\r\n", head("453 Not Enough Bandwidth"))?;
                continue;
            }
        }
        if request.method == "TEARDOWN" {
            held.fetch_sub(usize::from(std::mem::take(holds)), Ordering::SeqCst);
        }
        let ok = head("200 OK");
        match request.method.as_str() {
            "DESCRIBE" => {
                let headers = script.describe_headers.replace("{url}", &request.uri);
                write!(out, "{ok}{headers}Content-Length: {}\r\n\r\n", script.sdp.len())?;
                out.write_all(&script.sdp)?;
            }
            "SETUP" => {
                let asked = request.header("Transport").unwrap_or_default().to_owned();
                let (way, transport) = way(&asked, &out)?;
                ways.push(way);
                let extra = &script.transport;
                write!(out, "{ok}Transport: {transport}{extra}\r\nSession: {}\r\n\r\n", script.session)?;
            }
            "PLAY" => {
                let headers = script.play_headers.replace("{url}", &request.uri);
                write!(out, "{ok}Session: {}\r\n{headers}\r\n", script.session)?;
                if !ways.is_empty() {
                    let (script, way, closes) = (script.clone(), ways.remove(0), out.try_clone()?);
                    std::thread::spawn(move || {
                        let _ = play(&script, way);
                        if matches!(script.media, Media::Frames(_)) {
                            let _ = closes.shutdown(std::net::Shutdown::Both);
                        }
                    });
                }
            }
            _ => write!(out, "{ok}Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n")?,
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        // What the client sends on the channels (receiver reports) is thrown away.
        if head.is_empty() && reader.fill_buf()?.first() == Some(&b'$') {
            let mut frame = [0; 4];
            reader.read_exact(&mut frame)?;
            let mut body = vec![0; usize::from(u16::from_be_bytes([frame[2], frame[3]]))];
            reader.read_exact(&mut body)?;
            continue;
        }
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if &head[before..] == "\r\n" {
            break;
        }
    }
    let mut words = head.split_whitespace();
    let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Some(Request { method: method.into(), uri: uri.into(), head: head.clone() }))
}

fn way(asked: &str, out: &TcpStream) -> std::io::Result<(Way, String)> {
    let number = |text: &str| text.split('-').next().and_then(|n| n.parse::<u16>().ok()).unwrap();
    if let Some((_, channels)) = asked.split_once("interleaved=") {
        let channel = u8::try_from(number(channels)).unwrap();
        let transport = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel + 1);
        return Ok((Way::Tcp { stream: out.try_clone()?, channel }, transport));
    }
    let (_, client) = asked.split_once("client_port=").unwrap();
    let client = number(client);
    // Two neighbouring ports, the first of them even, as cameras have them.
    let (socket, port) = loop {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let port = socket.local_addr()?.port();
        if port % 2 == 0 && port < u16::MAX && UdpSocket::bind(("127.0.0.1", port + 1)).is_ok() {
            break (socket, port);
        }
    };
    socket.connect(("127.0.0.1", client))?;
    let transport =
        format!("RTP/AVP/UDP;unicast;client_port={client}-{};server_port={port}-{}", client + 1, port + 1);
    Ok((Way::Udp { socket }, transport))
}

fn play(script: &Script, mut way: Way) -> std::io::Result<()> {
    let mut sequence = script.first_sequence;
    let mut send = |way: &mut Way, packet: &Packet| {
        let mut bytes = vec![0x80, if packet.mark { 0x80 | 96 } else { 96 }];
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&packet.timestamp.to_be_bytes());
        bytes.extend_from_slice(&script.ssrc.to_be_bytes());
        bytes.extend_from_slice(&packet.payload);
        sequence = sequence.wrapping_add(1);
        way.send(&bytes)
    };
    let film = clip::h264();
    let mut frames = |way: &mut Way, count: usize, every_ms: u64| {
        for n in 0..count {
            let at = script.first_timestamp.wrapping_add(FRAME.wrapping_mul(u32::try_from(n).unwrap()));
            for packet in clip::access_unit(&film.frame(n), at) {
                send(way, &packet)?;
            }
            std::thread::sleep(Duration::from_millis(every_ms));
        }
        std::io::Result::Ok(())
    };
    match &script.media {
        Media::Clip { every_ms } => frames(&mut way, 10_000_000, *every_ms),
        Media::Frames(count) => frames(&mut way, *count, 0),
        Media::Silence => Ok(()),
        Media::Packets(packets) => packets.iter().try_for_each(|packet| send(&mut way, packet)),
        Media::EndlessFrame => {
            // A slice in fragments: it begins, and goes on.
            let mut payload = vec![0x7c, 0x85];
            payload.extend_from_slice(&[0x55; 60_000]);
            loop {
                let timestamp = script.first_timestamp;
                send(&mut way, &Packet { timestamp, mark: false, payload: payload.clone() })?;
                payload[1] = 0x05;
            }
        }
    }
}

//! A relay on loopback for cameras whose answers the RTSP library refuses though they can be understood. The library takes
//! no connection from its caller, so the relay listens, the library is given the relay's address in place of the
//! camera's, and [`head`] puts right the few header lines that it would refuse. All else passes as it comes ([`sieve`]).
//!
//! Of requests, only what the library leaves out of its answer to a Digest challenge is added. Request line and Digest's
//! `uri=` both name the relay's address, so that they agree as servers want it; a server that insists on a host of its own
//! in the request line refuses a relayed camera. Only connections to cameras for which a session without the relay failed so
//! go through it ([`Route`]). Packets over UDP cannot.
//!
//! A relay serves one connection. The TEARDOWN that the library repeats on a fresh one for old live555 servers finds nobody.

mod head;
mod sieve;

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use url::Url;

use super::{
    failure::{Failure, Step},
    network,
};
use sieve::Sieve;

/// Bytes that are read at once. Two buffers of this size a direction, and an answer's head, are all that a relay holds.
const CHUNK: usize = 16 << 10;

/// Whether a session goes through the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// To the camera itself.
    #[default]
    Direct,
    /// Through the relay.
    Relayed,
}

/// What was learned about the way to a camera; it holds until the camera's URL changes.
#[derive(Debug, Default)]
pub struct Route {
    relayed_url: Option<String>,
}

impl Route {
    /// The way to the camera under `url`.
    pub fn way(&self, url: &str) -> Way {
        if self.relayed_url.as_deref() == Some(url) { Way::Relayed } else { Way::Direct }
    }

    /// A session under `url` failed.
    pub fn failed(&mut self, url: &str, failure: Failure) {
        if failure == Failure::NeedsRelay {
            self.relayed_url = Some(url.to_owned());
        }
    }
}

/// Connects to the camera under `url`, whose host is an address that was checked, and gives the URL to give to the library
/// instead. The relay ends with either side's connection, or when nobody connects to it within `patience`, which also
/// bounds connecting to the camera and each write to it.
///
/// # Errors
/// The camera cannot be connected to.
pub async fn open(url: &Url, patience: Duration) -> Result<Url, Failure> {
    let camera = connect(url, patience).await?;
    let (listener, local) = listen(url).await.map_err(|error| {
        tracing::error!(%error, "no relay can be opened on loopback");
        Failure::NotConnected
    })?;
    let base = local.clone();
    tokio::spawn(async move {
        let accepted = timeout(patience, listener.accept()).await;
        // From here on nobody else gets in.
        drop(listener);
        if let Ok(Ok((library, _))) = accepted {
            // How a connection ended, the library says.
            let _ = run(library, camera, base, patience).await;
        }
    });
    Ok(local)
}

async fn connect(url: &Url, patience: Duration) -> Result<TcpStream, Failure> {
    let ip = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let address = (ip.ok_or(Failure::BadUrl)?, url.port().unwrap_or(network::RTSP_PORT));
    let connected = timeout(patience, TcpStream::connect(address)).await;
    connected.map_err(|_| Failure::Timeout(Step::Describe))?.map_err(|error| Failure::from_io(&error))
}

/// Whether the camera under `url`, which refused a password, asks for it in a way in which the library's answer lacks what
/// the relay adds. Asks without the password: that is no try to log in, and locks no account.
pub async fn is_short_answer(url: &Url, patience: Duration) -> bool {
    let asking = async {
        let mut camera = connect(url, patience).await.ok()?;
        let request = format!(
            "DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\nUser-Agent: camerafleet\r\n\r\n"
        );
        camera.write_all(request.as_bytes()).await.ok()?;
        let mut head = Vec::new();
        loop {
            let from = head.len().saturating_sub(3);
            let read = camera.read_buf(&mut head).await.ok()?;
            if read == 0 || head.len() >= CHUNK || head[from..].windows(4).any(|four| four == b"\r\n\r\n") {
                break;
            }
        }
        Some(head::wants_algorithm(&head))
    };
    timeout(patience, asking).await.ok().flatten().unwrap_or(false)
}

async fn listen(url: &Url) -> io::Result<(TcpListener, Url)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut local = url.clone();
    let port = listener.local_addr()?.port();
    let named = local.set_ip_host(Ipv4Addr::LOCALHOST.into()).and_then(|()| local.set_port(Some(port)));
    named.map_err(|()| io::Error::from(ErrorKind::InvalidInput))?;
    Ok((listener, local))
}

async fn run(mut library: TcpStream, mut camera: TcpStream, base: Url, patience: Duration) -> io::Result<()> {
    library.set_nodelay(true)?;
    camera.set_nodelay(true)?;
    let (from_library, to_library) = library.split();
    let (from_camera, to_camera) = camera.split();
    // Whichever side ends first ends both.
    tokio::select! {
        ended = requests(from_library, to_camera, base.clone(), patience) => ended,
        ended = answers(from_camera, to_library, base) => ended,
    }
}

/// What the library sends. A camera that takes none of it must not keep the relay when the library has gone.
async fn requests(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    base: Url,
    patience: Duration,
) -> io::Result<()> {
    let mut sieve = Sieve::new(base);
    let mut buffer = vec![0; 4 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        timeout(patience, to.write_all(&sieve.pass(&buffer[..read]))).await??;
    }
}

/// What the camera sends, with its answers' heads put right. The library's own limits say how slow and how much may come:
/// while it reads nothing, nothing is read from the camera.
async fn answers(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    base: Url,
) -> io::Result<()> {
    let mut sieve = Sieve::new(base);
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await?;
        let ready = if read == 0 { sieve.rest() } else { sieve.pass(&buffer[..read]) };
        to.write_all(&ready).await?;
        if read == 0 {
            return to.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_holds_for_its_url_only() {
        let mut route = Route::default();
        for failure in [Failure::Ended, Failure::Foreign, Failure::Garbled(Step::Describe), Failure::NeedsTcp]
        {
            route.failed("rtsp://192.0.2.1/a", failure);
            assert_eq!(route.way("rtsp://192.0.2.1/a"), Way::Direct, "{failure:?}");
        }
        route.failed("rtsp://192.0.2.1/a", Failure::NeedsRelay);
        route.failed("rtsp://192.0.2.1/a", Failure::Ended);
        assert_eq!(route.way("rtsp://192.0.2.1/a"), Way::Relayed);
        assert_eq!(route.way("rtsp://192.0.2.1/b"), Way::Direct);
    }

    #[tokio::test]
    async fn a_relay_serves_one_connection_and_ends_with_it() {
        let camera = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url =
            Url::parse(&format!("rtsp://127.0.0.1:{}/a?b=c", camera.local_addr().unwrap().port())).unwrap();
        let patience = Duration::from_secs(5);
        let local = open(&url, patience).await.unwrap();
        assert_eq!((local.path(), local.query(), local.host_str()), ("/a", Some("b=c"), Some("127.0.0.1")));
        let address = ("127.0.0.1", local.port().unwrap());
        let mut library = TcpStream::connect(address).await.unwrap();
        let (mut seen, _) = camera.accept().await.unwrap();
        library.write_all(b"DESCRIBE rtsp://127.0.0.1:9/ RTSP/1.0\r\n\r\n").await.unwrap();
        let mut request = [0; 41];
        seen.read_exact(&mut request).await.unwrap();
        assert_eq!(&request, b"DESCRIBE rtsp://127.0.0.1:9/ RTSP/1.0\r\n\r\n");
        assert!(TcpStream::connect(address).await.is_err(), "nobody else gets in");
        drop(library);
        assert_eq!(seen.read(&mut request).await.unwrap(), 0, "the camera's connection is closed, too");
    }

    #[tokio::test]
    async fn a_relay_that_nobody_uses_lets_the_camera_go() {
        let camera = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("rtsp://127.0.0.1:{}/", camera.local_addr().unwrap().port())).unwrap();
        open(&url, Duration::from_millis(50)).await.unwrap();
        let (mut seen, _) = camera.accept().await.unwrap();
        assert_eq!(seen.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_camera_that_cannot_be_connected_to_is_named_for_it() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let url = Url::parse(&format!("rtsp://127.0.0.1:{closed}/")).unwrap();
        assert_eq!(open(&url, Duration::from_secs(5)).await, Err(Failure::ConnectionRefused));
    }

    /// Neither one that says more than any does, nor one that says nothing, is listened to for long.
    #[tokio::test]
    async fn a_camera_that_is_asked_how_it_wants_the_password_is_heard_up_to_a_bound() {
        let camera = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = camera.local_addr().unwrap().port();
        let url = Url::parse(&format!("rtsp://127.0.0.1:{port}/a")).unwrap();
        let endless = tokio::spawn(async move {
            let (mut asked, _) = camera.accept().await.unwrap();
            let mut sent = 0;
            while asked.write_all(&[b'a'; 1_000]).await.is_ok() {
                sent += 1_000;
            }
            let silent = camera.accept().await.unwrap();
            (sent, silent)
        });
        assert!(!is_short_answer(&url, Duration::from_secs(20)).await);
        assert!(!is_short_answer(&url, Duration::from_millis(50)).await);
        let (sent, _) = endless.await.unwrap();
        assert!(sent < 64 << 20, "what the kernel takes, and no more: {sent}");
    }

    /// The library is gone and the camera neither reads nor sends: the relay ends all the same.
    #[tokio::test]
    async fn a_camera_that_takes_nothing_does_not_keep_a_relay() {
        let (camera, _far) = tokio::io::duplex(16);
        let sent = vec![b'x'; 1 << 10];
        let base = Url::parse("rtsp://127.0.0.1/").unwrap();
        let ended = requests(&sent[..], camera, base, Duration::from_millis(50)).await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::TimedOut);
    }
}

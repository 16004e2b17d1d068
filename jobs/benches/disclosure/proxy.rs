//! In front of Vault: counts requests.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

pub struct Proxy {
    pub address: String,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn start(target: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(target).unwrap();
                let (back, forth) =
                    ((server.try_clone().unwrap(), client.try_clone().unwrap()), (client, server));
                let counted = Arc::clone(&counted);
                std::thread::spawn(move || pass(back.0, back.1, &AtomicUsize::new(0)));
                std::thread::spawn(move || pass(forth.0, forth.1, &counted));
            }
        });
        Self { address, requests }
    }

    pub fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Each request of ours has this header once; nothing splits it, as a head is written at once.
fn pass(mut from: TcpStream, mut to: TcpStream, counted: &AtomicUsize) {
    const MARK: &[u8] = b"x-vault-request";
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        let marks =
            buffer[..n].windows(MARK.len()).filter(|window| window.eq_ignore_ascii_case(MARK)).count();
        counted.fetch_add(marks, Ordering::SeqCst);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

//! Where a camera is: its name is resolved here and the address given to the RTSP client, so that what is
//! connected to is what was checked. Redirects are not followed.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use url::{Host, Url};

use super::failure::Failure;

const RESOLVE: Duration = Duration::from_secs(10);
/// Where the URL names none.
pub const RTSP_PORT: u16 = 554;

/// The camera's URL with an address, inside `networks`, in its host's place. `attempt` goes round among several.
pub async fn pinned(url: &str, networks: &[IpNet], attempt: usize) -> Result<Url, Failure> {
    let mut url = Url::parse(url).map_err(|_| Failure::BadUrl)?;
    if url.scheme() == "rtsps" {
        return Err(Failure::NotSupported);
    }
    if url.scheme() != "rtsp" || !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::BadUrl);
    }
    let addresses = match url.host() {
        Some(Host::Ipv4(ip)) => vec![IpAddr::V4(ip)],
        Some(Host::Ipv6(ip)) => vec![IpAddr::V6(ip)],
        Some(Host::Domain(name)) => resolve(name, url.port().unwrap_or(RTSP_PORT)).await?,
        None => return Err(Failure::BadUrl),
    };
    let address = choose(&addresses, networks, attempt)?;
    url.set_ip_host(address).map_err(|()| Failure::BadUrl)?;
    Ok(url)
}

async fn resolve(name: &str, port: u16) -> Result<Vec<IpAddr>, Failure> {
    let lookup = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((name, port)));
    let found = lookup.await.ok().and_then(Result::ok).ok_or(Failure::Unresolved)?;
    Ok(found.map(|address| address.ip()).collect())
}

/// One of the addresses, if all of them are allowed: a name that also leads elsewhere is not to be trusted.
pub fn choose(addresses: &[IpAddr], networks: &[IpNet], attempt: usize) -> Result<IpAddr, Failure> {
    let canonical: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
    if canonical.is_empty() {
        return Err(Failure::Unresolved);
    }
    let allowed = |ip: &IpAddr| networks.iter().any(|network| network.contains(ip));
    if !canonical.iter().all(allowed) {
        return Err(Failure::OutsideNetworks);
    }
    Ok(canonical[attempt % canonical.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_must_be_inside() {
        let networks: Vec<IpNet> = ["198.51.100.0/24", "2001:db8::/32"].map(|n| n.parse().unwrap()).into();
        for (addresses, want) in [
            (&["198.51.100.7"][..], Ok("198.51.100.7")),
            (&["::ffff:198.51.100.7"], Ok("198.51.100.7")),
            (&["2001:db8::1"], Ok("2001:db8::1")),
            (&["198.51.100.7", "192.0.2.1"], Err(Failure::OutsideNetworks)),
            (&["127.0.0.1"], Err(Failure::OutsideNetworks)),
            (&["::1"], Err(Failure::OutsideNetworks)),
            (&[], Err(Failure::Unresolved)),
        ] {
            let parsed: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
            let got = choose(&parsed, &networks, 0).map(|ip| ip.to_string());
            assert_eq!(got.as_deref().map_err(|e| *e), want, "{addresses:?}");
        }
        let two = ["198.51.100.7", "198.51.100.8"].map(|a| a.parse().unwrap());
        assert_eq!(choose(&two, &networks, 3).unwrap(), two[1]);
        assert_eq!(choose(&two, &[], 0), Err(Failure::OutsideNetworks), "no networks allow nothing");
    }

    #[tokio::test]
    async fn urls_keep_their_path_and_lose_their_name() {
        let networks: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let url = pinned("rtsp://127.0.0.1:8554/a?b=c", &networks, 0).await.unwrap();
        assert_eq!(url.as_str(), "rtsp://127.0.0.1:8554/a?b=c");
        let url = pinned("rtsp://localhost/a", &networks, 0).await.unwrap();
        assert!(["rtsp://127.0.0.1/a", "rtsp://[::1]/a"].contains(&url.as_str()), "{url}");
        for bad in ["", "http://127.0.0.1/", "rtsp://u@127.0.0.1/", "rtsp://u:p@127.0.0.1/", "rtsp:///a"] {
            assert_eq!(pinned(bad, &networks, 0).await, Err(Failure::BadUrl), "{bad}");
        }
        assert_eq!(pinned("rtsps://127.0.0.1/", &networks, 0).await, Err(Failure::NotSupported));
        assert_eq!(pinned("rtsp://169.254.169.254/", &networks, 0).await, Err(Failure::OutsideNetworks));
    }
}

//! Who sends a request, and how many of theirs are in flight.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{ConnectInfo, Request},
    http::HeaderMap,
};

use super::keys::KeyName;

/// A client: the name of an API key that the service knows, or else an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Client {
    Key(Arc<str>),
    Address(IpAddr),
    /// The host does not say where requests come from.
    Unknown,
}

impl Client {
    /// The client of a request. A header that a client can invent is believed only if it is that of a trusted proxy.
    pub(super) fn of(request: &Request, trusted_header: Option<&str>) -> Self {
        if let Some(KeyName(name)) = request.extensions().get() {
            return Self::Key(name.clone());
        }
        let forwarded = trusted_header.and_then(|name| forwarded(request.headers(), name));
        let connected = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        forwarded.or_else(connected).map_or(Self::Unknown, |address| Self::Address(network(address)))
    }
}

/// The last address in a header such as `x-forwarded-for`: that which the proxy itself has seen. Those before it come from the
/// client.
fn forwarded(headers: &HeaderMap, name: &str) -> Option<IpAddr> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let last = value.rsplit(',').next()?.trim();
    let with_port = || last.parse::<SocketAddr>().ok().map(|address| address.ip());
    last.parse().ok().or_else(with_port)
}

/// An IPv4 address, or the network of an IPv6 address: one customer has at least 64 bits of addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// How many requests each client has in flight.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<HashMap<Client, usize>>);

/// A request in flight, until dropped.
#[derive(Debug)]
pub(super) struct ClientGuard(Arc<Clients>, Client);

impl Clients {
    /// Counts a request; `None` if the client has `limit` in flight.
    pub(super) fn enter(self: &Arc<Self>, client: Client, limit: usize) -> Option<ClientGuard> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client.clone()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(ClientGuard(self.clone(), client))
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str, headers: &[(&'static str, &str)], trusted: Option<&str>) -> Client {
        let mut request = Request::default();
        let address: SocketAddr = address.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(address));
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a value"));
        }
        Client::of(&request, trusted)
    }

    #[test]
    fn only_what_cannot_be_invented_counts() {
        let of = |address: &str| Client::Address(address.parse().expect("an address"));
        let proxy = "10.0.0.1:4000";
        let forged = [("x-api-key", "invented"), ("x-forwarded-for", "1.1.1.1, 2.2.2.2")];
        assert_eq!(client(proxy, &forged, None), of("10.0.0.1"));
        assert_eq!(client(proxy, &forged, Some("x-forwarded-for")), of("2.2.2.2"));
        let twice = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "3.3.3.3:80")];
        assert_eq!(client(proxy, &twice, Some("x-forwarded-for")), of("3.3.3.3"));
        assert_eq!(client(proxy, &[("x-forwarded-for", "unknown")], Some("x-forwarded-for")), of("10.0.0.1"));
        assert_eq!(client("[2001:db8::1:2:3:4]:80", &[], None), of("2001:db8::"));
        assert_eq!(client("[::ffff:9.9.9.9]:80", &[], None), of("9.9.9.9"));
        assert_eq!(Client::of(&Request::default(), None), Client::Unknown);
    }
}

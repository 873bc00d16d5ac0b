//! As much HTTP/1.1 as the stand-in servers speak.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection, encrypted or not.
pub(crate) trait Stream: Read + Write + Send {}

impl Stream for TcpStream {}
impl Stream for StreamOwned<ServerConnection, TcpStream> {}

pub(crate) fn accept(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Box<dyn Stream>> {
    // Else small answers wait for the other side's acknowledgement.
    stream.set_nodelay(true)?;
    Ok(match tls {
        Some(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(connection, stream))
        }
        None => Box::new(stream),
    })
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    /// The next request of a connection; none at its end.
    pub(crate) fn read(stream: &mut BufReader<Box<dyn Stream>>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        Ok(Some(Self { method, path, headers }))
    }

    /// A header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The first byte that is wanted.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range").strip_prefix("bytes=")?.split('-').next()?.parse().ok()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// How many bytes of the body are sent before the connection is closed, or left open without a word.
    pub(crate) cut: Option<usize>,
    pub(crate) stalls: bool,
    /// Leaves out how long the body is.
    pub(crate) no_length: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Whether the connection can be used again.
    pub(crate) fn send(&self, stream: &mut impl Write, head: bool) -> io::Result<bool> {
        let mut text = format!("HTTP/1.1 {} Something\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.no_length {
            text += "connection: close\r\n";
        } else if !self.headers.iter().any(|(name, _)| *name == "content-length") {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        stream.write_all(format!("{text}\r\n").as_bytes())?;
        if !head {
            stream.write_all(&self.body[..self.cut.unwrap_or(self.body.len())])?;
        }
        stream.flush()?;
        Ok(!self.no_length && (head || self.cut.is_none()))
    }
}

//! The health check of a container that has no other program in it.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    process::ExitCode,
    time::Duration,
};

const TIMEOUT: Option<Duration> = Some(Duration::from_secs(5));

pub(crate) fn run(url: &str) -> ExitCode {
    match status(url) {
        Ok(status) if status.split(' ').nth(1) == Some("200") => ExitCode::SUCCESS,
        Ok(status) => fail(url, &status),
        Err(error) => fail(url, &error.to_string()),
    }
}

fn fail(url: &str, what: &str) -> ExitCode {
    eprintln!("error: {url}: {what}");
    ExitCode::FAILURE
}

/// The status line of the answer to `GET http://host:port/path`.
fn status(url: &str) -> io::Result<String> {
    let (authority, path) = url
        .strip_prefix("http://")
        .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "wanted http://host:port/path"))?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(TIMEOUT)?;
    stream.set_write_timeout(TIMEOUT)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    let line = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

//! A forward proxy: `CONNECT` to names that only it knows.

use std::{
    io::{self, BufReader, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::wire::{Answer, Request, Stream};

pub(crate) struct Proxy {
    pub(crate) address: String,
    /// Who was asked for, and with what credentials.
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Proxy {
    /// Connects everybody to this address, or to nobody.
    pub(crate) fn start(to: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, to) = (Arc::clone(&shared), to.clone());
                thread::spawn(move || connect(stream.unwrap(), &shared, to.as_deref()).ok());
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn connect(stream: TcpStream, seen: &Mutex<Vec<(String, String)>>, to: Option<&str>) -> io::Result<()> {
    let mut client = stream.try_clone()?;
    let boxed: Box<dyn Stream> = Box::new(stream);
    let mut reader = BufReader::new(boxed);
    let Some(request) = Request::read(&mut reader)? else { return Ok(()) };
    // Only who it connects to; what goes through is not its business.
    assert!(request.header("authorization").is_empty(), "the proxy was given the token");
    let credentials = request.header("proxy-authorization").to_owned();
    seen.lock().unwrap().push((format!("{} {}", request.method, request.path), credentials));
    let Some(to) = to else {
        Answer::new(403, "not that one").send(&mut client, false)?;
        return Ok(());
    };
    let mut server = TcpStream::connect(to)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let mut back = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || {
        let _ = io::copy(&mut back.0, &mut back.1);
        let _ = back.1.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut reader, &mut server);
    let _ = server.shutdown(Shutdown::Both);
    let _ = answers.join();
    Ok(())
}

//! `serve`: the listener, the service behind it, and errors at the start.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
};

use crate::{program, stderr};

/// Ends the program with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_model_is_served() {
    let mut command = program("serve");
    command.args(["--model", "demo", "--threads", "1", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped());
    let mut server = Server(command.spawn().expect("run"));
    let mut lines = BufReader::new(server.0.stderr.take().expect("pipe")).lines().map(|line| line.expect("UTF-8"));
    let address = lines.find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned)).expect("address");
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_taken_port_and_a_missing_model_are_one_line_each() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = taken.local_addr().expect("address").to_string();
    let output = program("serve").args(["--model", "demo", "--listen", &address]).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains(&format!("cannot listen on {address}")), "{}", stderr(&output));

    let arguments = ["--model", "/no/such/model", "--listen", "127.0.0.1:0"];
    let output = program("serve").args(arguments).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/no/such/model"), "{}", stderr(&output));
}

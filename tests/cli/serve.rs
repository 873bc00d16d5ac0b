//! `serve`: the listener, the service behind it, and errors at the start.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    time::{Duration, Instant},
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

/// A server on a free port, with the demo model.
fn serve(more: &[&str], environment: &[(&str, &str)]) -> (Server, String) {
    let mut command = program("serve");
    command.args(["--model", "demo", "--threads", "1", "--listen", "127.0.0.1:0"]).args(more);
    let mut server = Server(command.envs(environment.iter().copied()).stderr(Stdio::piped()).spawn().expect("run"));
    let mut lines = BufReader::new(server.0.stderr.take().expect("pipe")).lines().map(|line| line.expect("UTF-8"));
    let address = lines.find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned)).expect("address");
    // Else the program writes to a closed pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (server, address)
}

fn ask(address: &str, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("connect");
    let rest = format!("\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{rest}").as_bytes()).expect("request");
    stream.write_all(body).expect("body");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer
}

#[test]
fn the_demo_model_is_served() {
    let (_server, address) = serve(&[], &[]);
    let answer = ask(&address, "GET /health HTTP/1.1", b"");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let models = ask(&address, "GET /v1/models HTTP/1.1", b"");
    assert!(models.contains(r#""id":"demo""#), "{models}");
}

#[test]
fn the_model_is_called_as_the_environment_says() {
    let (_server, address) = serve(&[], &[("INDIC_SEAMLESS_MODEL_ID", "ai4bharat/indic-seamless")]);
    let models = ask(&address, "GET /v1/models HTTP/1.1", b"");
    assert!(models.contains(r#""id":"ai4bharat/indic-seamless""#), "{models}");
}

#[test]
fn a_file_of_api_keys_closes_the_service() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("keys.txt");
    // The hash of "secret".
    let line = "phones:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    std::fs::write(&path, line).expect("written");
    let (_server, address) = serve(&["--api-keys", path.to_str().expect("UTF-8")], &[]);
    assert!(ask(&address, "GET /health HTTP/1.1", b"").starts_with("HTTP/1.1 200 "));
    assert!(ask(&address, "GET /limits HTTP/1.1", b"").starts_with("HTTP/1.1 401 "));
    assert!(ask(&address, "GET /limits HTTP/1.1\r\nx-api-key: secret", b"").starts_with("HTTP/1.1 200 "));

    std::fs::write(&path, format!("{line}\nmine:secret")).expect("written");
    let arguments = ["--model", "demo", "--listen", "127.0.0.1:0", "--api-keys", path.to_str().expect("UTF-8")];
    let output = program("serve").args(arguments).output().expect("run");
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    assert!(error.contains("keys.txt") && error.contains("line 2") && error.lines().count() == 1, "{error}");
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_the_drain() {
    let (mut server, address) = serve(&[], &[("INDIC_SEAMLESS_DRAIN_S", "60")]);
    let terminate = |server: &Server| {
        let kill = std::process::Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status();
        assert!(kill.expect("kill").success());
    };
    assert!(ask(&address, "GET /ready HTTP/1.1", b"").starts_with("HTTP/1.1 200 "));
    terminate(&server);
    std::thread::sleep(Duration::from_millis(300));
    assert!(ask(&address, "GET /ready HTTP/1.1", b"").starts_with("HTTP/1.1 503 "));
    assert!(server.0.try_wait().expect("a state").is_none());
    terminate(&server);
    let told = Instant::now();
    while server.0.try_wait().expect("a state").is_none() {
        assert!(told.elapsed() < Duration::from_secs(10), "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The most memory that a process has used, in MB.
#[cfg(target_os = "linux")]
fn peak_mb(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).expect("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    peak.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") / 1024
}

#[test]
#[cfg(target_os = "linux")]
fn a_body_takes_about_its_own_size() {
    let (server, address) = serve(&[], &[]);
    assert!(ask(&address, "GET /limits HTTP/1.1", b"").starts_with("HTTP/1.1 200 "));
    let before = peak_mb(&server);
    let size = 50_000_000;
    let items = "{\"\":0},".repeat(size / 8);
    let text = "\\u202e".repeat(size / 6);
    let bodies = [
        (format!("{{\"audio\":\"\",\"x\":[{items}"), "application/json", "422"),
        (format!("{{\"audio\":\"\",\"target_lang\":\"{text}\"}}"), "application/json", "422"),
        (format!("{{\"audio\":\"{}\"}}", "A".repeat(size)), "application/json", "415"),
        ("A".repeat(size), "audio/wav", "415"),
        (form(size), "multipart/form-data; boundary=b", "415"),
    ];
    for (body, kind, status) in bodies {
        let answer = ask(&address, &format!("POST /speech-to-text HTTP/1.1\r\ncontent-type: {kind}"), body.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.len() < 5_000, "{kind}: {answer}");
        let more = peak_mb(&server) - before;
        assert!(more < 150, "{kind}: {more} MB more, {answer}");
    }
}

/// A form with a recording of this size.
#[cfg(target_os = "linux")]
fn form(size: usize) -> String {
    let head = "--b\r\ncontent-disposition: form-data; name=\"audio\"; filename=\"a.wav\"\r\n\r\n";
    format!("{head}{}\r\n--b--\r\n", "A".repeat(size))
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

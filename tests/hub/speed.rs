//! The speed of a download beside curl's, run by hand:
//!
//! ```text
//! cargo test --release --test hub -- --ignored --nocapture speed
//! ```

use std::{
    fs::{self, File},
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Instant,
};

use ring::digest::{Context, SHA256};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    download, model,
    state::{etag, hex},
    wire::{Answer, Request, Stream},
};

const SIZE: u64 = 1_500_000_000;
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const SMALL: [(&str, &str); 3] = [("config.json", "{}"), ("generation_config.json", "{}"), ("tokenizer.json", "{}")];

/// Like the hub, with one large file that is sent from the disk.
fn serve(stream: TcpStream, large: &std::path::Path, hash: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = stream.try_clone()?;
    let boxed: Box<dyn Stream> = Box::new(stream);
    let mut reader = BufReader::new(boxed);
    while let Some(request) = Request::read(&mut reader)? {
        let head = request.method == "HEAD";
        if request.path.starts_with("/api/") {
            let names = SMALL.iter().map(|(name, _)| *name).chain(["model.safetensors"]);
            let siblings: Vec<_> = names.map(|name| json!({"rfilename": name})).collect();
            Answer::new(200, json!({"sha": COMMIT, "siblings": siblings}).to_string()).send(&mut socket, head)?;
        } else if let Some((name, text)) = SMALL.iter().find(|(name, _)| request.path.ends_with(name)) {
            let answer =
                Answer::new(200, *text).with("etag", etag(name, text.as_bytes())).with("x-repo-commit", COMMIT);
            answer.send(&mut socket, head)?;
        } else {
            let about = format!("etag: \"{hash}\"\r\nx-repo-commit: {COMMIT}\r\ncontent-length: {SIZE}\r\n\r\n");
            write!(socket, "HTTP/1.1 200 OK\r\n{about}")?;
            if !head {
                // By the kernel, so that the server takes little of the two processors.
                std::io::copy(&mut File::open(large)?, &mut socket)?;
            }
        }
    }
    Ok(())
}

#[test]
#[ignore = "1.5 GB, by hand"]
fn a_large_file_beside_curl() {
    let dir = TempDir::new().unwrap();
    let large = dir.path().join("large");
    let mut file = File::create(&large).unwrap();
    let mut hash = Context::new(&SHA256);
    let (mut state, mut block) = (1_u64, vec![0_u8; 1_000_000]);
    for _ in 0..SIZE / block.len() as u64 {
        for word in block.chunks_exact_mut(8) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block).unwrap();
        hash.update(&block);
    }
    let hash = hex(hash.finish().as_ref());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let path = large.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (path, hash) = (path.clone(), hash.clone());
            thread::spawn(move || serve(stream.unwrap(), &path, &hash).ok());
        }
    });
    let speed = |start: Instant| SIZE as f64 / start.elapsed().as_secs_f64() / 1e6;
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let cache = TempDir::new_in(dir.path()).unwrap();
        let target = cache.path().join("by-curl");
        let start = Instant::now();
        let url = format!("{endpoint}/someone/tiny/resolve/{COMMIT}/model.safetensors");
        assert!(Command::new("curl").args(["-sS", "-o"]).arg(&target).arg(url).status().unwrap().success());
        let curl = speed(start);
        fs::remove_file(target).unwrap();
        let start = Instant::now();
        download(&model(&endpoint, &cache)).unwrap();
        let here = speed(start);
        println!("curl {curl:.0} MB/s, here {here:.0} MB/s with SHA-256, ratio {:.2}", here / curl);
        ratios.push(here / curl);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[2]);
    assert!(ratios[2] >= 0.5);
}

//! The start and the end of the service: loading, a model that is missing, shutdown.

use std::{sync::mpsc, time::Duration};

use axum::http::{StatusCode, header};
use indic_seamless::{
    Precision, Transcriber,
    checkpoint::Checkpoint,
    service::{Service, Settings, serve},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use crate::{CLIP, HINDI, ask, form, get, router};

#[tokio::test]
async fn alive_but_not_ready() {
    let (go_on, wait) = mpsc::channel::<()>();
    let service = Service::start(Settings::default(), move || {
        // Ends when the sender is dropped.
        let _ = wait.recv();
        Transcriber::demo()
    });
    let service = service.expect("a service");
    let router = service.router();
    let health = get(&router, "/health").await;
    assert_eq!((health.status, &health.json()["model_loaded"]), (StatusCode::OK, &json!(false)));
    let answer = get(&router, "/ready").await;
    answer.problem(503, "not_ready");
    assert_ne!(answer.header(header::RETRY_AFTER), "");
    ask(&router, form(CLIP, &[])).await.problem(503, "not_ready");
    drop(go_on);
    service.ready().await.expect("loaded");
    assert_eq!(get(&router, "/ready").await.status, StatusCode::OK);
    service.end();
    get(&router, "/ready").await.problem(503, "not_ready");
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_missing_model() {
    let service = Service::start(Settings::default(), || Transcriber::from_dir("/nowhere")).expect("a service");
    let reason = service.ready().await.expect_err("no model");
    assert!(reason.contains("/nowhere"), "{reason}");
    get(&service.router(), "/ready").await.problem(503, "not_ready");
}

#[tokio::test]
async fn a_model_whose_files_change_is_lost() {
    let folder = tempfile::tempdir().expect("folder");
    let model = folder.path().join("model");
    Checkpoint::demo().expect("demo").quantize(&model, Precision::Int8, &mut |_, _| {}).expect("quantised");
    let dir = model.clone();
    let service = Service::start(Settings::default(), || Transcriber::from_dir(dir)).expect("a service");
    service.ready().await.expect("loaded");
    let router = service.router();
    assert_eq!(ask(&router, form(CLIP, &[("target_lang", "hin")])).await.status, StatusCode::OK);
    let weights = std::fs::File::options().write(true).open(model.join("model.safetensors")).expect("opened");
    weights.set_len(1000).expect("cut short");
    // Who asks again may reach another replica.
    get(&router, "/ready").await.problem(503, "not_ready");
    ask(&router, form(CLIP, &[("target_lang", "hin")])).await.problem(503, "not_ready");
    let health = get(&router, "/health").await;
    assert_eq!((health.status, &health.json()["model_loaded"]), (StatusCode::OK, &json!(false)));
}

#[tokio::test]
async fn shutdown_finishes_requests_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, router().await, async { drop(ended.await) }));
    let mut client = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST /speech-to-text?target_lang=hin&format=text HTTP/1.1\r\nhost: x\r\ncontent-type: audio/wav\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        CLIP.len()
    );
    client.write_all(head.as_bytes()).await.expect("sent");
    client.write_all(&CLIP[..1000]).await.expect("sent");
    // Until the server has seen the request.
    tokio::time::sleep(Duration::from_millis(100)).await;
    end.send(()).expect("running");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "no new connections");
    client.write_all(&CLIP[1000..]).await.expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(HINDI), "{answer}");
    server.await.expect("no panic").expect("no error");
}

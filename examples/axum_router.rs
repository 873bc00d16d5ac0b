//! Mounts the transcription service in an axum application, beside a route of its own.
//!
//! Run with:
//!
//! ```text
//! cargo run --release --features service --example axum_router
//! curl http://127.0.0.1:8000/
//! curl -F audio=@examples/audio/hindi-1.wav -F target_lang=Hindi http://127.0.0.1:8000/speech/speech-to-text
//! ```
//!
//! The service's web page is at `http://127.0.0.1:8000/speech`.

use axum::{Router, routing::get};
use indic_seamless::{
    Transcriber,
    service::{Service, Settings, termination},
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `Transcriber::from_dir("path/to/indic-seamless")` loads the large model.
    let service = Service::start(Settings::from_env()?, Transcriber::demo)?;
    let app = Router::new().route("/", get(|| async { "my own page\n" })).nest_service("/speech", service.router());
    let listener = TcpListener::bind("127.0.0.1:8000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    // As `axum::serve`, but slow and oversized heads of requests are refused, and on shutdown `/speech/ready` answers 503 first.
    Ok(service.serve(listener, app, termination()).await?)
}

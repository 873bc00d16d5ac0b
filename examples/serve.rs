//! Serves a web page and an HTTP endpoint for transcription.
//!
//! Run with
//!
//! ```text
//! cargo run --release --features service --example serve -- --model demo
//! curl -F audio=@examples/audio/hindi-1.wav -F target_lang=Hindi http://127.0.0.1:8000/speech-to-text
//! ```
//!
//! and open `http://127.0.0.1:8000` in a browser. `indic_seamless::service::Settings` documents the environment variables for
//! limits. `indic-seamless-lambda --listen` is the same for production: JSON logs, no downloads.

#[path = "support/model.rs"]
mod model;

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;
use indic_seamless::{
    Precision, Transcriber,
    service::{Service, Settings, serve, termination},
};
use tokio::net::TcpListener;

use self::model::ModelArgs;

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Type of the weights in memory: auto, f32, bf16 or int8
    #[arg(long, default_value = "auto")]
    precision: Precision,
    /// Threads of the model; all cores if left out
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(Args::parse()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(args.listen).await?;
    let mut builder = Transcriber::builder().precision(args.precision);
    if let Some(threads) = args.threads {
        builder = builder.threads(threads);
    }
    let model = args.model;
    let load = move || if model.is_demo() { builder.build_demo() } else { builder.build(model.resolve()?) };
    let service = Service::start(Settings::from_env()?, load)?;
    service.ready().await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let ending = service.clone();
    let shutdown = async move {
        termination().await;
        ending.end();
    };
    Ok(serve(listener, service.router(), shutdown).await?)
}

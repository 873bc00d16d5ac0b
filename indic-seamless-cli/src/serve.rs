//! `indic-seamless serve`: the web page and the HTTP endpoints.

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use indic_seamless::{
    Error, Precision, Transcriber,
    service::{ApiKeys, Service, Settings, termination},
};
use tokio::net::TcpListener;
use tracing_subscriber::{Layer, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{Outcome, log_filter, model::ModelArgs};

/// What the help of the subcommand ends with.
const USAGE: &str = "\
Open http://127.0.0.1:8000 in a browser, or send a recording:

  curl -F audio=@speech.wav -F target_lang=Hindi http://127.0.0.1:8000/speech-to-text

OpenAI's clients take http://127.0.0.1:8000/v1 as their base URL.

Environment variables set the limits; the documentation of `indic_seamless::service::Settings` lists them.";

/// Serve a web page and an HTTP endpoint for transcription
#[derive(clap::Args)]
#[command(after_help = USAGE)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Type of the weights in memory: auto (as stored), f32, bf16, int8 or int4
    #[arg(long, default_value = "auto")]
    precision: Precision,
    /// Threads of the model [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Bytes for the caches of recordings that are transcribed at the same time [default: 112 MiB]
    #[arg(long, env = "INDIC_SEAMLESS_CACHE_BYTES", value_name = "N")]
    cache_bytes: Option<u64>,
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Ask for one of the API keys in this file, whose lines are NAME:SHA-256 of the key
    #[arg(long, value_name = "FILE")]
    api_keys: Option<PathBuf>,
}

/// How long the last traces may take.
#[cfg(feature = "otlp")]
const LAST_TRACES: std::time::Duration = std::time::Duration::from_secs(3);

pub(crate) fn run(args: Args) -> Outcome {
    tokio::runtime::Runtime::new()?.block_on(serve_until_terminated(args))
}

async fn serve_until_terminated(args: Args) -> Outcome {
    // All that can fail, before a download of gigabytes.
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_filter(log_filter("info"));
    let log = tracing_subscriber::registry().with(log);
    #[cfg(feature = "otlp")]
    let traces = indic_seamless_otlp::Traces::from_env()?;
    #[cfg(feature = "otlp")]
    let log = log.with(traces.layer());
    log.init();
    let mut settings = Settings { model_id: args.model.id(), ..Settings::default() }.with_env()?;
    if let Some(path) = &args.api_keys {
        settings.api_keys = Some(ApiKeys::from_file(path)?);
    }
    let listener = TcpListener::bind(args.listen).await.map_err(|source| Error::Io {
        action: "listen on",
        path: args.listen.to_string().into(),
        source,
    })?;
    let model = args.model.find()?;
    let builder = Transcriber::builder().precision(args.precision).threads(args.threads).cache_bytes(args.cache_bytes);
    let service = Service::start(settings, move || model.load(builder))?;
    service.ready().await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let router = service.router();
    #[cfg(feature = "otlp")]
    let router = traces.router(router);
    service.serve(listener, router, termination()).await?;
    #[cfg(feature = "otlp")]
    traces.end(LAST_TRACES).await;
    Ok(ExitCode::SUCCESS)
}

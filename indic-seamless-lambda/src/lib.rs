//! The `indic-seamless` service on AWS Lambda, or on a listener of its own.
//!
//! In Lambda it answers events; elsewhere it listens:
//!
//! ```text
//! indic-seamless-lambda --model indic-int8 --listen 127.0.0.1:8000
//! ```

mod cloudwatch;
mod event;
mod failure;
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod health_check;
mod lambda;
mod logging;
#[cfg(feature = "s3")]
mod s3;
mod traces;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use indic_seamless::{
    Precision, Transcriber,
    service::{Service, Settings, termination},
};
use tokio::net::TcpListener;

use self::traces::Traces;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Speech to text as a service. `indic_seamless::service::Settings` documents the other environment variables.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Folder of a checkpoint, or "demo" for the small model that is part of this program
    #[arg(long, env = "INDIC_SEAMLESS_MODEL", default_value = "/opt/model", value_name = "DIR|demo")]
    model: PathBuf,
    /// Type of the weights in memory: auto, f32, bf16, int8 or int4
    #[arg(long, env = "INDIC_SEAMLESS_PRECISION", default_value = "auto")]
    precision: Precision,
    /// Threads of the model; all cores by default
    #[arg(long, env = "INDIC_SEAMLESS_THREADS", value_name = "N")]
    threads: Option<usize>,
    /// Bytes for the caches of recordings that are transcribed at the same time; 112 MiB by default
    #[arg(long, env = "INDIC_SEAMLESS_CACHE_BYTES", value_name = "N")]
    cache_bytes: Option<u64>,
    /// Address to listen on, outside Lambda
    #[arg(long, env = "INDIC_SEAMLESS_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Level of the log: error, warn, info or debug
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    log_level: String,
    /// Ask a running service for this URL, and exit with 0 if it answers 200
    #[arg(long, value_name = "URL")]
    health_check: Option<String>,
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    indic_seamless::hide_caught_panics();
    let args = Args::parse();
    if let Some(url) = &args.health_check {
        return health_check::run(url);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = logging::start(&args.log_level).and_then(|traces| runtime?.block_on(run(args, traces)));
    result.map_or_else(
        |error| {
            tracing::error!(%error, "the service failed");
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run(args: Args, traces: Traces) -> Result<()> {
    let listen = args.listen;
    let load = move || load(&args);
    if lambda::is_host() {
        return lambda::run(load, traces).await;
    }
    let service = Service::start(Settings::from_env()?, load)?;
    let listener = TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    #[cfg(feature = "s3")]
    s3::not_offered();
    let (router, serving) = (traces.router(service.router()), service.clone());
    let mut server = tokio::spawn(async move { serving.serve(listener, router, ended()).await });
    let outcome = tokio::select! {
        failed = async { service.ready().await.err() } => match failed {
            Some(reason) => Err(reason.into()),
            None => Ok(server.await??),
        },
        ended = &mut server => Ok(ended??),
    };
    traces.end().await;
    outcome
}

fn load(args: &Args) -> indic_seamless::Result<Transcriber> {
    let builder = Transcriber::builder().precision(args.precision).threads(args.threads).cache_bytes(args.cache_bytes);
    #[cfg(feature = "demo")]
    if args.model.as_os_str() == "demo" {
        return builder.build_demo();
    }
    builder.build(&args.model)
}

/// Completes when the process is asked to end.
async fn ended() {
    termination().await;
    tracing::info!("shutting down after the requests in flight");
}

//! The `indic-seamless` service on AWS Lambda, or on a listener of its own.
//!
//! In Lambda (the platform sets `AWS_LAMBDA_RUNTIME_API`) it answers events; else it listens:
//!
//! ```text
//! indic-seamless-lambda --model indic-int8 --listen 127.0.0.1:8000
//! ```

mod event;
mod health_check;
mod lambda;
#[cfg(feature = "s3")]
mod s3;

use std::{env, io, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;
use indic_seamless::{
    Precision, Transcriber,
    service::{Service, Settings, serve, termination},
};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Speech to text as a service; `indic_seamless::service::Settings` documents the other environment variables.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Folder of a checkpoint, or "demo" for the small model that is part of this program
    #[arg(long, env = "INDIC_SEAMLESS_MODEL", default_value = "/opt/model", value_name = "DIR|demo")]
    model: PathBuf,
    /// Type of the weights in memory: auto, f32, bf16 or int8
    #[arg(long, env = "INDIC_SEAMLESS_PRECISION", default_value = "auto")]
    precision: Precision,
    /// Threads of the model; all cores if left out
    #[arg(long, env = "INDIC_SEAMLESS_THREADS", value_name = "N")]
    threads: Option<usize>,
    /// Where to listen, outside Lambda
    #[arg(long, env = "INDIC_SEAMLESS_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// What is logged: error, warn, info or debug
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    log_level: String,
    /// Ask a running service for this URL, and succeed if it answers 200
    #[arg(long, value_name = "URL")]
    health_check: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(url) = &args.health_check {
        return health_check::run(url);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let result = log(&args.log_level).and_then(|()| runtime?.block_on(run(args)));
    result.map_or_else(
        |error| {
            tracing::error!(%error, "the service ends");
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run(args: Args) -> Result<()> {
    let listen = args.listen;
    let service = Service::start(Settings::from_env()?, move || load(&args))?;
    if env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        // Loading belongs to the initialisation, which is not part of a request and is in the snapshot.
        service.ready().await?;
        return lambda::run(service).await;
    }
    let listener = TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let mut server = tokio::spawn(serve(listener, router(&service)?, ended(service.clone())));
    tokio::select! {
        failed = async { service.ready().await.err() } => match failed {
            Some(reason) => Err(reason.into()),
            None => Ok(server.await??),
        },
        ended = &mut server => Ok(ended??),
    }
}

fn load(args: &Args) -> indic_seamless::Result<Transcriber> {
    let mut builder = Transcriber::builder().precision(args.precision);
    if let Some(threads) = args.threads {
        builder = builder.threads(threads);
    }
    #[cfg(feature = "demo")]
    if args.model.as_os_str() == "demo" {
        return builder.build_demo();
    }
    builder.build(&args.model)
}

/// The endpoints of the service, and those for recordings in S3.
fn router(service: &Service) -> Result<axum::Router> {
    #[cfg(feature = "s3")]
    if let Some(jobs) = s3::jobs()? {
        return Ok(service.router_with(jobs));
    }
    Ok(service.router())
}

/// Waits until the process is asked to end, and lets `/ready` say so.
async fn ended(service: Service) {
    termination().await;
    tracing::info!("ending when what is under way is done");
    service.end();
}

/// JSON lines on standard error: this program's at `level`, of others only what is wrong.
fn log(level: &str) -> Result<()> {
    let level = match level.to_ascii_lowercase().as_str() {
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        level => level.to_owned(),
    };
    let filter = EnvFilter::try_new(format!("warn,indic_seamless={level},indic_seamless_lambda={level}"))?;
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_span_list(false);
    lines.with_writer(io::stderr).with_env_filter(filter).init();
    Ok(())
}

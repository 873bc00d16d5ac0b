//! The request in a gateway's event: its path as the service knows it, and how long its client waits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderValue, Uri};
use indic_seamless::service::Deadline;
use lambda_http::{Context, Request, RequestExt as _, request::RequestContext};

/// The time kept of each invocation, and of each client's patience, for sending the answer.
const MARGIN: Duration = Duration::from_secs(1);

/// The longest timeout of a function.
pub(crate) const LONGEST: Duration = Duration::from_secs(900);

/// What clients see before the paths of the service: an API's stage, or the base path of a custom domain. In the extensions of
/// a request; absent if there is nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prefix(pub(crate) String);

/// Gives a request the path that the service knows, and the deadline and the id of its invocation. `patience` is how long the
/// gateway waits for an answer.
pub(crate) fn prepared(mut request: Request, context: &Context, patience: Duration) -> Request {
    let deadline = deadline(&request, context, patience);
    let path = path(&request);
    let prefix = whole_path(&request).strip_suffix(path.as_str()).filter(|prefix| !prefix.is_empty());
    if let Some(prefix) = prefix.map(|prefix| Prefix(prefix.to_owned())) {
        request.extensions_mut().insert(prefix);
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{path}{query}").parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(Deadline(deadline));
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        request.headers_mut().insert("x-request-id", id);
    }
    request
}

/// When the function must have answered.
pub(crate) fn of_invocation(context: &Context) -> Instant {
    // Invocations never begin past their deadline, but an emulator (cargo-lambda) names one long ago.
    let left = Duration::from_millis(context.deadline).checked_sub(since_epoch()).unwrap_or(LONGEST);
    Instant::now() + left.saturating_sub(MARGIN)
}

/// When the client of a request must have its answer: before the function is stopped, and before the gateway gives up, which
/// has waited since it got the request, however long the function took to start.
fn deadline(request: &Request, context: &Context, patience: Duration) -> Instant {
    let of_invocation = of_invocation(context);
    let arrived_ms = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.request_time_epoch,
        Some(RequestContext::ApiGatewayV2(context)) => {
            // A function URL waits as long as the function runs.
            if context.domain_name.as_deref().is_some_and(|name| name.contains(".lambda-url.")) {
                return of_invocation;
            }
            context.time_epoch
        }
        _ => 0,
    };
    let left = patience.saturating_sub(waited(arrived_ms, since_epoch())).saturating_sub(MARGIN);
    of_invocation.min(Instant::now() + left)
}

/// How long a request has waited that arrived at this time; nothing if the gateway does not say, or if the event is an old one
/// that is sent again.
fn waited(arrived_ms: i64, now: Duration) -> Duration {
    let arrived = u64::try_from(arrived_ms).ok().filter(|&ms| ms > 0).map(Duration::from_millis);
    let waited = arrived.map_or(Duration::ZERO, |arrived| now.saturating_sub(arrived));
    if waited > LONGEST { Duration::ZERO } else { waited }
}

/// The time since 1970.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The path that the client asked for, as far as the gateway tells.
fn whole_path(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => {
            context.path.as_deref().unwrap_or_else(|| request.raw_http_path())
        }
        _ => request.raw_http_path(),
    }
}

/// The path without stage and base path. `lambda_http` adds the stage of a REST API to the URI, not to the raw path; the raw
/// path of an HTTP API begins with it; and both begin with the base path if a custom domain has one.
fn path(request: &Request) -> String {
    let path = request.raw_http_path();
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) if context.resource_path.as_deref() == Some("/") => {
            return "/".to_owned();
        }
        Some(RequestContext::ApiGatewayV2(context)) => {
            if let Some(rest) = without_stage(path, context.stage.as_deref().unwrap_or_default()) {
                return last_segments(rest, request).unwrap_or_else(|| rest.to_owned());
            }
        }
        _ => {}
    }
    last_segments(path, request).unwrap_or_else(|| path.to_owned())
}

fn without_stage<'a>(path: &'a str, stage: &str) -> Option<&'a str> {
    let rest = path.strip_prefix('/')?.strip_prefix(stage)?;
    Some(rest).filter(|rest| !stage.is_empty() && rest.starts_with('/'))
}

/// As many segments of the path, from its end, as the greedy parameter `{proxy+}` of the API has. The parameter itself is no
/// path, as its escapes may be decoded. `None` without such a parameter.
fn last_segments(path: &str, request: &Request) -> Option<String> {
    let segments = |path: &str| path.split('/').filter(|segment| !segment.is_empty()).count();
    let proxy = request.path_parameters_ref()?.first("proxy")?;
    let mut before = segments(path).checked_sub(segments(proxy))?;
    let mut rest = path;
    while before > 0 {
        rest = rest.trim_start_matches('/');
        rest = rest.get(rest.find('/')?..)?;
        before -= 1;
    }
    Some(rest.to_owned())
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;
    use serde_json::{Value, json};

    use super::*;

    fn request(event: &Value) -> Request {
        from_str(&event.to_string()).unwrap()
    }

    /// An event as a REST API sends it: `path` begins with the base path of a custom domain, but not with a stage.
    fn rest(path: &str, proxy: Option<&str>, asked: &str) -> Value {
        let resource = if proxy.is_some() { "/{proxy+}" } else { "/" };
        json!({
            "resource": resource, "path": path, "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
            "queryStringParameters": { "a": "1" }, "multiValueQueryStringParameters": { "a": ["1"] },
            "pathParameters": proxy.map(|proxy| json!({ "proxy": proxy })), "stageVariables": null,
            "requestContext": {
                "resourcePath": resource, "path": asked, "httpMethod": "GET", "stage": "prod", "identity": {},
                "requestTimeEpoch": since_epoch().as_millis() as u64,
            },
            "body": null, "isBase64Encoded": false,
        })
    }

    fn http(path: &str, proxy: Option<&str>, stage: &str, domain: &str) -> Value {
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "a=1", "headers": {},
            "pathParameters": proxy.map(|proxy| json!({ "proxy": proxy })),
            "requestContext": {
                "domainName": domain, "stage": stage, "timeEpoch": since_epoch().as_millis() as u64,
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": "" },
            },
            "isBase64Encoded": false,
        })
    }

    fn context(left: Duration) -> Context {
        let mut context = Context::default();
        context.deadline = (since_epoch() + left).as_millis() as u64;
        context
    }

    #[test]
    fn stages_and_base_paths_are_taken_off_and_remembered() {
        for (event, path, prefix) in [
            (rest("/health", Some("health"), "/prod/health"), "/health", "/prod"),
            (rest("/speech/health", Some("health"), "/speech/health"), "/health", "/speech"),
            (rest("/a/b/v1/jobs/x%20y", Some("v1/jobs/x y"), "/a/b/v1/jobs/x%20y"), "/v1/jobs/x%20y", "/a/b"),
            (rest("/speech", None, "/speech"), "/", ""),
            (rest("/", None, "/prod/"), "/", "/prod"),
            (http("/health", None, "$default", "x"), "/health", ""),
            (http("/prod/health", None, "prod", "x"), "/health", "/prod"),
            (http("/production/health", None, "prod", "x"), "/production/health", ""),
            (http("/speech/v1/jobs", Some("v1/jobs"), "$default", "x"), "/v1/jobs", "/speech"),
        ] {
            let prepared = prepared(request(&event), &context(LONGEST), LONGEST);
            assert_eq!((prepared.uri().path(), prepared.uri().query()), (path, Some("a=1")), "{event}");
            let found = prepared.extensions().get::<Prefix>().map_or("", |prefix| &prefix.0);
            assert_eq!(found, prefix, "{event}");
        }
    }

    #[test]
    fn a_client_is_answered_before_its_gateway_gives_up() {
        let left = |event: &Value, function_s: u64| {
            let of_function = context(Duration::from_secs(function_s));
            let deadline = deadline(&request(event), &of_function, Duration::from_secs(29));
            deadline.saturating_duration_since(Instant::now()).as_secs_f64().round()
        };
        let mut event = rest("/health", Some("health"), "/prod/health");
        assert_eq!((left(&event, 900), left(&event, 10)), (28.0, 9.0));
        // The function took 20 s to start.
        let arrived = since_epoch() - Duration::from_secs(20);
        event["requestContext"]["requestTimeEpoch"] = json!(arrived.as_millis() as u64);
        assert_eq!(left(&event, 900), 8.0);
        event["requestContext"]["requestTimeEpoch"] = json!(since_epoch().as_millis() as u64 - 40_000);
        assert_eq!(left(&event, 900), 0.0);
        // A recorded event.
        event["requestContext"]["requestTimeEpoch"] = json!(1_720_000_000_000_u64);
        assert_eq!(left(&event, 900), 28.0);

        assert_eq!(left(&http("/health", None, "$default", "x.execute-api.us-east-1.amazonaws.com"), 900), 28.0);
        assert_eq!(left(&http("/health", None, "$default", "x.lambda-url.us-east-1.on.aws"), 900), 899.0);
    }
}

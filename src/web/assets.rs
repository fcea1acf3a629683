//! The style sheet, the script, the icon and the description of the API, in the program itself: nothing is ever loaded from elsewhere.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// The sheet of the handover looks the same on the page and in a file of its own, so its part stands with it.
const STYLE: &str = concat!(include_str!("assets/style.css"), include_str!("../handover/sheet.css"));
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Where the style sheet is. The name changes with the content, so that a browser may keep it for ever.
pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path("style", STYLE, "css"));
/// Where the script is.
pub(super) static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| path("script", SCRIPT, "js"));
/// Where the icon is. Without one every browser asks for `/favicon.ico` and complains that there is none.
pub(super) static ICON_PATH: LazyLock<String> = LazyLock::new(|| path("icon", ICON, "svg"));

fn path(name: &str, content: &str, kind: &str) -> String {
    format!("/assets/{name}-{}.{kind}", &hex::encode(Sha256::digest(content))[..12])
}

/// What the API answers, for programs (`OpenAPI` 3.1). Written by hand; the test suite holds it against real answers.
static OPENAPI: LazyLock<String> =
    LazyLock::new(|| include_str!("assets/openapi.json").replacen("VERSION", env!("CARGO_PKG_VERSION"), 1));

/// `/api/v1/openapi.json`.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI.as_str()).into_response()
}

/// Answers for the three.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let path = format!("/assets/{name}");
    let (kind, content) = if path == *STYLE_PATH {
        ("text/css; charset=utf-8", STYLE)
    } else if path == *SCRIPT_PATH {
        ("text/javascript; charset=utf-8", SCRIPT)
    } else if path == *ICON_PATH {
        ("image/svg+xml", ICON)
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, kept)], content).into_response()
}

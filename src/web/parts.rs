//! The parts of a form, read within bounds: of size, of time, and of names.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use zeroize::Zeroizing;

use super::problem::Problem;

/// The most bytes of a request. A certificate has 2 KiB.
pub(super) const LIMIT: usize = 1024 * 1024;

/// How long sending it may take. There are only so many connections, and one that is never through would keep its place.
const SENDING: Duration = Duration::from_secs(30);

/// The part that is a file.
const FILE: &str = "file";

/// Enough for what people type.
const TYPED: usize = 16 * 1024;

/// A form as it comes.
pub(super) type Form = Result<Multipart, MultipartRejection>;

/// The parts of a form, wiped when dropped and never shown: somebody may have sent a private key.
#[derive(Default)]
pub(super) struct Parts(BTreeMap<&'static str, Zeroizing<Vec<u8>>>);

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Parts {
    /// Reads a form that may have these parts, each once.
    pub(super) async fn read(form: Form, known: &[&'static str]) -> Result<Self, Problem> {
        let form = form.map_err(|error| {
            Problem::new(error.status(), format!("send multipart/form-data with {}", known.join(" and ")))
        })?;
        let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the form did not come within 30 s");
        tokio::time::timeout(SENDING, Self::take(form, known)).await.map_err(late)?
    }

    async fn take(mut form: Multipart, known: &[&'static str]) -> Result<Self, Problem> {
        let mut parts = Self::default();
        while let Some(field) = form.next_field().await.map_err(refused)? {
            let name = known.iter().copied().find(|name| Some(*name) == field.name());
            let Some(name) = name else {
                let why = format!("there is a part other than {}", known.join(" and "));
                return Err(Problem::new(StatusCode::BAD_REQUEST, why));
            };
            if parts.0.contains_key(name) {
                return Err(Problem::new(StatusCode::BAD_REQUEST, "a part is there twice"));
            }
            parts.0.insert(name, content(field, if name == FILE { LIMIT } else { TYPED }).await?);
        }
        Ok(parts)
    }

    /// The bytes of a part.
    pub(super) fn required(&self, name: &str) -> Result<&[u8], Problem> {
        self.bytes(name).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, format!("the part {name} is missing")))
    }

    /// The bytes of a part, if it is there.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(|content| content.as_slice())
    }

    /// What somebody typed, without blanks around it; `None` if there is nothing.
    pub(super) fn typed(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(name)?).ok()?.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// The bytes of a part, of `limit` bytes at most.
async fn content(mut field: Field<'_>, limit: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // Reserved whole, so that growing leaves no unwiped copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(limit));
    while let Some(chunk) = field.chunk().await.map_err(refused)? {
        if content.len() + chunk.len() > limit {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a part of the form is too long"));
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

fn refused(error: MultipartError) -> Problem {
    let status = error.status();
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "it is larger than 1 MiB, so it is no certificate",
        _ => "the form is damaged or cut off",
    };
    Problem::new(status, detail)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use axum::extract::{FromRequest as _, Request};
    use futures::stream;

    use super::*;

    const BEGIN: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nNeverShown";

    async fn read(body: Body) -> Result<Parts, Problem> {
        let request = Request::builder().header("content-type", "multipart/form-data; boundary=b").body(body).unwrap();
        Parts::read(Multipart::from_request(request, &()).await, &["token"]).await
    }

    #[tokio::test]
    async fn what_was_sent_is_never_shown() {
        let parts = read(Body::from([BEGIN, b"\r\n--b--\r\n"].concat())).await.unwrap();
        assert_eq!(parts.typed("token"), Some("NeverShown"));
        assert_eq!(format!("{parts:?}"), "{\"token\"}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_trickles_is_given_up() {
        let begun = tokio::time::Instant::now();
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(BEGIN))]);
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok(Bytes::from_static(b"a")), ()))
        });
        let refused = read(Body::from_stream(futures::StreamExt::chain(first, drip))).await.unwrap_err();
        assert_eq!(axum::response::IntoResponse::into_response(refused).status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(begun.elapsed().as_secs(), SENDING.as_secs());
    }
}

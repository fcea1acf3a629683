//! Mail.

use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::{Refusal, web};
use crate::config::Network;
use crate::config::notify::{Smtp, SmtpTls};
use crate::model::{Failure, Reason};
use crate::notify::message::Message;
use crate::provider::http::tls_trouble;
use crate::secret::SecretFile;

/// What the connection may take.
const CONNECT: Duration = Duration::from_secs(20);

/// What it may take until the server is ready for a mail, with its greeting, TLS and the login: some let strangers wait on purpose.
const READY: Duration = Duration::from_secs(60);

/// What it may take until the server has taken the mail on. Many look into it before they say so, and whoever goes away before they
/// do sends it twice (RFC 5321, 4.5.3.2.6, which would wait for ten minutes).
const TAKEN: Duration = Duration::from_secs(180);

/// What the goodbye may take. The mail was taken by then.
const GOODBYE: Duration = Duration::from_secs(2);

/// Sends a mail to all who are named, in one transaction: when this returns well, the server has taken it on.
pub(super) async fn send(
    settings: &Smtp,
    password: Option<SecretFile>,
    network: &Network,
    message: &Message,
) -> Result<(), Refusal> {
    let mail = mail(settings, message)?;
    let place = format!("{}:{}", settings.host, settings.port);
    let late = |what: &str, limit: Duration| {
        Refusal::from(Failure::new(Reason::Timeout, format!("{place} {what} within {limit:?}")))
    };
    let ready = tokio::time::timeout(READY, connection(settings, password, network, &place));
    let mut connection = ready.await.map_err(|_| late("was not ready for a mail", READY))??;
    let text = mail.formatted();
    let taken = tokio::time::timeout(TAKEN, connection.send(mail.envelope(), &text));
    taken.await.map_err(|_| late("did not take the mail", TAKEN))?.map_err(|error| refusal(&place, &error))?;
    // Whether it answers to that says nothing of the mail.
    let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
    Ok(())
}

/// A connection over which a mail can be sent. Driven here and not by the transport of the library, which takes the answer to its
/// goodbye for a part of the mail's.
async fn connection(
    settings: &Smtp,
    password: Option<SecretFile>,
    network: &Network,
    place: &str,
) -> Result<AsyncSmtpConnection, Refusal> {
    // It introduces itself by the domain it writes from: its own name means nothing outside.
    let domain = settings.from.trim_end_matches('>').rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let hello = ClientId::Domain(domain.to_owned());
    let tls = match settings.tls {
        SmtpTls::None => None,
        SmtpTls::Starttls | SmtpTls::Implicit => Some(parameters(settings, network).await?),
    };
    let (wrapper, later) = if settings.tls == SmtpTls::Implicit { (tls, None) } else { (None, tls) };
    let credentials = match (&settings.username, password) {
        (Some(username), Some(file)) => {
            let secret = file.fetch().await?;
            Some(Credentials::new(username.clone(), web::text_of(&secret, &file)?.to_owned()))
        }
        _ => None,
    };
    let refused = |error| refusal(place, &error);
    let server = (settings.host.as_str(), settings.port);
    let connected = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT), &hello, wrapper, None);
    let mut connection = connected.await.map_err(refused)?;
    if let Some(tls) = later {
        connection.starttls(tls, &hello).await.map_err(refused)?;
    }
    if let Some(credentials) = &credentials {
        connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(refused)?;
    }
    Ok(connection)
}

async fn parameters(settings: &Smtp, network: &Network) -> Result<TlsParameters, Failure> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    for path in &network.ca_files {
        let failure = |what: &str| Failure::new(Reason::Io, format!("the CA file {} {what}", path.display()));
        let pem = tokio::fs::read(path).await.map_err(|_| failure("cannot be read"))?;
        let wrong = || failure("holds no certificate in PEM form");
        builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(|_| wrong())?);
    }
    builder.build().map_err(|_| Failure::new(Reason::Tls, "TLS cannot be set up for mail"))
}

fn mail(settings: &Smtp, message: &Message) -> Result<lettre::Message, Failure> {
    let address = |text: &str| {
        text.parse::<Mailbox>().map_err(|_| Failure::new(Reason::Malformed, "notify.smtp names an odd mail address"))
    };
    let from = address(&settings.from)?;
    // The id is the same at each try, so that a mail that came twice is known as one.
    let domain = from.email.domain().to_owned();
    let mut builder: MessageBuilder = lettre::Message::builder()
        .from(from)
        .subject(&message.title)
        .date(SystemTime::from(message.at))
        .message_id(Some(format!("<{}@{domain}>", message.id)))
        .references(format!("<{}@{domain}>", message.thread))
        .header(ContentType::TEXT_PLAIN);
    for to in &settings.to {
        builder = builder.to(address(to)?);
    }
    let mut text = message.body.join("\n\n");
    if let Some(link) = &message.link {
        text.push_str(&format!("\n\nPage: {link}"));
    }
    text.push('\n');
    let odd = |_| Failure::new(Reason::Malformed, "a mail cannot be written");
    let mut mail = builder.body(text).map_err(odd)?;
    // RFC 3834: whoever is away answers no machine.
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    mail.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
    Ok(mail)
}

fn refusal(place: &str, error: &lettre::transport::smtp::Error) -> Refusal {
    if let Some(trouble) = tls_trouble(error) {
        return Failure::new(Reason::Tls, format!("{place}: {trouble}")).into();
    }
    let code = error.status().map(u16::from);
    let (reason, what, is_about_message) = match code {
        Some(530 | 534 | 535 | 538) => (Reason::Auth, "refuses the login".to_owned(), false),
        Some(code @ 500..=599) => (Reason::Malformed, format!("refuses the mail (code {code})"), true),
        Some(code) => (Reason::Http, format!("takes no mail at the moment (code {code})"), false),
        None if error.is_timeout() => (Reason::Timeout, "gives no answer in time".to_owned(), false),
        None if error.is_tls() => (Reason::Tls, "speaks no TLS that is known here".to_owned(), false),
        None if error.is_client() => {
            (Reason::Auth, "offers no way to log in, or no TLS, that is known here".to_owned(), false)
        }
        None if error.is_response() => (Reason::Malformed, "does not speak SMTP".to_owned(), false),
        None => (Reason::Connect, "cannot be connected to, or the connection broke".to_owned(), false),
    };
    Refusal { failure: Failure::new(reason, format!("{place} {what}")), is_about_message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::channel::tests::message;

    #[test]
    fn a_mail_has_one_line_where_there_may_be_one() {
        let settings = Smtp {
            host: "mail.example.com".to_owned(),
            port: 587,
            tls: SmtpTls::Starttls,
            from: "apnswatch <apnswatch@example.com>".to_owned(),
            to: vec!["it@example.com".to_owned(), "Mac team <mac@example.com>".to_owned()],
            username: None,
            password_file: None,
        };
        let mut message = message();
        message.title = "acm\u{e9}\r\nBcc: evil@example.com: it has expired".to_owned();
        message.body.push("\n.\nMAIL FROM".to_owned());
        let text = String::from_utf8(mail(&settings, &message).unwrap().formatted()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("\r\nBcc:"), "{head}");
        for line in [
            "From: apnswatch <apnswatch@example.com>",
            "Message-ID: <x-2@example.com>",
            "References: <x-1@example.com>",
            "Date: Wed, 09 Sep 2026 10:00:00 +0000",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(head.contains(line), "{line}: {head}");
        }
    }
}

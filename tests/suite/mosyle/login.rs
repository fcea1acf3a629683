//! Secrets and tokens.

use std::time::Duration;

use apnswatch::demo::mosyle::{Account, Answer, LoginAnswer};
use apnswatch::model::Reason;
use apnswatch::provider::Provider as _;
use apnswatch::provider::mosyle::Product;
use serde_json::json;

use super::bench::{ACCESS_TOKEN, Bench, EMAIL, PASSWORD, PRODUCTS, failure, good, now, poll};

fn set_login(bench: &Bench, login: LoginAnswer) {
    bench.mosyle.change(ACCESS_TOKEN, |account| account.login = login);
}

#[tokio::test]
async fn every_bad_login_has_one_reason() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let pause = Some(Duration::from_secs(9));
        let instead = LoginAnswer::Instead;
        for (login, reason, retry_after, words) in [
            (LoginAnswer::WithoutToken, Reason::Auth, None, "refuses the login (status 200)"),
            (instead(Answer::Inner("ERROR")), Reason::Auth, None, "refuses the login (status 200)"),
            (instead(Answer::Status(401, None)), Reason::Auth, None, "refuses the login (status 401)"),
            (instead(Answer::Status(403, None)), Reason::Auth, None, "refuses the login (status 403)"),
            (instead(Answer::Echo401), Reason::Auth, None, "refuses the login (status 401)"),
            (instead(Answer::PlainText404), Reason::NotFound, None, "url and product must belong together"),
            (instead(Answer::Status(405, None)), Reason::Http, None, "status 405"),
            (instead(Answer::Status(429, None)), Reason::RateLimited, None, "fewer requests"),
            (instead(Answer::Status(429, Some("9".to_owned()))), Reason::RateLimited, pause, "fewer requests"),
            (instead(Answer::Status(500, None)), Reason::Http, None, "status 500"),
            (instead(Answer::Html(200)), Reason::Malformed, None, "web page"),
            (instead(Answer::Empty(200)), Reason::Malformed, None, "empty"),
            (instead(Answer::Truncated), Reason::Connect, None, ""),
            (instead(Answer::CloseConnection), Reason::Connect, None, "before the answer"),
            (instead(Answer::Redirect("https://new.example.com/x".to_owned())), Reason::Http, None, "has moved to"),
            (instead(Answer::Hang), Reason::Timeout, None, "within"),
            (instead(Answer::Trickle(Duration::from_millis(20))), Reason::Timeout, None, "within"),
        ] {
            set_login(&bench, login.clone());
            let tenant = if reason == Reason::Timeout { bench.hasty() } else { bench.tenant() };
            let before = bench.mosyle.logins();
            let failure = failure(&tenant).await;
            assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{login:?}: {failure}");
            assert!(failure.message.contains(words), "{login:?}: {failure}");
            assert!(!failure.message.contains("s3cret"), "{failure}");
            // One that was closed before any answer came is sent twice, like any read.
            let tries = if failure.message.contains("before the answer") { 2 } else { 1 };
            assert_eq!(bench.mosyle.logins() - before, tries, "{login:?}");
        }
        assert_eq!(bench.lists(), 0, "nobody is asked without a token");
        bench.assert_read_only();
    }
}

#[tokio::test]
async fn each_product_takes_the_secrets_where_it_wants_them_and_exactly() {
    for product in PRODUCTS {
        for (access_file, access, password_file, password) in [
            ("plain\n", "plain", "plain\r\n", "plain"),
            ("%41:+\"\u{fc} &=#;\\'~", "%41:+\"\u{fc} &=#;\\'~", "%41:+\"\u{fc} &=#;\\'~", "%41:+\"\u{fc} &=#;\\'~"),
        ] {
            let bench = Bench::new(product).await;
            bench.mosyle.set_account(access, Account::new(product, EMAIL, password));
            bench.write("access", access_file);
            bench.write("password", password_file);
            good(&bench.tenant()).await;
        }
        let bench = Bench::new(product).await;
        bench.write("password", format!("{PASSWORD} "));
        let blank = failure(&bench.tenant()).await;
        assert_eq!(blank.reason, Reason::Auth);
        assert!(blank.message.contains("white space") && !blank.message.contains("s3cret"), "{blank}");
        bench.write("password", [0xff, 0xfe]);
        let odd = failure(&bench.tenant()).await;
        assert_eq!(odd.reason, Reason::Malformed, "{odd}");
        // The other product's address.
        let other = if product == Product::Business { Product::Manager } else { Product::Business };
        bench.write("password", PASSWORD);
        let mut settings = bench.settings();
        settings.product = other;
        let tenant =
            apnswatch::provider::mosyle::Mosyle::new(&settings, &Default::default(), Duration::from_secs(5)).unwrap();
        assert_eq!(failure(&tenant).await.reason, Reason::Auth);
    }
}

#[tokio::test]
async fn secrets_are_read_at_every_poll() {
    let bench = Bench::new(Product::Business).await;
    let tenant = bench.tenant();
    good(&tenant).await;
    good(&tenant).await;
    assert_eq!(bench.mosyle.logins(), 1);

    bench.write("password", "the-new-one");
    assert_eq!(failure(&tenant).await.reason, Reason::Auth, "the old token is not used for another password");
    bench.mosyle.change(ACCESS_TOKEN, |account| account.password = "the-new-one".to_owned());
    good(&tenant).await;
    assert_eq!(bench.mosyle.logins(), 3);

    std::fs::remove_file(bench.folder.path().join("access")).unwrap();
    assert_eq!(failure(&tenant).await.reason, Reason::NotFound);
    assert_eq!(bench.mosyle.logins(), 3);
}

#[tokio::test]
async fn a_token_lives_for_a_day_less_a_margin_whatever_the_expires_header_says() {
    let bench = Bench::new(Product::Manager).await;
    let tenant = bench.tenant();
    good(&tenant).await;
    for (minutes, logins) in [(23 * 60 + 50, 1), (6, 2), (23 * 60, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(60 * minutes)).await;
        tokio::time::resume();
        good(&tenant).await;
        assert_eq!(bench.mosyle.logins(), logins, "{minutes}");
    }
}

#[tokio::test]
async fn a_token_that_dies_costs_one_login_and_never_a_loop() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let tenant = bench.tenant();
        good(&tenant).await;
        bench.mosyle.revoke_tokens();
        good(&tenant).await;
        assert_eq!(bench.mosyle.logins(), 2);

        // One that dies between two systems, after 23 hours.
        bench.set("tvos", Answer::sequence([Answer::Status(401, None), Answer::Inner("DEVICES_NOTFOUND")]));
        good(&tenant).await;
        assert_eq!(bench.mosyle.logins(), 3);

        bench.set("mac", Answer::Status(401, None));
        let (logins, lists) = (bench.mosyle.logins(), bench.lists());
        assert_eq!(failure(&tenant).await.reason, Reason::Auth);
        assert_eq!((bench.mosyle.logins() - logins, bench.lists() - lists), (1, 2));
        // The token was just made, so a refusal of it is final.
        assert_eq!(failure(&tenant).await.reason, Reason::Auth);
        assert_eq!((bench.mosyle.logins() - logins, bench.lists() - lists), (2, 3));
        bench.assert_read_only();
    }
}

#[tokio::test]
async fn nothing_secret_is_ever_shown_or_written() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let tenant = bench.tenant();
        let mut shown = String::new();
        let odd = json!({ "status": "OK", "response": [{ "status": "s3cret", "info": "s3cret" }] });
        for answer in [Answer::Echo401, Answer::Json(odd), Answer::Status(403, None)] {
            bench.set("mac", answer);
            shown += &format!("{:?}\n{tenant:?}\n", poll(&tenant).await);
        }
        bench.mosyle.revoke_tokens();
        set_login(&bench, LoginAnswer::Instead(Answer::Echo401));
        shown += &format!("{:?}\n{:?}\n{tenant:?}", poll(&tenant).await, tenant.access(now()).await);
        shown += &log.text();
        for hidden in [ACCESS_TOKEN, PASSWORD, "s3cret", "simulated."] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
}

/// Where the log of a test goes.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

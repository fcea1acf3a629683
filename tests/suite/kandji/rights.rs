//! The token and what it may read.

use apnswatch::demo::kandji::{Answer, Resource, Shape};
use apnswatch::model::{Reason, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::access::{Access, Verdict};

use super::bench::{Bench, SOURCES, TOKEN, failure, good, now, poll, tenant};

#[tokio::test]
async fn a_refusal_means_token_or_right_whatever_its_number() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    for (bad_token, no_right) in [(Reason::Auth, Reason::Forbidden), (Reason::Forbidden, Reason::Auth)] {
        for (source, resource) in SOURCES {
            bench.vendor.set_tenant(TOKEN, tenant());
            bench.vendor.change(TOKEN, |tenant| tenant.permissions.retain(|right| *right != resource));
            let without_right = failure(&kandji, source).await;
            bench.vendor.revoke(TOKEN);
            let without_token = failure(&kandji, source).await;
            assert_eq!((without_token.reason, without_right.reason), (bad_token, no_right));
            for refused in [without_token, without_right] {
                for words in ["the API token in ", "is not good, or it has no right to GET /api/v1/"] {
                    assert!(refused.message.contains(words), "{refused}");
                }
                assert_eq!(refused.retry_after, None);
            }
        }
        bench.vendor.swap_refusals();
    }
}

#[tokio::test]
async fn a_right_that_is_missing_takes_no_other_source_with_it() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    bench.vendor.change(TOKEN, |tenant| tenant.permissions = [Resource::Devices].into());
    assert_eq!(failure(&kandji, Source::Tokens).await.reason, Reason::Forbidden);
    assert_eq!(failure(&kandji, Source::Profile).await.reason, Reason::Forbidden);
    good(&kandji, Source::Push).await;
}

#[tokio::test]
async fn the_token_is_read_at_every_poll() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    good(&kandji, Source::Tokens).await;
    bench.write_token("another-one");
    assert_eq!(failure(&kandji, Source::Tokens).await.reason, Reason::Auth);
    bench.vendor.set_tenant("another-one", tenant());
    good(&kandji, Source::Tokens).await;

    let asked = bench.reads().len();
    for (text, words) in [
        (" another-one", "begins or ends with white space"),
        ("another-one\n\n", "begins or ends with white space"),
        ("anoth\u{fc}r-one", "holds characters that no token has"),
        ("", "is empty"),
    ] {
        bench.write_token(text);
        let unusable = failure(&kandji, Source::Tokens).await;
        assert!(unusable.message.contains(words), "{unusable}");
        assert!(!unusable.message.contains("another"), "{unusable}");
        assert!(matches!(unusable.reason, Reason::Malformed | Reason::Io), "{unusable}");
    }
    std::fs::remove_file(bench.folder.path().join("token")).unwrap();
    assert_eq!(failure(&kandji, Source::Push).await.reason, Reason::NotFound);
    assert_eq!(bench.reads().len(), asked, "nobody is asked without a token");
}

#[tokio::test]
async fn access_tells_each_endpoint_by_its_name_in_the_grid() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    let access = kandji.access(now()).await;
    let told: Vec<_> = access.iter().map(|access| (access.source, access.privilege, access.verdict.clone())).collect();
    assert_eq!(
        told,
        [
            (Source::Tokens, "GET /api/v1/integrations/apple/ade", Verdict::Allowed),
            (Source::Push, "GET /api/v1/prism/device_information", Verdict::Allowed),
            (Source::Profile, "GET /api/v1/blueprints", Verdict::Allowed),
            (Source::Profile, "GET /api/v1/blueprints/{blueprint_id}/ota-enrollment-profile", Verdict::Allowed),
        ]
    );
    assert!(access.iter().all(|access| access.endpoint == access.privilege && !access.lost.is_empty()));

    let kinds = |access: &[Access]| -> String {
        let kind = |access: &Access| match access.verdict {
            Verdict::Allowed => 'a',
            Verdict::Denied(_) => 'd',
            Verdict::LoginRefused(_) => 'l',
            Verdict::Unsupported => 'u',
            Verdict::NotReached(_) => 'n',
        };
        access.iter().map(kind).collect()
    };
    bench.vendor.change(TOKEN, |tenant| tenant.permissions = [Resource::Devices, Resource::Profile].into());
    assert_eq!(kinds(&kandji.access(now()).await), "dadd");
    // 401 for a right: the token reads something, so it is a token.
    bench.vendor.swap_refusals();
    assert_eq!(kinds(&kandji.access(now()).await), "dadd");
    bench.vendor.change(TOKEN, |tenant| tenant.permissions.clear());
    assert_eq!(kinds(&kandji.access(now()).await), "llll");
    bench.write_token(" ");
    assert_eq!(kinds(&kandji.access(now()).await), "nnnn");
    bench.write_token(TOKEN);
    bench.vendor.set_tenant(TOKEN, tenant());
    bench.vendor.change(TOKEN, |tenant| tenant.blueprints.clear());
    assert_eq!(kinds(&kandji.access(now()).await), "aaan");

    // A 200 alone proves nothing: neither a right, nor that the token is one.
    bench.vendor.set_tenant(TOKEN, tenant());
    for useless in [Answer::Bytes(b"<html>made up</html>".to_vec()), Answer::Json(serde_json::json!({ "made up": 1 }))]
    {
        for (resource, verdicts) in [
            (Resource::Integrations, "naaa"),
            (Resource::Devices, "anaa"),
            (Resource::Blueprints, "aann"),
            (Resource::Profile, "aaan"),
        ] {
            bench.vendor.set_tenant(TOKEN, tenant());
            bench.answer(resource, useless.clone());
            let access = kandji.access(now()).await;
            assert_eq!(kinds(&access), verdicts, "{resource:?} {useless:?}");
            let is_useless = |access: &&Access| matches!(access.verdict, Verdict::NotReached(_));
            let Some(Verdict::NotReached(failure)) = access.iter().find(is_useless).map(|access| &access.verdict)
            else {
                panic!("{access:?}")
            };
            assert_eq!(failure.reason, Reason::Malformed);
            assert!(!failure.message.contains("made up"), "{failure}");
        }
        bench.vendor.set_tenant(TOKEN, tenant());
        bench.vendor.change(TOKEN, |tenant| {
            for resource in Resource::ALL {
                tenant.answers.insert(resource, Answer::Status(401, None, Shape::Error));
            }
        });
        bench.answer(Resource::Devices, useless);
        assert_eq!(kinds(&kandji.access(now()).await), "lnll");
    }
    bench.vendor.set_tenant(TOKEN, tenant());

    let mut settings = bench.settings(&bench.vendor.url());
    settings.enrolment_profile = false;
    let kandji = apnswatch::provider::kandji::Kandji::new(
        &settings,
        &Default::default(),
        apnswatch::provider::http::REQUEST_TIMEOUT,
    )
    .unwrap();
    assert_eq!(kinds(&kandji.access(now()).await), "aa", "what is not wanted is not tried");
    bench.reads();
}

#[tokio::test]
async fn the_token_is_never_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let bench = Bench::new().await;
    let kandji = bench.kandji();
    let mut shown = String::new();
    for (source, resource) in SOURCES {
        for answer in [Answer::Echo401, Answer::Redirect(format!("https://x.example.com/{TOKEN}")), Answer::Honest] {
            bench.answer(resource, answer);
            shown += &format!("{:?}\n{kandji:?}\n", poll(&kandji, source).await);
        }
    }
    shown += &format!("{:?}", kandji.access(now()).await);
    shown += &log.text();
    for hidden in [TOKEN, "s3cret", "made-up-code", "made-up-challenge", "person@", "MADEUP0"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
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

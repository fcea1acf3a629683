//! The pages, as a browser without the script sees them.

use serde_json::Value;

use crate::support::{Answered, Daemon, Site, answer, filed, now, pem, send, tenant, topic};

/// Everything that links of a page point at, on this server.
fn links(body: &str) -> Vec<String> {
    let marks = ["href=\"", "src=\"", "action=\""];
    let all = marks.into_iter().flat_map(|mark| body.split(mark).skip(1)).filter_map(|rest| rest.split('"').next());
    all.filter(|link| link.starts_with('/')).map(|link| link.replace("&amp;", "&")).collect()
}

fn is_whole(answered: &Answered, path: &str) {
    assert_eq!(answered.status, 200, "{path}");
    let body = &answered.body;
    assert!(body.contains("<main") && body.ends_with("</html>"), "{path}");
    assert!(!body.contains(" style=\"") && !body.contains("<style") && !body.contains(" onclick"), "{path}");
    assert!(answered.head.contains("content-security-policy: default-src 'none'"), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_of_every_page_of_the_demo_leads_somewhere() {
    let demo = Daemon::demo().await;
    demo.ready().await;
    let (mut open, mut seen) = (vec!["/".to_owned()], std::collections::BTreeSet::new());
    while let Some(path) = open.pop() {
        let path = path.split('#').next().unwrap().to_owned();
        if path.is_empty() || !seen.insert(path.clone()) {
            continue;
        }
        let answered = demo.get(&path).await;
        assert_eq!(answered.status, 200, "{path}");
        if answered.head.contains("text/html") {
            is_whole(&answered, &path);
            open.extend(links(&answered.body));
        }
    }
    for wanted in
        ["/", "/findings", "/ahead", "/network", "/handover", "/tenants.csv", "/tenants/acme", "/tenants/acme/renewal"]
    {
        assert!(seen.contains(wanted), "{wanted}: {seen:?}");
    }
    assert!(seen.iter().filter(|path| path.starts_with("/assets/")).count() == 3, "{seen:?}");
    let style = demo.get(seen.iter().find(|path| path.starts_with("/assets/style")).unwrap()).await;
    assert!(style.head.contains("immutable") && style.head.contains("text/css"), "{}", style.head);
    assert_eq!(demo.get("/assets/style-000000000000.css").await.status, 404);
    assert_eq!(demo.get("/tenants/nobody").await.status, 404);
    assert_eq!(demo.get("/api/v1/tenants/nobody").await.status, 404);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_filtered_sorted_and_paged() {
    let site = Site::new().await;
    let tenants: Vec<String> = (0..205)
        .map(|index| {
            let end = (now() + chrono::TimeDelta::days(10 + index)).format("%Y-%m-%d");
            let team = if index % 2 == 0 { "mac" } else { "ios" };
            tenant(
                &format!("t{index:03}"),
                &format!(
                    "    labels: {{ team: {team} }}\n    mdm: {{ kind: none }}\n    certificate: {{ declared: {{ not_after: \
                     {end} }} }}\n"
                ),
            )
        })
        .collect();
    site.configure("tenant_labels: [team]", &tenants);
    let daemon = site.serve().await;
    daemon.ready().await;
    let rows = async |path: &str| {
        let body = daemon.get(path).await.body;
        body.matches("class=\"tenant ").count()
    };
    assert_eq!(rows("/").await, 100);
    assert_eq!((rows("/?page=2").await, rows("/?page=3").await, rows("/?page=99").await), (100, 5, 5));
    assert_eq!(rows("/?page=nonsense").await, 100);
    assert_eq!(rows("/?q=T01").await, 10);
    assert_eq!(rows("/?q=t01&team=ios").await, 5);
    // Twenty have at most thirty days left; the one that has thirty and a part of a day has not.
    assert_eq!(rows("/?phase=renew").await, 21);
    assert_eq!((rows("/?finding=removed").await, rows("/?mdm=jamf").await), (0, 0));
    let body = daemon.get("/?sort=end&q=t20").await.body;
    let first = body.find("/tenants/t200\"").unwrap();
    assert!(first < body.find("/tenants/t204\"").unwrap());
    let csv = daemon.get("/tenants.csv?team=mac").await;
    assert_eq!(csv.body.lines().count(), 1 + 103, "{}", csv.body);
    assert!(csv.head.contains("attachment") && csv.body.starts_with("tenant,mdm,team,"), "{}", csv.head);
    let ahead = daemon.get("/ahead?team=ios").await.body;
    assert!(ahead.contains("no account") && ahead.contains("/tenants/t001\"") && !ahead.contains("/tenants/t000\""));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_texts_stay_text() {
    const NAME: &str = "\"><script>alert(1)</script>/..%2f";
    const FORMULA: &str = "=HYPERLINK(1)";
    let site = Site::new().await;
    let file = site.certificate("a.pem", &topic("acme"), "0A01", 200);
    site.write("page.pem", "<script>alert(2)</script>");
    let page = site.path("page.pem");
    site.configure("", &[filed(NAME, &file), filed(FORMULA, &page)]);
    let daemon = site.serve().await;
    daemon.ready().await;
    let body = daemon.get("/").await.body;
    let link = links(&body).into_iter().find(|link| link.starts_with("/tenants/%22")).unwrap();
    for path in ["/", "/findings", "/ahead", &link, &format!("{link}/renewal")] {
        let answered = daemon.get(path).await;
        is_whole(&answered, path);
        assert!(!answered.body.contains("<script>"), "{path}");
    }
    assert!(daemon.get(&link).await.body.contains("&lt;script&gt;alert(1)"));
    let api = daemon.get(&link.replace("/tenants/", "/api/v1/tenants/")).await;
    let document: Value = serde_json::from_str(&api.body).unwrap();
    assert_eq!((&document["schema"], &document["tenant"]["name"]), (&"apnswatch.tenant.v1".into(), &NAME.into()));
    assert_eq!(document["answers"].as_array().unwrap().len(), 5);
    let first = document["history"].as_array().unwrap().iter().map(|event| event["sentence"].as_str().unwrap());
    assert!(
        first.clone().any(|sentence| sentence.contains("first told of a certificate with serial 0A01")),
        "{document}"
    );
    let csv = daemon.get("/tenants.csv").await.body;
    assert!(csv.contains(&format!("'{FORMULA}")), "{csv}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_renewal_room_judges_a_file_without_keeping_it() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    let room = daemon.get("/tenants/acme/renewal").await;
    is_whole(&room, "the room");
    for words in [topic("acme").as_str(), "Renew", "never", "enctype=\"multipart/form-data\"", "new end at the MDM"] {
        assert!(room.body.contains(words), "{words}");
    }
    let judged = async |file: &[u8]| {
        let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n".to_vec();
        body.extend(file);
        body.extend(b"\r\n--b--\r\n");
        let headers = "Host: localhost\r\nContent-Type: multipart/form-data; boundary=b";
        send(daemon.address, "POST", "/tenants/acme/renewal", headers, &body).await
    };
    let new = pem(&topic("acme"), "0C02", 365);
    for (file, status, words) in [
        (new.clone(), 200, "RENEWAL, WITH A WARNING"),
        (pem(&topic("other"), "0C03", 365), 200, "DO NOT UPLOAD"),
        (String::new(), 200, "CANNOT TELL"),
        (new + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 422, "a private key is in the file"),
    ] {
        let answered = judged(file.as_bytes()).await;
        assert_eq!(answered.status, status, "{words}");
        assert!(answered.body.contains(words), "{words}: {}", answered.body);
    }
    assert_eq!(daemon.scrape().await.all("apns_source_up", &[("source", "file")]).len(), 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headline_hides_nobody_who_is_muted_and_is_refreshed_with_the_rest() {
    let site = Site::new().await;
    let file = site.certificate("a.pem", &topic("acme"), "0A01", -5);
    let muted = filed("acme", &file) + "    muted: { until: 2099-01-01, reason: a test }\n";
    site.configure("", &[muted]);
    let daemon = site.serve().await;
    daemon.ready().await;
    let body = daemon.get("/").await.body;
    assert!(body.contains("<h1 data-part=\"headline\">Nothing to do today, but for 1 tenant muted</h1>"), "{body}");
    // Every part that says something has a mark, or the script would leave it as it was.
    for part in ["warnings", "headline", "counts", "tenants", "strays", "footer"] {
        assert!(body.contains(&format!("data-part=\"{part}\"")), "{part}");
    }
    for path in ["/", "/findings", "/ahead", "/network", "/tenants/acme", "/tenants/acme/renewal"] {
        assert!(daemon.get(path).await.body.contains("data-refresh=\"30\""), "{path}");
    }
    assert!(daemon.get("/findings?q=nobody").await.body.contains("None fits this filter."));
    daemon.stop().await;
}

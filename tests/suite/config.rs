//! The configuration, through its public door.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apnswatch::config::notify::{Place, SmtpTls};
use apnswatch::config::{Config, Declared, Mdm, Reload, Store, Tenant, load};
use apnswatch::evaluate::report::polled_sources;
use apnswatch::model::{AccountId, Policy, Problem, Role, Source, Step, TenantName, TokenKind, Topic};
use apnswatch::notify::channel::ChannelKind;
use apnswatch::notify::key::Tier;
use apnswatch::probe::{Host, Settings, Target};
use apnswatch::provider::mosyle::Product;

const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ac";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config")
}

fn fixture(name: &str) -> Config {
    load(&fixtures().join(name), &BTreeMap::new(), None).unwrap()
}

fn tenant<'c>(config: &'c Config, name: &str) -> &'c Tenant {
    &config.tenants[&TenantName::parse(name).unwrap()]
}

fn names(config: &Config) -> Vec<&str> {
    config.tenants.keys().map(TenantName::as_str).collect()
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// A folder with a main file in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(main: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("main.yaml", main);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }

    fn load(&self, previous: Option<&Config>) -> Result<Config, Vec<Problem>> {
        load(&self.path("main.yaml"), &BTreeMap::new(), previous)
    }

    fn load_with(&self, environment: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load(&self.path("main.yaml"), &environment, None)
    }
}

/// Every `invalid-<what>.yaml` has beside it the exact list of what is told about it. `FILE` is its path.
#[test]
fn every_mistake_is_told_exactly() {
    let mut checked = 0;
    let mut wrong = String::new();
    for entry in fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("invalid-") || !name.ends_with(".yaml") {
            continue;
        }
        let told = match load(&path, &BTreeMap::new(), None) {
            Ok(_) => "nothing is wrong\n".to_owned(),
            Err(problems) => lines(&problems).iter().map(|line| format!("{line}\n")).collect(),
        };
        let told = told.replace(path.to_str().unwrap(), "FILE");
        assert!(!told.contains("s3cret"), "{name} leaks:\n{told}");
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if told != expected {
            wrong.push_str(&format!("== {name}\n{told}"));
        }
        checked += 1;
    }
    assert!(wrong.is_empty(), "told otherwise than expected:\n{wrong}");
    assert!(checked > 50, "only {checked} fixtures found");
}

#[test]
fn a_minimal_file_has_the_defaults_of_the_design() {
    let config = fixture("minimal.yaml");
    assert_eq!(config.site, None);
    assert_eq!(config.web.listen.to_string(), "127.0.0.1:12197");
    assert_eq!((config.web.reload, config.web.days_gauge), (Reload::Signal, true));
    assert_eq!(config.store, Store::Sqlite("/var/lib/apnswatch/state.db".into()));
    assert_eq!((config.network.proxy.as_ref(), config.network.ca_files.len()), (None, 0));
    assert_eq!((config.limits.polls, config.limits.per_host), (64, 5));
    assert_eq!(config.files, [fixtures().join("minimal.yaml")]);
    let acme = tenant(&config, "acme");
    assert_eq!((acme.poll.interval, acme.poll.timeout), (Duration::from_secs(900), Duration::from_secs(20)));
    assert_eq!(acme.policy, Policy::default());
    let Mdm::Intune(settings) = &acme.mdm else { panic!("{:?}", acme.mdm) };
    assert_eq!(settings.client_secret_file.as_deref(), Some(Path::new("/run/secrets/intune")));
    assert!(settings.tokens && settings.push);
}

#[test]
fn a_full_file_is_read_to_the_last_key() {
    let config = fixture("full.yaml");
    assert_eq!(config.site.as_deref(), Some("hq"));
    assert_eq!(config.web.listen.to_string(), "[::1]:12197");
    assert_eq!(config.web.external_url.as_ref().unwrap().as_str(), "https://apnswatch.example.com/mdm/");
    assert_eq!((config.web.reload, config.web.days_gauge), (Reload::Watch, false));
    assert_eq!(config.web.allowed_hosts, ["watch.example.com"]);
    assert_eq!(config.store, Store::Sqlite("/srv/apnswatch/state.db".into()));
    assert_eq!(config.network.ca_files, [fixtures().join("ca.pem")]);
    assert_eq!(config.tenant_labels, ["team", "customer"]);
    let account = &config.accounts[&AccountId::parse("apns-shared").unwrap()];
    assert_eq!(account.second_factor, ["desk phone", "second admin"]);

    let school = tenant(&config, "Schule \"\u{fc}ber alles\"");
    assert_eq!(school.labels.get("customer").unwrap(), "4711");
    assert_eq!(school.account, Some(AccountId::parse("apns-shared").unwrap()));
    assert_eq!((school.poll.interval, school.poll.timeout), (Duration::from_secs(300), Duration::from_secs(30)));
    assert_eq!(school.policy, Policy { plan_days: 90, renew_days: 21, grace_days: 0 });
    assert_eq!(school.network, config.network);
    assert_eq!(school.certificate.expected_topic, Topic::parse(TOPIC));
    assert_eq!(*school.certificate.files, [fixtures().join("certs/*.pem"), "/etc/apnswatch/acme.pem".into()]);
    assert_eq!(school.muted.as_ref().unwrap().until.to_string(), "2026-12-01");
    assert_eq!(school.formerly.iter().map(TenantName::as_str).collect::<Vec<_>>(), ["Schule", "4711"]);
    assert_eq!((config.called_now("4711"), config.called_now("east")), (Some(&school.name), None));
    let Mdm::Intune(settings) = &school.mdm else { panic!("{:?}", school.mdm) };
    assert_eq!(settings.client_key_file, Some(fixtures().join("a.key")));

    let east = tenant(&config, "east");
    let end = "2027-03-01T10:00:00Z".parse().unwrap();
    assert_eq!(east.certificate.declared, Some(Declared { not_after: Some(end), topic: None }.into()));
    assert_eq!((east.muted.as_ref(), east.retired), (None, false));
    // Retired: it has handed its topic on.
    assert!(tenant(&config, "west").retired);

    let probe = config.probe.unwrap();
    assert_eq!(
        (probe.interval, probe.timeout, probe.confirmations),
        (Duration::from_secs(120), Duration::from_secs(10), 3)
    );
    assert!(probe.site_runs_mdm);
    let name = Host::Name("1-courier.push.apple.com".to_owned());
    assert_eq!(
        probe.targets,
        [
            Target { role: Role::Device, host: name, ports: vec![5223, 443], depth: Step::Tls },
            Target {
                role: Role::Server,
                host: Host::Address("2001:db8::1".parse().unwrap()),
                ports: vec![2197],
                depth: Step::Chain
            },
        ]
    );
    assert_eq!(probe.courier_ca_file, Some(fixtures().join("courier.pem")));
    assert_eq!(probe.api_ca_file, Some("/etc/ssl/api.pem".into()));
    assert_eq!(probe.resolver, Some("192.0.2.53:53".parse().unwrap()));
    let ranges: Vec<String> = probe.allowed_ranges.iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["10.20.30.0/24", "127.0.0.1/32"]);
    assert_eq!(probe.control, Some("192.0.2.1:5223".parse().unwrap()));
}

#[test]
fn every_channel_is_read_and_has_the_defaults_of_its_kind() {
    let notify = fixture("notify.yaml").notify.unwrap();
    let tiers = |kind: ChannelKind| notify.channels[&kind].tiers.clone();
    assert_eq!(notify.channels.keys().copied().collect::<Vec<_>>(), ChannelKind::ALL);
    assert_eq!(tiers(ChannelKind::Teams), Tier::ALL);
    assert_eq!(tiers(ChannelKind::Slack), [Tier::Critical, Tier::Warning]);
    let Place::Smtp(smtp) = &notify.channels[&ChannelKind::Smtp].place else { panic!() };
    assert_eq!((smtp.host.as_str(), smtp.port, smtp.tls), ("mail.example.com", 587, SmtpTls::Starttls));
    assert_eq!(smtp.password_file, Some(fixtures().join("secrets/mail")));
    let office = notify.office_hours.unwrap();
    assert!(office.is_open("2026-09-11T15:59:00Z".parse().unwrap()), "an hour ahead of UTC, on a Friday");
    assert!(!office.is_open("2026-09-11T16:00:00Z".parse().unwrap()));
    assert_eq!(notify.repeat_warning, Duration::from_secs(48 * 3600));
    assert_eq!(notify.heartbeat.unwrap().interval, Duration::from_secs(60));
    assert_eq!(fixture("minimal.yaml").notify, None);
}

#[test]
fn an_empty_probe_takes_the_defaults_and_an_absent_one_probes_nothing() {
    assert_eq!(fixture("minimal.yaml").probe, None);
    let probe = fixture("probe-defaults.yaml").probe.unwrap();
    assert_eq!(probe, Settings::default());
    assert_eq!(probe.targets, [Target::couriers(Step::Chain), Target::api(Step::Http2)]);
    assert_eq!(
        (probe.interval, probe.timeout, probe.confirmations),
        (Duration::from_secs(60), Duration::from_secs(5), 2)
    );
    let names: Vec<String> = probe.targets.iter().map(|target| target.host.to_string()).collect();
    assert_eq!(names, ["courier", "api"]);
}

#[test]
fn defaults_lie_under_the_tenants_of_their_kind() {
    let config = fixture("defaults.yaml");
    let north = tenant(&config, "north");
    let Mdm::Intune(settings) = &north.mdm else { panic!("{:?}", north.mdm) };
    assert_eq!(settings.client_id, "00000000-0000-4000-8000-000000000002");
    assert_eq!(settings.client_secret_file, Some(fixtures().join("secrets/north")));
    assert_eq!(north.network.ca_files, [fixtures().join("ca/north.pem")]);
    assert!(north.network.proxy.is_some());

    let south = tenant(&config, "south");
    let Mdm::Intune(settings) = &south.mdm else { panic!("{:?}", south.mdm) };
    assert_eq!(settings.client_id, "00000000-0000-4000-8000-000000000003");
    assert_eq!(settings.client_secret_file, None, "a key without a value takes the default away");
    assert_eq!(settings.federated_token_file, Some(fixtures().join("south/token")));
    assert_eq!(south.network.ca_files, [fixtures().join("ca/south.pem")], "mappings are merged key by key");
    assert_eq!(south.network.proxy, None);

    assert_eq!(tenant(&config, "east").mdm, Mdm::None);
    assert_eq!(tenant(&config, "east").network, config.network);
}

#[test]
fn every_kind_of_mdm_and_every_other_source_is_read() {
    let config = fixture("kinds.yaml");
    assert_eq!(config.certificate_pool, [fixtures().join("pool/*.pem")]);
    let duties = &config.accounts[&AccountId::parse("apns-shared").unwrap()].duties;
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!((duties["sign_in"].every, duties["sign_in"].last), (90 * day, "2026-09-01".parse().ok()));
    assert_eq!((duties["second factor audit"].every, duties["second factor audit"].last), (365 * day, None));

    let east = tenant(&config, "east");
    let Mdm::Jamf(jamf) = &east.mdm else { panic!("{:?}", east.mdm) };
    assert_eq!(jamf.client_secret_file, Some(fixtures().join("secrets/east")));
    assert!(jamf.enrolment_profile && jamf.tokens && jamf.push);
    assert_eq!(*east.certificate.device_topics, [fixtures().join("topics/*.csv")]);
    assert!(east.certificate.is_pooled);
    // An empty list takes away what holds for all; what is not spelled out stays.
    assert_eq!((east.account_policy.domains.len(), east.policy.renew_days), (0, 20));
    assert_eq!(east.account_policy.personal_patterns, ["*@mail.example.net"]);

    let west = tenant(&config, "west");
    let Mdm::Kandji(kandji) = &west.mdm else { panic!("{:?}", west.mdm) };
    assert_eq!((&kandji.token_file, kandji.push), (&fixtures().join("secrets/west"), false));
    assert_eq!(west.mdm.credential_expires(), "2027-09-01".parse().ok());
    assert_eq!(*west.certificate.profiles, [fixtures().join("west.mobileconfig"), fixtures().join("profiles/*")]);
    assert_eq!(west.account_policy.domains, ["example.com"]);

    let school = tenant(&config, "school");
    let Mdm::Mosyle(mosyle) = &school.mdm else { panic!("{:?}", school.mdm) };
    assert_eq!((mosyle.product, mosyle.push), (Product::Manager, false));
    assert_eq!(school.network.ca_files, [fixtures().join("ca.pem")]);
    let tokens: Vec<_> = school.tokens.iter().map(|token| (token.kind, token.name.as_str())).collect();
    assert_eq!(tokens, [(TokenKind::Vpp, "main"), (TokenKind::Ade, "main")]);
    assert_eq!(school.tokens[1].not_after.to_rfc3339(), "2027-04-01T10:00:00+00:00");

    let sources =
        |name| polled_sources(tenant(&config, name), None).into_iter().map(|(source, _)| source).collect::<Vec<_>>();
    assert_eq!(sources("west"), [Source::Tokens, Source::Profile, Source::File]);
    assert!(sources("east").ends_with(&[Source::File, Source::Device]));
    assert_eq!(polled_sources(tenant(&fixture("full.yaml"), "east"), None), []);
}

#[test]
fn the_example_is_right_and_shows_the_defaults() {
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/apnswatch.yaml")).unwrap();
    let folder = Folder::new(&example);
    let config = folder.load(None).unwrap();
    assert_eq!(lines(&config.problems), [""; 0]);
    let minimal = fixture("minimal.yaml");
    assert_eq!((&config.web, &config.store, &config.network), (&minimal.web, &minimal.store, &minimal.network));
    assert_eq!(config.limits, minimal.limits);
    assert_eq!(config.probe, Some(Settings::default()));
    let acme = tenant(&config, "acme");
    assert_eq!((acme.poll, acme.policy), (tenant(&minimal, "acme").poll, Policy::default()));

    // The tenants of the other kinds, with the marks of the comment taken away.
    let others = example.lines().skip_while(|line| !line.starts_with("  # Jamf Pro"));
    let others = others.take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  # "));
    let others: String = others.filter(|line| line.starts_with([' ', '-'])).map(|line| format!("{line}\n")).collect();
    folder.write("main.yaml", &format!("tenants:\n{others}"));
    assert_eq!(names(&folder.load(None).unwrap()), ["east", "school", "south"], "{others}");

    // The ten lines at its top, which people will copy.
    let copied = example.lines().skip_while(|line| !line.starts_with("#   ")).take_while(|line| *line != "#");
    let copied: String = copied.map(|line| format!("{}\n", &line[1..])).collect();
    folder.write("main.yaml", &copied);
    assert_eq!(names(&folder.load(None).unwrap()), ["acme"], "{copied}");
}

#[test]
fn words_that_other_yaml_readers_convert_stay_text() {
    let config = Folder::new(
        "tenants:\n  - name: no\n    labels: { a: on, b: 2027-03-01, c: 12:30:00, d: 'true', e: \"0777\", f: 1_000 }\n",
    );
    let config = config.load(None).unwrap();
    let labels: Vec<_> = tenant(&config, "no").labels.values().map(String::as_str).collect();
    assert_eq!(labels, ["on", "2027-03-01", "12:30:00", "true", "0777", "1_000"]);
    // These are numbers to YAML, and would come out otherwise than they went in.
    for number in ["0777", "0o17", "0x1F", "1e3", "12345678901234567890", "1.0", ".5"] {
        let folder = Folder::new(&format!("tenants:\n  - name: {number}\n"));
        let told = lines(&folder.load(None).unwrap_err());
        assert_eq!(told, ["tenants[0].name: must be text: put it in quotes"], "{number}");
    }
}

#[test]
fn ten_mistakes_are_told_in_one_run() {
    let problems = load(&fixtures().join("invalid-ten-mistakes.yaml"), &BTreeMap::new(), None).unwrap_err();
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    for path in [
        "site",
        "web.listen",
        "web.reload",
        "store",
        "limits.polls",
        "poll.timeout",
        "tenant_labels[0]",
        "tenants[0].account",
        "tenants[0].mdm.client_secret",
        "tenants[0].colour",
    ] {
        assert!(paths.contains(&path), "{path} is not in {paths:?}");
    }
}

#[test]
fn the_environment_lies_above_single_values() {
    let folder = Folder::new("site: hq\nweb: { reload: false, external_url: https://a.example.com/ }\npolicy:\n");
    let config = folder
        .load_with(&[
            ("APNSWATCH__SITE", "branch"),
            ("APNSWATCH__STORE", "sqlite::memory:"),
            ("APNSWATCH__WEB__LISTEN", "0.0.0.0:80"),
            ("APNSWATCH__WEB__EXTERNAL_URL", ""),
            ("APNSWATCH__WEB__RELOAD", "watch"),
            ("APNSWATCH__WEB__DAYS_GAUGE", "false"),
            ("APNSWATCH__LIMITS__POLLS", "3"),
            ("APNSWATCH__POLICY__RENEW_DAYS", "21"),
            ("APNSWATCH__POLL__INTERVAL", "1h30m"),
            ("APNSWATCH_CONFIG", "/etc/apnswatch/apnswatch.yaml"),
            ("APNSWATCH_SERVICE_HOST", "192.0.2.1"),
            ("APNSWATCH_PORT_12197_TCP__X", "tcp"),
        ])
        .unwrap();
    assert_eq!((config.site.as_deref(), &config.store), (Some("branch"), &Store::Memory));
    assert_eq!(config.web.listen.to_string(), "0.0.0.0:80");
    assert!(config.web.external_url.is_some(), "an empty variable sets nothing");
    assert_eq!((config.web.reload, config.web.days_gauge), (Reload::Watch, false));
    assert_eq!((config.limits.polls, config.limits.per_host), (3, 5));

    let config = folder.load_with(&[("APNSWATCH__SITE", "4711"), ("APNSWATCH__WEB__RELOAD", "true")]).unwrap();
    assert_eq!((config.site.as_deref(), config.web.reload), (Some("4711"), Reload::Http), "text needs no quotes here");
}

#[test]
fn the_environment_is_checked_as_the_file_is() {
    let folder = Folder::new("network: none\nlimits: { polls: 0 }\n");
    let told = folder.load_with(&[
        ("APNSWATCH__WEB__LISTEN", "s3cret"),
        ("APNSWATCH__WEB__ACTIONS", "true"),
        ("APNSWATCH__LIMITS__PER_HOST", "many"),
        ("APNSWATCH__NETWORK__PROXY", "none"),
        ("APNSWATCH__TENANTS__0__NAME", "acme"),
        ("APNSWATCH__PASSWORD", "s3cret"),
    ]);
    let unknown = "names no key that the environment can set: single values of the top-level sections only, such as \
                   APNSWATCH__WEB__LISTEN";
    assert_eq!(
        lines(&told.unwrap_err()),
        [
            format!("APNSWATCH__PASSWORD: {unknown}"),
            format!("APNSWATCH__TENANTS__0__NAME: {unknown}"),
            "APNSWATCH__WEB__LISTEN: must be an IP address and a port, such as 127.0.0.1:12197 or [::1]:12197, or \
             0.0.0.0:12197 for every address of this machine"
                .to_owned(),
            "APNSWATCH__WEB__ACTIONS: needs config_file with basic_auth_users: only people who logged in may change \
             anything"
                .to_owned(),
            "network: must be a mapping of keys to values".to_owned(),
            "limits.polls: must be a whole number from 1 to 10000".to_owned(),
            "APNSWATCH__LIMITS__PER_HOST: must be a whole number from 1 to 10000".to_owned(),
        ]
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("tenant_files: [north.yaml]\ntenants: [{ name: acme }]\n");
    folder.write("north.yaml", "tenants: [{ name: north }]\n");
    let chmod = |name, mode| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).unwrap();
    chmod("main.yaml", 0o664);
    chmod("north.yaml", 0o666);
    let config = folder.load(None).unwrap();
    assert_eq!(names(&config), ["acme"]);
    assert_eq!(lines(&config.problems), ["north.yaml: may be written by everybody: take that away with chmod o-w"]);
    chmod("main.yaml", 0o646);
    let told = folder.load(None).unwrap_err();
    assert_eq!(told[0].path, folder.path("main.yaml").display().to_string());
    assert_eq!(told[0].message, "may be written by everybody: take that away with chmod o-w");
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let folder = Folder::new("site: hq\n");
    fs::create_dir(folder.path("folder")).unwrap();
    fs::File::create(folder.path("large.yaml")).unwrap().set_len(16 * 1024 * 1024 + 1).unwrap();
    fs::write(folder.path("binary.yaml"), b"site: \xff\n").unwrap();
    for (name, message) in [
        ("missing.yaml", "cannot be read: No such file or directory (os error 2)"),
        ("folder", "cannot be read: it is not a regular file"),
        ("large.yaml", "cannot be read: it is larger than 16 MiB"),
        ("binary.yaml", "cannot be read: it is not UTF-8 text"),
    ] {
        let told = load(&folder.path(name), &BTreeMap::new(), None).unwrap_err();
        assert_eq!(lines(&told), [format!("{}: {message}", folder.path(name).display())]);
    }
}

const MAIN: &str = "tenant_files: ['tenants.d/*.yaml', extra.yaml, none.d/*.yaml]\n\
                    defaults: { intune: { client_id: 00000000-0000-4000-8000-000000000002 } }\n\
                    tenants: [{ name: acme, certificate: { expected_topic: com.apple.mgmt.External.0000000a } }]\n";

#[test]
fn tenant_files_are_read_each_on_its_own() {
    let folder = Folder::new(MAIN);
    folder.write(
        "tenants.d/a.yaml",
        "tenants:\n  - name: north\n    mdm: { kind: intune, directory: north.example.com, client_secret_file: secret }\n",
    );
    folder.write("tenants.d/b.yaml", "tenants:\n  - name: north\n  - name: 7\nsite: hq\n");
    folder.write("tenants.d/c.yaml", "tenants: [{ name: acme }]\n");
    folder.write(
        "tenants.d/d.yaml",
        "tenants: [{ name: south, certificate: { expected_topic: com.apple.mgmt.External.0000000A } }]\n",
    );
    folder.write("tenants.d/e.yaml", "tenants: [\n");
    folder.write("tenants.d/f.yaml", "");
    folder.write("tenants.d/g.yaml", "tenants:\n");
    folder.write("tenants.d/h.yaml", "tenants: []\n");
    folder.write("tenants.d/.hidden.yaml", "left behind by an editor\n");
    let config = folder.load(None).unwrap();
    assert_eq!(names(&config), ["acme", "north"]);
    let Mdm::Intune(settings) = &tenant(&config, "north").mdm else { panic!("north asks no MDM") };
    assert_eq!(settings.client_secret_file, Some(folder.path("tenants.d/secret")));
    assert_eq!(
        lines(&config.problems),
        [
            "tenants.d/b.yaml: tenants[0].name: must be unique: tenants.d/a.yaml: tenants[0] has the name north, too",
            "tenants.d/b.yaml: tenants[1].name: must be text: put it in quotes",
            "tenants.d/b.yaml: site: unknown key, known here: tenants",
            "tenants.d/c.yaml: tenants[0].name: must be unique: tenants[0] has the name acme, too",
            "tenants.d/d.yaml: tenants[0].certificate.expected_topic: must be unique: tenants[0] has the same topic \
             (tenant south)",
            "tenants.d/e.yaml: line 2, column 1: not valid YAML: while parsing a node, did not find expected node \
             content",
            "tenants.d/f.yaml: is empty",
            "tenants.d/g.yaml: tenants: is missing: a tenant file holds tenants, or an empty list of them",
            "extra.yaml: cannot be read: No such file or directory (os error 2)",
        ]
    );
    for looked_for in ["main.yaml", "tenants.d", "tenants.d/a.yaml", "tenants.d/e.yaml", "extra.yaml", "none.d"] {
        assert!(config.files.contains(&folder.path(looked_for)), "{looked_for} is not in {:?}", config.files);
    }
}

#[test]
fn a_reload_keeps_the_last_good_tenants_of_a_bad_file() {
    let folder = Folder::new(MAIN);
    folder.write("tenants.d/a.yaml", "tenants: [{ name: north }, { name: east }]\n");
    folder.write("tenants.d/b.yaml", "tenants: [{ name: south }]\n");
    folder.write("extra.yaml", "tenants: [{ name: west }]\n");
    let first = folder.load(None).unwrap();
    assert_eq!((names(&first), first.problems.len()), (vec!["acme", "east", "north", "south", "west"], 0));

    // One is broken, one has moved on, one is gone for good and one went missing.
    folder.write("tenants.d/a.yaml", "tenants: [{ name: north, retired: true }, { name: 7 }]\n");
    folder.write("tenants.d/c.yaml", "tenants: [{ name: east, retired: true }]\n");
    fs::remove_file(folder.path("tenants.d/b.yaml")).unwrap();
    fs::remove_file(folder.path("extra.yaml")).unwrap();
    let second = folder.load(Some(&first)).unwrap();
    assert_eq!(names(&second), ["acme", "east", "north", "west"]);
    assert_eq!(second.problems.len(), 2);
    assert!(!tenant(&second, "north").retired, "a bad file counts for nothing");
    assert!(tenant(&second, "east").retired, "the good file that has it now is heard");

    // Kept over one more reload, and given up when the file is good again.
    let third = folder.load(Some(&second)).unwrap();
    assert_eq!(third, second);
    folder.write("tenants.d/a.yaml", "tenants: [{ name: north, retired: true }]\n");
    folder.write("extra.yaml", "tenants: []\n");
    let fourth = folder.load(Some(&third)).unwrap();
    assert_eq!((names(&fourth), fourth.problems.len()), (vec!["acme", "east", "north"], 0));
    assert!(tenant(&fourth, "north").retired);

    // The main file is another matter: nothing of it is taken over.
    folder.write("main.yaml", "tenants: [{ name: 7 }]\n");
    assert_eq!(folder.load(Some(&fourth)).unwrap_err().len(), 1);
}

#[test]
fn former_names_are_those_of_one_tenant_in_all_files() {
    let folder = Folder::new(MAIN);
    folder.write("tenants.d/a.yaml", "tenants: [{ name: north, formerly: [old, older] }, { name: east }]\n");
    folder.write("extra.yaml", "tenants: []\n");
    let first = folder.load(None).unwrap();
    assert_eq!(first.problems, []);
    let renames: Vec<_> = first.renames().into_iter().map(|(old, new)| format!("{old}>{new}")).collect();
    assert_eq!(renames, ["old>north", "older>north"]);

    // A bad file leaves the others alone, whichever of the two was read first.
    for (tenants, told) in [
        (
            "[{ name: south, formerly: [east] }]",
            "extra.yaml: tenants[0].formerly[0]: must be a name that no tenant has now",
        ),
        (
            "[{ name: south, formerly: [acme] }]",
            "extra.yaml: tenants[0].formerly[0]: must be a name that no tenant has now",
        ),
        (
            "[{ name: south, formerly: [old] }]",
            "extra.yaml: tenants[0].formerly[0]: must be unique: tenants.d/a.yaml: tenants[0] was",
        ),
        (
            "[{ name: old }]",
            "extra.yaml: tenants[0].name: must be a name that no other tenant had: tenants.d/a.yaml: tenants[0]",
        ),
    ] {
        folder.write("extra.yaml", &format!("tenants: {tenants}\n"));
        let config = folder.load(None).unwrap();
        assert_eq!(names(&config), ["acme", "east", "north"]);
        let problems = lines(&config.problems);
        assert!(problems.len() == 1 && problems[0].starts_with(told), "{problems:?}");
        assert!(problems[0].contains("(tenant ") || tenants.contains("name: old"), "{problems:?}");
    }

    // A tenant that moved from a file that is bad now, and got another name there, is not watched twice; and one that is kept from a
    // bad file gives up a former name that is somebody's.
    folder.write("extra.yaml", "tenants: [{ name: orient, formerly: [east] }, { name: old }]\n");
    folder.write("tenants.d/a.yaml", "tenants: [{ name: 7 }]\n");
    let second = folder.load(Some(&first)).unwrap();
    assert_eq!(names(&second), ["acme", "north", "old", "orient"]);
    assert_eq!(tenant(&second, "north").formerly.iter().map(TenantName::as_str).collect::<Vec<_>>(), ["older"]);
}

#[test]
fn a_value_in_the_wrong_place_is_never_repeated() {
    // Each key that takes text or a choice, given a secret.
    for line in [
        "site: [s3cret]",
        "web: { listen: s3cret, external_url: s3cret, reload: s3cret, allowed_hosts: ['s3cret:1'], days_gauge: s3cret }",
        "store: s3cret",
        "network: { proxy: s3cret, password: s3cret }",
        "poll: { interval: s3cret, token: s3cret }",
        "token: s3cret",
        "tenants: [{ name: a, mdm: { kind: s3cret } }]",
        "tenants: [{ name: a, mdm: { kind: intune, directory: d, client_id: c, cloud: s3cret, tokens: s3cret } }]",
        "tenants: [{ name: a, mdm: { kind: intune, directory: [s3cret], client_id: { s3cret: s3cret }, push: s3cret } }]",
        "tenants: [{ name: a, mdm: { kind: intune, client_secret: one, s3cret } }]",
        "tenants: [{ name: a, certificate: { expected_topic: s3cret, files: [{ password: one, s3cret }] } }]",
        "tenants: [{ name: a, account: s3cret, muted: { until: s3cret }, retired: s3cret }]",
        "defaults: { intune: { password: s3cret, tokens: s3cret, cloud: s3cret } }",
        "accounts: [{ id: a, address: a@example.com, duties: { s: { every: s3cret, last: s3cret }, t: s3cret } }]",
        "policy: { account_domains: ['s3cret:1'], personal_account_patterns: [s3cret] }",
        "tenants: [{ name: a, tokens: [{ kind: s3cret, name: [s3cret], not_after: s3cret, value: s3cret }] }]",
        "tenants: [{ name: a, mdm: { kind: kandji, url: u, token: s3cret, tokens: s3cret } }]",
        "tenants: [{ name: a, mdm: { kind: mosyle, product: s3cret, password: s3cret, access_token: s3cret } }]",
        "notify: { smtp: { password: s3cret }, webhook: s3cret }",
    ] {
        let told = lines(&Folder::new(line).load(None).unwrap_err()).join("\n");
        assert!(!told.contains("s3cret"), "{line}\n{told}");
    }
}

#[test]
fn the_signs_in_the_name_of_the_folder_are_no_pattern() {
    for name in ["a[b]c", "a*", "what?"] {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join(name);
        fs::create_dir_all(base.join("tenants.d")).unwrap();
        // What the name would match if it were a pattern.
        for other in ["abc", "ab", "whatx"] {
            fs::create_dir_all(folder.path().join(other)).unwrap();
            fs::write(folder.path().join(other).join("extra.yaml"), "tenants: [{ name: stranger }]\n").unwrap();
        }
        fs::write(base.join("main.yaml"), "tenant_files: ['tenants.d/*.yaml', extra.yaml, none.yaml]\n").unwrap();
        let files = "tenants: [{ name: north, certificate: { files: [one.pem, '*.pem'] } }]\n";
        fs::write(base.join("tenants.d/a.yaml"), files).unwrap();
        fs::write(base.join("extra.yaml"), "tenants: [{ name: south }]\n").unwrap();
        let config = load(&base.join("main.yaml"), &BTreeMap::new(), None).unwrap();
        assert_eq!(names(&config), ["north", "south"], "{name}");
        let problems = lines(&config.problems);
        assert_eq!(problems, ["none.yaml: cannot be read: No such file or directory (os error 2)"], "{name}");
        assert!(config.files.contains(&base.join("tenants.d")), "a new file is seen: {:?}", config.files);
        assert_eq!(tenant(&config, "north").certificate.files[0], base.join("tenants.d/one.pem"));
        assert!(config.reads(&base.join("tenants.d/new.yaml")) && config.reads(&base.join("extra.yaml")), "{name}");
    }
}

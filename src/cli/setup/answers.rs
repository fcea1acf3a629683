//! What was answered, and the configuration that it makes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::held::Credentials;
use super::notices::Notices;
use crate::cli::yaml::scalar;
use crate::model::{MdmKind, TenantName};
use crate::words;

/// A value that a login needs.
#[derive(Debug)]
pub(super) struct Field {
    /// Its key under `mdm`.
    pub(super) key: &'static str,
    /// What is asked for.
    pub(super) question: &'static str,
    /// The option that gives it.
    pub(super) option: &'static str,
    /// Whether it is a credential, and so a file.
    pub(super) is_secret: bool,
}

const fn field(key: &'static str, question: &'static str, option: &'static str) -> Field {
    Field { key, question, option, is_secret: false }
}

const fn secret(key: &'static str, question: &'static str, option: &'static str) -> Field {
    Field { key, question, option, is_secret: true }
}

/// How a login without an option for its secret is told of it.
const PIPED: &str = "--secret-file FILE, or the secret on standard input";
const PIPED_TOO: &str = "--password-file FILE, or the password as the second line of standard input";

const INTUNE: [Field; 3] = [
    field("directory", "Directory (tenant) id, or a domain of it", "--directory ID"),
    field("client_id", "Application (client) id", "--client-id ID"),
    secret("client_secret_file", "Client secret", PIPED),
];
const JAMF: [Field; 3] = [
    field("url", "Address of Jamf Pro, such as https://acme.jamfcloud.com", "--url URL"),
    field("client_id", "Client id", "--client-id ID"),
    secret("client_secret_file", "Client secret", PIPED),
];
const JAMF_USER: [Field; 3] = [
    field("url", "Address of Jamf Pro, such as https://acme.jamfcloud.com", "--url URL"),
    field("username", "User", "--username NAME"),
    secret("password_file", "Password", PIPED),
];
const KANDJI: [Field; 2] = [
    field("url", "Address of the API, such as https://acme.api.kandji.io", "--url URL"),
    secret("token_file", "Token", PIPED),
];
const MOSYLE: [Field; 4] = [
    field("product", "Product: business (and Fuse) or manager", "--product business|manager"),
    field("email", "Address of the administrator", "--email ADDRESS"),
    secret("access_token_file", "Access token", PIPED),
    secret("password_file", "Password of the administrator", PIPED_TOO),
];

/// What a login of an MDM needs, in the order in which it is asked.
pub(super) fn fields(kind: MdmKind, is_user: bool) -> &'static [Field] {
    match kind {
        MdmKind::Intune => &INTUNE,
        MdmKind::Jamf if is_user => &JAMF_USER,
        MdmKind::Jamf => &JAMF,
        MdmKind::Kandji => &KANDJI,
        MdmKind::Mosyle => &MOSYLE,
        MdmKind::None => &[],
    }
}

/// Things by their keys in the configuration, in the order in which they came. There are so few that a map of each kind would
/// only be more program.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) Vec<(&'static str, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    pub(super) fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, thing)| thing)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Puts a thing in the place of the one before.
    pub(super) fn set(&mut self, key: &'static str, thing: T) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = thing,
            None => self.0.push((key, thing)),
        }
    }
}

/// The Apple Account.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) address: String,
    pub(super) owner: Option<String>,
    pub(super) vault_item: Option<String>,
    pub(super) second_factor: Vec<String>,
    pub(super) signed_in: Option<NaiveDate>,
    pub(super) audited: Option<NaiveDate>,
}

/// Which account belongs to the tenant.
#[derive(Debug, Default)]
pub(super) enum WhichAccount {
    /// None is told.
    #[default]
    Untold,
    /// An entry of a configuration that is there, by its id.
    Known(String),
    /// This one.
    New(Account),
}

/// What is known of the certificate in use.
#[derive(Debug, Default)]
pub(super) enum Known {
    /// Nothing.
    #[default]
    Nothing,
    /// It is in this file, whose bytes these are.
    File(PathBuf, Vec<u8>),
    /// Its end, typed in.
    End(NaiveDate),
}

/// Which ways to Apple are tried from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    /// That of devices.
    pub(super) device: bool,
    /// That of the MDM, which runs here.
    pub(super) server: bool,
}

/// Everything that was answered.
pub(super) struct Answers {
    pub(super) kind: MdmKind,
    pub(super) name: TenantName,
    pub(super) is_user: bool,
    /// Values under `mdm`, by their keys, those that nobody is asked for among them.
    pub(super) values: Named<String>,
    pub(super) credentials: Credentials,
    pub(super) account: WhichAccount,
    pub(super) certificate: Known,
    pub(super) site: String,
    pub(super) ways: Ways,
    /// Who is told, if not by Alertmanager.
    pub(super) notices: Option<Notices>,
}

/// Where the files of a tenant are: now while it is tried, or where they will be.
pub(super) struct Paths {
    /// The credentials, by their keys.
    pub(super) credentials: Named<PathBuf>,
    /// The certificate.
    pub(super) certificate: Option<PathBuf>,
    /// The secrets of the way to people, by their keys.
    pub(super) notices: Named<PathBuf>,
}

impl Answers {
    /// Where everything is while it is tried.
    pub(super) fn paths_now(&self) -> Paths {
        let paths = |held: &Credentials| Named(held.0.iter().map(|(key, held)| (*key, held.path())).collect());
        Paths {
            credentials: paths(&self.credentials),
            certificate: match &self.certificate {
                Known::File(path, _) => Some(path.clone()),
                Known::Nothing | Known::End(_) => None,
            },
            notices: self.notices.as_ref().map(|notices| paths(&notices.secrets)).unwrap_or_default(),
        }
    }

    /// The main file of a configuration, with its comments.
    pub(super) fn main_file(&self, paths: &Paths, store: &Path, today: NaiveDate) -> String {
        let mut yaml = format!(
            "# apnswatch, by `apnswatch setup` on {today}. config/apnswatch.yaml of the sources has every key with its \
             comment.\n# After a change: apnswatch check-config, and then systemctl reload apnswatch.\n\n"
        );
        let has_way = self.ways != Ways::default();
        let site = if has_way { format!("site: {}", scalar(&self.site)) } else { "# site: office".to_owned() };
        let _ = write!(
            yaml,
            "# Where this machine stands in the network. Its probes speak for this place only.\n{site}\n\n\
             # What was learnt is kept here: the topic that must stay, and what people said. Take a copy of it.\n\
             store: {}\n\n\
             # The page and the metrics. It has no login: keep it on this machine until it has one (web.config_file).\n\
             web:\n  listen: 127.0.0.1:12197\n\n",
            scalar(&format!("sqlite://{}", store.display())),
        );
        self.accounts(&mut yaml);
        yaml.push_str("# One entry for each certificate.\ntenants:\n");
        self.tenant(paths, &mut yaml);
        yaml.push_str("\n# Further tenants, in files of their own: apnswatch setup and apnswatch import write them.\n");
        yaml.push_str("tenant_files: [tenants.d/*.yaml]\n\n");
        match &self.notices {
            Some(notices) => notices.yaml(&paths.notices, &mut yaml),
            None => yaml.push_str(UNTOLD),
        }
        yaml.push_str("# The way to Apple, tried from here. device: the one that devices need, server: the one of an MDM that runs here.\n");
        match (self.ways.device, self.ways.server) {
            (true, false) => yaml.push_str("probe:\n  roles: [device]\n"),
            (false, true) => yaml.push_str("probe:\n  roles: [server]\n  site_runs_mdm: true\n"),
            (true, true) => yaml.push_str("probe:\n  roles: [device, server]\n  site_runs_mdm: true\n"),
            (false, false) => {
                yaml.push_str("# Nobody asked for it. Give `site` above a name, too:\n# probe:\n#   roles: [device]\n")
            }
        }
        yaml
    }

    /// A tenant file.
    pub(super) fn tenant_file(&self, paths: &Paths, today: NaiveDate) -> String {
        let mut yaml = format!("# By `apnswatch setup` on {today}.\ntenants:\n");
        self.tenant(paths, &mut yaml);
        yaml
    }

    fn accounts(&self, yaml: &mut String) {
        yaml.push_str("# The Apple Account that the certificate was made with, and what the team must do with it.\n");
        let WhichAccount::New(account) = &self.account else {
            yaml.push_str("# accounts:\n#   - id: apns\n#     address: it-apns@example.com\n\n");
            return;
        };
        let _ = write!(yaml, "accounts:\n  - id: {ACCOUNT}\n    address: {}\n", scalar(&account.address));
        for (key, value, example, comment) in [
            ("owner", &account.owner, "it-operations", "# the team that holds it"),
            ("vault_item", &account.vault_item, "Vault > Apple > APNs", "# where its password is, never the password"),
        ] {
            let _ = match value {
                Some(value) => writeln!(yaml, "    {key}: {}", scalar(value)),
                None => writeln!(yaml, "    # {key}: {example}   {comment}"),
            };
        }
        let holders: Vec<String> = account.second_factor.iter().map(|holder| scalar(holder)).collect();
        let last = |date: Option<NaiveDate>| date.map(|date| format!(", last: {date}")).unwrap_or_default();
        let _ = write!(
            yaml,
            "    # Who or what holds its second factor. One alone is a renewal that waits for somebody's holiday.\n    \
             second_factor: [{}]\n    duties:\n      sign_in: {{ every: 90d{} }}\n      second_factor_audit: {{ every: 365d{} \
             }}\n\n",
            holders.join(", "),
            last(account.signed_in),
            last(account.audited),
        );
        if let Some(domain) = private_domain(&account.address) {
            let _ = write!(
                yaml,
                "policy:\n  # Such an address belongs to a person: take one of the organisation's, and put its domain here.\n  # \
                 account_domains: [example.com]\n  personal_account_patterns: [{}]\n\n",
                scalar(&format!("*@{domain}"))
            );
        } else if let Some((_, domain)) = account.address.rsplit_once('@') {
            let _ = write!(
                yaml,
                "policy:\n  # The mail domains that such an account may have.\n  account_domains: [{}]\n\n",
                scalar(domain)
            );
        }
    }

    fn tenant(&self, paths: &Paths, yaml: &mut String) {
        let _ = writeln!(yaml, "  - name: {}", scalar(self.name.as_str()));
        match &self.account {
            WhichAccount::Untold => {}
            WhichAccount::Known(id) => _ = writeln!(yaml, "    account: {}", scalar(id)),
            WhichAccount::New(_) => _ = writeln!(yaml, "    account: {ACCOUNT}"),
        }
        let _ = write!(yaml, "    mdm:\n      kind: {}\n", self.kind);
        for (key, value) in &self.values.0 {
            let _ = writeln!(yaml, "      {key}: {}", scalar(value));
        }
        for (key, path) in &paths.credentials.0 {
            let _ = writeln!(yaml, "      {key}: {}", scalar(&path.to_string_lossy()));
        }
        match self.kind {
            MdmKind::Jamf | MdmKind::Kandji => yaml.push_str(
                "      # true: fetch the enrolment profile once a day, for its topic; takes a right more.\n      \
                 enrolment_profile: false\n",
            ),
            // It is all that Mosyle can tell.
            MdmKind::Mosyle => yaml.push_str(
                "      # Compare heartbeats with inventory answers: a weak sign, and all that Mosyle tells.\n      push: true\n",
            ),
            MdmKind::Intune | MdmKind::None => {}
        }
        let no_date = !self.kind.tells_certificate();
        match (&self.certificate, &paths.certificate) {
            (Known::File(..), Some(path)) => {
                let _ = write!(
                    yaml,
                    "    certificate:\n      # The certificate as Apple's portal gives it; after a renewal: apnswatch \
                     certificate add, or this file anew.\n      files: [{}]\n",
                    scalar(&glob::Pattern::escape(&path.to_string_lossy()))
                );
            }
            (Known::End(date), _) => {
                let _ = write!(
                    yaml,
                    "    certificate:\n      # As somebody typed it. The certificate file is better: certificate.files\n      \
                     declared: {{ not_after: {date} }}\n"
                );
            }
            _ if no_date => yaml.push_str(
                "    # This MDM tells no date: hand the certificate over with apnswatch certificate add, or name it here.\n    \
                 # certificate:\n    #   files: [/etc/apnswatch/push.pem]\n",
            ),
            _ => {}
        }
    }
}

/// What stands in the place of `notify` where nobody is told from here.
const UNTOLD: &str = "# Who is told, where no Alertmanager does it: by mail, chat or pager. docs/notify.md has all of it; then try it with \
                      apnswatch drill.\n# notify:\n#   smtp:\n#     server: mail.example.com:587\n#     from: apnswatch \
                      <apnswatch@example.com>\n#     to: [it-apns@example.com]\n#     username: apnswatch\n#     password_file: \
                      /etc/apnswatch/secrets/mail\n\n";

/// The id of the account that is asked for.
pub(super) const ACCOUNT: &str = "apns";

/// Where anybody has an address. What is there belongs to a person, and leaves with them.
const PRIVATE: [&str; 13] = [
    "gmail.com",
    "googlemail.com",
    "gmx.de",
    "gmx.net",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mac.com",
    "me.com",
    "outlook.com",
    "proton.me",
    "web.de",
    "yahoo.com",
];

/// The domain of an address where anybody has one.
pub(super) fn private_domain(address: &str) -> Option<&'static str> {
    let (_, domain) = address.rsplit_once('@')?;
    PRIVATE.into_iter().find(|private| private.eq_ignore_ascii_case(domain.trim()))
}

/// A name for a tenant, from what was answered.
pub(super) fn suggestion(values: &Named<String>) -> String {
    let url = values.get("url").and_then(|url| url::Url::parse(url.trim()).ok());
    let host = url.as_ref().and_then(|url| match url.host()? {
        url::Host::Domain(name) => Some(name.to_owned()),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    });
    let directory = values.get("directory").filter(|directory| directory.contains('.')).cloned();
    let email = values.get("email").and_then(|email| Some(email.split_once('@')?.1.to_owned()));
    let name = host.or(directory).or(email).unwrap_or_default();
    let word = name.split('.').find(|word| !["www", "jamf", "mdm", "api"].contains(word)).unwrap_or_default();
    words::clean(word, 64)
}

//! The other vendors at a terminal: the three troubles, and then a healthy tenant.

use apnswatch::demo::intune::{self, Credential, Directory};
use apnswatch::demo::{kandji, mosyle, world};
use apnswatch::provider::mosyle::Product;

use super::{Desk, Person, tells_the_account};
use crate::cells::site::{EMAIL, beating, days, macs};
use crate::support::{APP, SECRET, told};

/// Nobody listens there.
const CLOSED: &str = "http://127.0.0.1:1";

/// From the certificate to the end.
async fn ends_well(desk: &Desk, person: &mut Person) -> serde_json::Value {
    person.answers("Its path", desk.file("acme.pem").to_str().unwrap()).await;
    tells_the_account(person).await;
    person.sees("acme ok expires in").await;
    person.answers("Write this to", "").await;
    assert_eq!(person.ends().await, Some(0), "{}", person.screen());
    let screen = person.screen();
    assert!(!screen.contains("s3cret"), "{screen}");
    for (name, (mode, bytes)) in desk.etc() {
        let is_secret = bytes.windows(6).any(|part| part == b"s3cret");
        assert_eq!(is_secret, mode == 0o600, "{name}");
    }
    let tenant = desk.served("acme").await;
    assert_eq!((&tenant["level"], &tenant["phase"]), (&"ok".into(), &"ok".into()), "{tenant:#}");
    tenant
}

#[tokio::test(flavor = "multi_thread")]
async fn intune() {
    let desk = Desk::new().await;
    let microsoft = intune::Simulator::start().await.unwrap();
    let directory = world::directory("acme");
    let mut found = Directory::new(APP, Credential::Secret(SECRET.to_owned()), told("acme", 200));
    let roles = std::mem::take(&mut found.roles);
    microsoft.set_directory(&directory, found);
    let url = microsoft.graph_url();
    // Nobody is there.
    let mut person =
        desk.person(&["--kind", "intune", "--login-url", CLOSED, "--graph-url", CLOSED, "--probe", "none"]);
    person.sees("grant admin consent").await;
    person.sees("- DeviceManagementServiceConfig.Read.All (without it").await;
    person
        .sees("- DeviceManagementManagedDevices.Read.All (without it nobody knows when devices last checked in)")
        .await;
    person.answers("Directory (tenant) id", &directory).await;
    person.answers("Application (client) id", APP).await;
    person.answers("A name for this tenant", "acme").await;
    person.hides("Client secret", SECRET).await;
    person.sees("! Not reached: 127.0.0.1:1: the connection was refused; check the address").await;
    person.answers("Your choice: ", "q").await;
    assert_eq!(person.ends().await, Some(1));
    assert!(desk.etc().is_empty());

    let mut person = desk.person(&["--kind", "intune", "--login-url", &url, "--graph-url", &url, "--probe", "none"]);
    person.answers("Directory (tenant) id", &directory).await;
    person.answers("Application (client) id", APP).await;
    person.answers("A name for this tenant", "acme").await;
    person.hides("Client secret", "n0t-the-s3cret").await;
    person.sees("! The login is refused: ").await;
    person.sees("; see whether both ids are right, and the secret its value (not its id) and not expired.").await;
    person.answers("Your choice: ", "c").await;
    person.answers("Directory (tenant) id", "").await;
    person.answers("Application (client) id", "").await;
    person.hides("Client secret", SECRET).await;
    person.sees("! A right is missing: ").await;
    person
        .sees("; grant DeviceManagementServiceConfig.Read.All, for without it nobody knows the end and the topic")
        .await;
    microsoft.change(&directory, |directory| directory.roles = roles);
    person.answers("Your choice: ", "t").await;
    person.sees("allowed GET /v1.0/deviceManagement/applePushNotificationCertificate").await;
    person.sees("This MDM tells the certificate itself.").await;
    ends_well(&desk, &mut person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kandji() {
    let desk = Desk::new().await;
    let simulator = kandji::Simulator::start().await.unwrap();
    let token = "00000000-0000-4000-8000-acme-s3cret";
    let integrations = vec![kandji::Integration::new("e1", "main", days(200))];
    let mut tenant = kandji::Tenant { integrations, devices: macs(12, 0), ..kandji::Tenant::default() };
    tenant.permissions.remove(&kandji::Resource::Devices);
    simulator.set_tenant(token, tenant);
    let mut person = desk.person(&["--kind", "kandji", "--probe", "none", "--name", "acme"]);
    person.sees("open Access, API tokens, and add a token").await;
    person.sees("- GET /api/v1/prism/device_information (without it nobody knows whether pushes arrive)").await;
    person.answers("Address of the API", CLOSED).await;
    person.hides("Token (not shown): ", "n0t-the-s3cret").await;
    person.sees("! Not reached: 127.0.0.1:1: the connection was refused; check the address").await;
    person.answers("Your choice: ", "c").await;
    person.answers("Address of the API", &simulator.url()).await;
    person.hides("Token (not shown, Enter for the one before): ", "").await;
    person.sees("! The login is refused: ").await;
    person.sees("; see whether the token was copied whole, was not revoked, and belongs to this address.").await;
    person.answers("Your choice: ", "c").await;
    person.answers("Address of the API", "").await;
    person.hides("Token", token).await;
    person.sees("! A right is missing: ").await;
    person
        .sees("; grant GET /api/v1/prism/device_information, for without it nobody knows whether pushes arrive.")
        .await;
    simulator.change(token, |tenant| _ = tenant.permissions.insert(kandji::Resource::Devices));
    person.answers("Your choice: ", "").await;
    let tenant = ends_well(&desk, &mut person).await;
    assert!(!tenant["blind_spots"].as_array().unwrap().contains(&"arrival".into()), "{tenant:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mosyle() {
    let desk = Desk::new().await;
    let simulator = mosyle::Simulator::start().await.unwrap();
    let access = format!("access-acme-{SECRET}");
    let refused = || mosyle::Answer::Status(403, None);
    let account = mosyle::Account::new(Product::Business, EMAIL, SECRET).with("mac", refused());
    simulator.set_account(&access, account);
    // Its address is the vendor's own, unless it is given.
    let mut person = desk.person(&["--kind", "mosyle", "--url", CLOSED, "--product", "business", "--probe", "none"]);
    person.sees("- Device View (without it nobody knows whether devices that are alive still answer").await;
    person.answers("Address of the administrator", EMAIL).await;
    person.answers("A name for this tenant", "acme").await;
    person.hides("Access token", &access).await;
    person.hides("Password of the administrator", "n0t-the-s3cret").await;
    person.sees("! Not reached: 127.0.0.1:1: the connection was refused; check the address").await;
    person.interrupts();
    assert_eq!(person.ends().await, Some(1));

    let url = simulator.url(Product::Business);
    let options = ["--kind", "mosyle", "--url", &url, "--product", "business", "--probe", "none", "--name", "acme"];
    let mut person = desk.person(&options);
    person.answers("Address of the administrator", EMAIL).await;
    person.hides("Access token", &access).await;
    person.hides("Password of the administrator", "n0t-the-s3cret").await;
    person.sees("! The login is refused: ").await;
    person
        .sees("; see whether the access token, the address and the password belong together and to this product.")
        .await;
    person.answers("Your choice: ", "c").await;
    person.answers("Product", "").await;
    person.answers("Address of the administrator", "").await;
    person.hides("Access token (not shown, Enter for the one before): ", "").await;
    person.hides("Password of the administrator", SECRET).await;
    person.sees("! A right is missing: ").await;
    person.sees("; grant Device View, for without it nobody knows whether devices that are alive still answer").await;
    simulator.change(&access, |account| {
        account.lists.insert("mac".to_owned(), mosyle::Answer::Fleet(beating(12, 0)));
    });
    person.answers("Your choice: ", "t").await;
    ends_well(&desk, &mut person).await;
}

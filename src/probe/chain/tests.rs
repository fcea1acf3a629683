use super::*;

fn real(name: &str) -> Option<CertificateDer<'static>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/certs").join(name);
    if !path.exists() {
        eprintln!("skipped: ../shared/certs is not there, so the pinned fingerprints were not compared");
        return None;
    }
    Some(CertificateDer::from_pem_file(path).unwrap())
}

#[test]
fn the_pinned_fingerprints_are_those_of_the_real_certificates() {
    for (name, pinned) in ["apple-root-ca.pem", "apple-server-auth-ca.pem"].into_iter().zip(PINNED) {
        let Some(der) = real(name) else { return };
        assert_eq!(hex::encode(Sha256::digest(&der)), pinned, "{name}");
        assert_eq!(anchors([der].iter()).len(), 1, "{name} can be an anchor");
    }
}

#[test]
fn what_apple_signed_is_checked_up_to_the_pinned_certificate() {
    let (Some(intermediate), Some(root)) = (real("apple-server-auth-ca.pem"), real("apple-root-ca.pem")) else {
        return;
    };
    // The intermediate in the place of a host's certificate: its issuer is pinned, and it is no host.
    let chain = [intermediate, root];
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let objection = judge(Role::Device, &chain, super::super::COURIER_NAME, &Trust::default(), now).unwrap_err();
    assert_eq!(objection.failure.reason, ProbeReason::Untrusted, "{objection:?}");
    assert_eq!(objection.issuer.as_deref(), Some("Apple Root CA"));
}

/// A CA, and a certificate that it issued for a host, from and to these days.
fn made(organization: &str, name: &str, days: [i64; 2]) -> [CertificateDer<'static>; 2] {
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
    let named = |organization: &str, common: &str| {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, organization);
        name.push(DnType::CommonName, common);
        name
    };
    let mut ca = CertificateParams::default();
    ca.distinguished_name = named(organization, "Some CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = ca.self_signed(&key).unwrap().der().clone();
    let issuer = Issuer::new(ca, key);
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    leaf.distinguished_name = named("Somebody", name);
    let day = |days: i64| time::OffsetDateTime::from_unix_timestamp(1_795_000_000 + days * 86_400).unwrap();
    [leaf.not_before, leaf.not_after] = days.map(day);
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().clone();
    [leaf, root]
}

fn judged(role: Role, chain: &[CertificateDer<'static>], trust: &Trust) -> Option<ProbeReason> {
    let name = if role == Role::Device { super::super::COURIER_NAME } else { super::super::API_NAME };
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    judge(role, chain, name, trust, now).err().map(|objection| objection.failure.reason)
}

#[test]
fn a_chain_is_told_by_who_vouches_for_it_and_whom_it_names() {
    for (role, name) in [(Role::Device, super::super::COURIER_NAME), (Role::Server, super::super::API_NAME)] {
        let [leaf, root] = made("Example", name, [-10, 10]);
        let trusting = |root: &CertificateDer<'static>| Trust {
            couriers: vec![root.clone()],
            api: vec![root.clone()],
            ..Trust::default()
        };
        let chain = [leaf.clone(), root.clone()];
        assert_eq!(judged(role, &chain, &trusting(&root)), None);
        assert_eq!(judged(role, &chain, &Trust::default()), Some(ProbeReason::Intercepted));
        assert_eq!(judged(role, &[], &trusting(&root)), Some(ProbeReason::Intercepted));
        let [other, root] = made("Example", "portal.example.com", [-10, 10]);
        assert_eq!(judged(role, &[other, root.clone()], &trusting(&root)), Some(ProbeReason::WrongHost));
        // It says Apple, and nothing shows it: not known, or past its time.
        let [apple, root] = made("Apple Inc.", name, [-10, 10]);
        assert_eq!(judged(role, &[apple], &Trust::default()), Some(ProbeReason::Untrusted));
        let [past, root_of_past] = made("Apple Inc.", name, [-10, -1]);
        assert_eq!(judged(role, &[past], &trusting(&root_of_past)), Some(ProbeReason::Untrusted));
        // The right CA, and the wrong time: whose it is is not in doubt.
        for days in [[-10, -1], [1, 10]] {
            let [late, root] = made("Example", name, days);
            assert_eq!(judged(role, &[late, root.clone()], &trusting(&root)), Some(ProbeReason::Untrusted), "{days:?}");
            let [late, _] = made("Example", name, days);
            assert_eq!(judged(role, &[late], &trusting(&root)), Some(ProbeReason::Intercepted), "{days:?}");
        }
        let forged = [leaf, root.clone()];
        assert_eq!(judged(role, &forged, &trusting(&root)), Some(ProbeReason::Intercepted), "of another CA");
    }
}

#[test]
fn a_ca_that_only_this_machine_knows_breaks_connections_open() {
    let name = super::super::API_NAME;
    let [leaf, root] = made("Example Inspection", name, [-10, 10]);
    let trust = Trust { machine: vec![root], ..Trust::default() };
    assert_eq!(judged(Role::Server, &[leaf], &trust), Some(ProbeReason::Intercepted));
    // A root of Apple's that a built-in list has dropped already.
    let [leaf, root] = made("Apple Inc.", name, [-10, 10]);
    let trust = Trust { machine: vec![root], ..Trust::default() };
    assert_eq!(judged(Role::Server, &[leaf], &trust), None);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_verdict() {
    let gone = PathBuf::from("/nowhere/ca.pem");
    let trust = Trust::load(Some(&gone), None);
    let [leaf, _] = made("Example", super::super::COURIER_NAME, [-10, 10]);
    let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
    let objection = judge(Role::Device, &[leaf], super::super::COURIER_NAME, &trust, now).unwrap_err();
    assert!(objection.failure.message.contains("courier_ca_file gives nothing"), "{objection:?}");
    assert_eq!(objection.issuer.as_deref(), Some("Some CA"));
}

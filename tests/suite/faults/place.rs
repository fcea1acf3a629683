//! A daemon with a tenant for every kind of fault and every vendor, each behind a door of its own, and their neighbours.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use apnswatch::demo::{intune, jamf, kandji, mosyle, world};
use chrono::{DateTime, Utc};

use super::door::Door;
use super::identities::{DOMAIN, Identities};
use super::kinds::{Fault, KINDS, Kind, NEIGHBOUR, Seat};
use crate::cells::site::{Vendors, ago, beating, days, kandji_token, macs, server};
use crate::support::{Daemon, answer};

/// Those that can be asked, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vendor {
    Intune,
    Jamf,
    Kandji,
    Mosyle,
}

impl Vendor {
    pub(super) const ALL: [Self; 4] = [Self::Intune, Self::Jamf, Self::Kandji, Self::Mosyle];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Intune => "intune",
            Self::Jamf => "jamf",
            Self::Kandji => "kandji",
            Self::Mosyle => "mosyle",
        }
    }

    /// What is polled there.
    pub(super) fn sources(self, kind: &Kind) -> Vec<&'static str> {
        let mut sources = match self {
            Self::Intune | Self::Jamf => vec!["api", "tokens"],
            Self::Kandji => vec!["tokens"],
            Self::Mosyle => return vec!["push"],
        };
        if kind.asks_for_devices {
            sources.push("push");
        }
        sources
    }
}

/// A tenant.
pub(super) struct Cell {
    pub(super) kind: &'static Kind,
    pub(super) vendor: Vendor,
    pub(super) tenant: String,
    pub(super) door: Door,
}

impl Cell {
    pub(super) fn sources(&self) -> Vec<&'static str> {
        self.vendor.sources(self.kind)
    }

    /// The name that only the file of hosts knows.
    fn host(&self) -> String {
        format!("{}.{DOMAIN}", self.tenant)
    }
}

/// Everything.
pub(super) struct Place {
    vendors: Vendors,
    identities: Arc<Identities>,
    /// What the vendors know: when tokens end, and the devices of Mosyle.
    end: DateTime<Utc>,
    fleet: mosyle::Fleet,
    pub(super) cells: Vec<Cell>,
    pub(super) neighbours: Vec<Cell>,
}

impl Place {
    pub(super) async fn new() -> Self {
        let (vendors, identities) = (Vendors::new().await, Arc::new(Identities::new()));
        let mut place = Self {
            vendors,
            identities,
            end: days(200),
            fleet: beating(20, 0),
            cells: Vec::new(),
            neighbours: Vec::new(),
        };
        for vendor in Vendor::ALL {
            place.neighbours.push(place.cell(&NEIGHBOUR, vendor).await);
            for kind in &KINDS {
                place.cells.push(place.cell(kind, vendor).await);
            }
        }
        place.write_hosts(true);
        place.vendors.site.write("ca.pem", &place.identities.ca);
        let tenants: Vec<String> = place.neighbours.iter().chain(&place.cells).map(|cell| place.tenant(cell)).collect();
        let head = format!("network: {{ ca_files: [{}] }}", place.vendors.site.path("ca.pem").display());
        place.vendors.site.configure(&head, &tenants);
        place
    }

    async fn cell(&self, kind: &'static Kind, vendor: Vendor) -> Cell {
        let door = Door::new(self.behind(vendor), kind.uses_tls().then(|| Arc::clone(&self.identities))).await;
        Cell { kind, vendor, tenant: format!("{}-{}", kind.slug, vendor.as_str()), door }
    }

    /// Where the simulator of a vendor is.
    fn behind(&self, vendor: Vendor) -> SocketAddr {
        match vendor {
            Vendor::Intune => self.vendors.site.microsoft.address(),
            Vendor::Jamf => self.vendors.jamf.address(),
            Vendor::Kandji => self.vendors.kandji.address(),
            Vendor::Mosyle => self.vendors.mosyle.address(),
        }
    }

    /// A tenant whose vendor knows a date of it, as YAML.
    fn tenant(&self, cell: &Cell) -> String {
        let (kind, name) = (cell.kind, cell.tenant.as_str());
        // Tokens and devices have four times as much of both.
        let times = match kind {
            kind if std::ptr::eq(kind, &raw const NEIGHBOUR) => "interval: 2500ms, timeout: 2400ms",
            kind if kind.is_slow => "interval: 2500ms, timeout: 2s",
            _ => "interval: 1s, timeout: 900ms",
        };
        let more = format!("    poll: {{ {times} }}\n");
        let push = format!(", push: {}", cell.sources().contains(&"push"));
        let yaml = match cell.vendor {
            Vendor::Intune => {
                let yaml = self.vendors.site.intune(name, answer(name, 300), &more);
                self.vendors.site.microsoft.change(&world::directory(name), |directory| {
                    let token = intune::server_token("ade-1", "enrolment", self.end);
                    directory.server_tokens = intune::Answer::List(intune::List::of([token]));
                    let devices = (0..20).map(|_| intune::managed_device("macOS", "MacBook Air", ago(3).unwrap()));
                    directory.devices = intune::Answer::List(intune::List::of(devices));
                });
                let url = self.vendors.site.microsoft.graph_url();
                yaml.replacen(" }\n", &format!(", login_url: '{url}', graph_url: '{url}'{push} }}\n"), 1)
            }
            Vendor::Jamf => {
                let tokens = jamf::Answer::List(vec![jamf::enrollment(1, "main", self.end)]);
                self.vendors.jamf(name, jamf_pro(tokens), &push, &more)
            }
            Vendor::Kandji => {
                let tenant = kandji::Tenant {
                    integrations: vec![kandji::Integration::new("e1", "main", self.end)],
                    devices: macs(20, 0),
                    ..kandji::Tenant::default()
                };
                self.vendors.kandji(name, tenant, &push, &more)
            }
            Vendor::Mosyle => self.vendors.mosyle(name, self.fleet.clone(), &push, &more),
        };
        let behind = self.behind(cell.vendor);
        let port = cell.door.address.port();
        let there = match kind.seat {
            Seat::Name => format!("https://{}:{port}", cell.host()),
            Seat::Tls(_) => format!("https://localhost:{port}"),
            Seat::Door(_) | Seat::Pages => format!("http://127.0.0.1:{port}"),
        };
        let moved = yaml.replace(&format!("http://{behind}"), &there);
        assert_ne!(moved, yaml, "the door stands in between");
        moved
    }

    /// Every fault begins.
    pub(super) fn break_all(&self) {
        self.write_hosts(false);
        for cell in &self.cells {
            match cell.kind.seat {
                Seat::Door(fault) | Seat::Tls(fault) => cell.door.set(fault),
                Seat::Name => {}
                Seat::Pages => {
                    cell.door.set(cell.kind.fault());
                    self.list(cell, false);
                }
            }
        }
    }

    /// Every fault ends. The stranger's certificate stays: an admin trusts its authority.
    pub(super) fn mend_all(&self) {
        self.write_hosts(true);
        self.vendors.site.write("ca.pem", format!("{}{}", self.identities.ca, self.identities.other_ca));
        for cell in &self.cells {
            match cell.kind.seat {
                Seat::Tls(Fault::Stranger) => {}
                Seat::Door(_) | Seat::Tls(_) => cell.door.set(Fault::None),
                Seat::Name => {}
                Seat::Pages => {
                    self.list(cell, true);
                    cell.door.set(Fault::None);
                }
            }
        }
    }

    /// The vendor's lists come to an end, or never do.
    fn list(&self, cell: &Cell, ends: bool) {
        let name = cell.tenant.as_str();
        match cell.vendor {
            Vendor::Intune => self.vendors.site.microsoft.change(&world::directory(name), |directory| {
                if let intune::Answer::List(list) = &mut directory.server_tokens {
                    list.paging = if ends { intune::Paging::Honest } else { intune::Paging::Endless };
                }
            }),
            Vendor::Jamf => {
                let tokens = vec![jamf::enrollment(1, "main", self.end)];
                let grows = |tokens| jamf::Answer::Paged(tokens, jamf::Paging::Grows);
                let server = jamf_pro(if ends { jamf::Answer::List(tokens) } else { grows(tokens) });
                self.vendors.jamf.set_server(&format!("/{name}"), server);
            }
            Vendor::Kandji => {
                let answer = if ends { kandji::Answer::Honest } else { kandji::Answer::PagesWithoutEnd };
                self.vendors.kandji.set_answer(&kandji_token(name), kandji::Resource::Integrations, answer);
            }
            Vendor::Mosyle => {
                let endless = mosyle::Fleet { paging: mosyle::Paging::Endless, counted: false, ..self.fleet.clone() };
                self.vendors.mosyle(name, if ends { self.fleet.clone() } else { endless }, "", "");
            }
        }
    }

    /// Writes the file of hosts, with or without the vendors that go by their names. In place, for it is mounted.
    fn write_hosts(&self, is_whole: bool) {
        let mut hosts = String::from("127.0.0.1 localhost\n");
        for cell in self.cells.iter().filter(|cell| is_whole && cell.kind.seat == Seat::Name) {
            hosts.push_str(&format!("127.0.0.1 {}\n", cell.host()));
        }
        std::fs::write(self.hosts(), hosts).unwrap();
    }

    fn hosts(&self) -> PathBuf {
        self.vendors.site.path("hosts")
    }

    /// The daemon, in a mount namespace of its own where names come from a file of ours and from nobody else.
    pub(super) async fn serve(&self) -> Daemon {
        let names = self.vendors.site.write("nsswitch.conf", "hosts: files\n");
        let mut command = tokio::process::Command::new("unshare");
        let mount =
            "mount --bind \"$1\" /etc/hosts && mount --bind \"$2\" /etc/nsswitch.conf && shift 2 && exec \"$@\"";
        command.args(["--mount", "sh", "-c", mount, "sh"]).arg(self.hosts()).arg(names);
        command.arg(env!("CARGO_BIN_EXE_apnswatch")).arg("--config").arg(self.vendors.site.path("apnswatch.yaml"));
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(std::process::Stdio::null()).kill_on_drop(true);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        Daemon::start(command).await
    }
}

/// A Jamf Pro that says when its certificate ends, with these tokens.
fn jamf_pro(tokens: jamf::Answer) -> jamf::Server {
    server()
        .with(jamf::Resource::Notifications, jamf::Answer::notice("PUSH_CERT_WILL_EXPIRE", Some(12)))
        .with(jamf::Resource::Enrollments, tokens)
}

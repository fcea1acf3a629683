//! What can go wrong between the daemon and a vendor.

/// For how many seconds a vendor asks to be left alone: more than any interval.
pub(super) const PAUSE: u64 = 6;

/// A day, in seconds.
const DAY: i64 = 86_400;

/// How a door treats what comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Everything goes through.
    None,
    /// Nobody listens.
    Refused,
    /// A connection is taken, and nothing else happens.
    BlackHole,
    /// Half of the answer, then a reset.
    Reset,
    /// Half of the answer, then an orderly end.
    CutOff,
    /// The answer, a byte now and then.
    Trickle,
    /// A body without end.
    Endless,
    /// A head without end.
    EndlessHead,
    /// Something else than TLS.
    NotTls,
    /// A connection that ends during the handshake.
    Hangup,
    /// A certificate for another name.
    OtherName,
    /// A certificate that has ended.
    Expired,
    /// A certificate of somebody unknown.
    Stranger,
    /// This status, with a small document.
    Status(u16),
    /// A status, and `Retry-After` in seconds.
    Wait(u16),
    /// 429, and `Retry-After` as a date by a clock that is off by so many seconds; `Date` says so too.
    WaitUntil(i64),
    /// A page, with 200.
    Html,
    /// Half of the document, as if it were all.
    HalfDocument,
    /// The document, with a number for every text and a text for everything else.
    WrongTypes,
    /// 200 and no body.
    Empty,
    /// The answer, with a `Date` that is off by so many seconds.
    Clock(i64),
    /// A redirect to another host.
    Redirect,
    /// A small body that says that it is a large one.
    Bomb,
    /// The answer, after a moment: what many of them take is time.
    Pace,
}

/// Where the fault of a kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// In the door.
    Door(Fault),
    /// In a door that speaks TLS.
    Tls(Fault),
    /// In the names: the vendor's has no address.
    Name,
    /// In the simulator: its lists do not end.
    Pages,
}

/// A kind of fault: a row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// What the row is called.
    pub(super) name: &'static str,
    /// Part of the names of tenants.
    pub(super) slug: &'static str,
    pub(super) seat: Seat,
    /// Whether polls need more than a second.
    pub(super) is_slow: bool,
    /// Whether the devices are asked for too, because the shape of the answer matters.
    pub(super) asks_for_devices: bool,
}

impl Kind {
    pub(super) const fn uses_tls(&self) -> bool {
        matches!(self.seat, Seat::Tls(_) | Seat::Name)
    }

    /// What its door does.
    pub(super) const fn fault(&self) -> Fault {
        match self.seat {
            Seat::Door(fault) | Seat::Tls(fault) => fault,
            Seat::Pages => Fault::Pace,
            Seat::Name => Fault::None,
        }
    }

    /// Whether the vendor asked to be left alone.
    pub(super) const fn has_pause(&self) -> bool {
        matches!(self.fault(), Fault::Wait(_) | Fault::WaitUntil(_))
    }

    const fn slow(self) -> Self {
        Self { is_slow: true, ..self }
    }

    const fn with_devices(self) -> Self {
        Self { asks_for_devices: true, ..self }
    }
}

const fn kind(name: &'static str, slug: &'static str, seat: Seat) -> Kind {
    Kind { name, slug, seat, is_slow: false, asks_for_devices: false }
}

const fn door(name: &'static str, slug: &'static str, fault: Fault) -> Kind {
    kind(name, slug, Seat::Door(fault))
}

/// Every kind, in the order of the table.
pub(super) static KINDS: [Kind; 31] = [
    door("connection refused", "refused", Fault::Refused),
    door("black hole: accepts, never answers", "black-hole", Fault::BlackHole),
    door("reset within the body", "reset", Fault::Reset),
    door("orderly end within the body", "cut-off", Fault::CutOff),
    door("trickle: a byte now and then", "trickle", Fault::Trickle),
    door("body without end", "endless", Fault::Endless).slow(),
    door("head without end", "endless-head", Fault::EndlessHead),
    kind("no TLS behind https", "no-tls", Seat::Tls(Fault::NotTls)),
    kind("closed during the TLS handshake", "hangup", Seat::Tls(Fault::Hangup)),
    kind("certificate for another name", "other-name", Seat::Tls(Fault::OtherName)),
    kind("certificate has expired", "expired", Seat::Tls(Fault::Expired)),
    kind("certificate of an unknown CA", "stranger", Seat::Tls(Fault::Stranger)),
    kind("name without an address", "dns", Seat::Name),
    door("401", "status-401", Fault::Status(401)),
    door("403", "status-403", Fault::Status(403)),
    door("404", "status-404", Fault::Status(404)),
    door("429, wait so many seconds", "wait-seconds", Fault::Wait(429)),
    door("429, wait until a moment", "wait-date", Fault::WaitUntil(0)),
    door("the same by a clock a day ahead", "wait-ahead", Fault::WaitUntil(DAY)),
    door("the same by a clock a day behind", "wait-behind", Fault::WaitUntil(-DAY)),
    door("500", "status-500", Fault::Status(500)),
    door("503 for a while", "status-503", Fault::Wait(503)),
    door("web page in place of JSON", "html", Fault::Html).with_devices(),
    door("half a document", "half", Fault::HalfDocument).with_devices(),
    door("wrong types", "types", Fault::WrongTypes).with_devices(),
    door("200 and nothing", "empty", Fault::Empty).with_devices(),
    door("vendor's clock a day ahead", "clock-ahead", Fault::Clock(DAY)),
    door("vendor's clock a day behind", "clock-behind", Fault::Clock(-DAY)),
    door("redirect to another host", "redirect", Fault::Redirect),
    door("compressed bomb", "bomb", Fault::Bomb),
    kind("pages without end", "pages", Seat::Pages).slow(),
];

/// No fault at all: the tenants beside those that have one.
pub(super) static NEIGHBOUR: Kind = door("nothing wrong", "well", Fault::None).with_devices();

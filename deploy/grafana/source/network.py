"""The way to Apple, as seen from each site."""

from panels import (CRITICAL, INFO, OK, QUIET, WARNING, board, coloured, columns, lines, listing, missing, panel, query,
                    stat, table, timeline, values, variable)

HERE = 'site=~"$site"'
PORT = "site, role, target, port, ip_version"
STEPS = ["dns", "tcp", "tls", "alpn", "chain", "http2"]

# A path that is open and not as it should be stands between the two: up counts double, degraded takes one away.
PATH_WORDS = values(_0=("DOWN", CRITICAL), _1=("degraded", INFO), _2=("up", OK))
PATH_STEPS = [(None, CRITICAL), (1, INFO), (2, OK)]


def of(by, series, how="max", more=""):
    """Where two daemons stand at one site, `how` lets the bad news count."""
    labels = f"{HERE}, {more}" if more else HERE
    return f"{how} by ({by}) ({series}{{{labels}}})"


PATH = f"2 * {of('site, role', 'apns_path_up', 'min')} - {of('site, role', 'apns_path_degraded')}"
# A path that is down tells so also where nobody can say whether it is degraded.
PATH = f"({PATH}) or 2 * {of('site, role', 'apns_path_up', 'min')}"


def paths():
    return [
        stat(
            "Paths",
            "`device`: what devices need, `server`: what an MDM needs to push. Down: nothing answers. Degraded: a port "
            "is closed, or what answers is not plainly Apple. A site speaks for itself alone.",
            [query(PATH, "{{site}} {{role}}")],
            width=10, height=4, background=True, text="value_and_name", mappings=PATH_WORDS, thresholds=PATH_STEPS,
        ),
        stat(
            "An MDM runs here",
            "Whether the site is said to run an MDM (`probe.site_runs_mdm`). Where none does, a server path that is "
            "down is a warning and no page.",
            [query(of("site", "apns_site_runs_mdm"), "{{site}}")],
            width=4, height=4, text="value_and_name", mappings=values(_0=("no", QUIET), _1=("yes", OK)),
        ),
        stat(
            "The probe can be trusted",
            "Whether an address that must not open stays closed. If it opens, something on the way accepts everything, "
            "and an open port proves nothing. Where `probe.control` is set.",
            [query(of("site", "apns_control_open"), "{{site}}")],
            width=5, height=4, text="value_and_name", mappings=values(_0=("yes", OK), _1=("NO", WARNING)),
            thresholds=[(None, OK), (1, WARNING)],
        ),
        stat(
            "Last round, in intervals",
            "How many intervals ago the last round of probes ended, of the target that is furthest behind. Over 3 the "
            "probes have stopped, and what was good is withdrawn.",
            [query(f"(time() - {of('site, role', 'apns_probe_last_round_timestamp_seconds', 'min')}) / "
                   f"{of('site, role', 'apns_probe_interval_seconds')}", "{{site}} {{role}}")],
            width=5, height=4, text="value_and_name", decimals=1, thresholds=[(None, OK), (3, WARNING)],
        ),
        timeline(
            "Paths over time",
            "When each path was up, degraded or down. A gap: no probe ended in time, or apnswatch was not heard.",
            [query(PATH, "{{site}} {{role}}", over_time=True)],
            width=24, height=5, mappings=PATH_WORDS, thresholds=PATH_STEPS,
        ),
    ]


def ports():
    names = {"site": "site", "role": "role", "target": "target", "port": "port", "ip_version": "ip"}
    names |= {f"Value #{chr(ord('A') + at)}": step for at, step in enumerate(STEPS)}
    broken = {"dns": CRITICAL, "tcp": CRITICAL}
    return [
        listing(
            "Ports, step by step",
            "How each step last ended: the name has an address (dns), a connection opens (tcp), TLS is spoken (tls), "
            "the protocol is agreed on (alpn), the certificate is Apple's (chain), Apple's front end answers (http2). "
            "An empty cell: not tried, or an earlier step fails; dns is there only where a name is probed.",
            table(*(of(PORT, "apns_port_step_success", "min", f'step="{step}"') for step in STEPS)),
            columns(names, []), width=24, height=8,
            overrides=[coloured(step, values(_0=("FAILS", broken.get(step, WARNING)), _1=("ok", OK)) + missing("-"))
                       for step in STEPS],
        ),
        timeline(
            "Ports over time",
            "Whether anything of the target answered at the port in each round.",
            [query(of(PORT, "apns_port_up", "min"), "{{site}} {{target}}:{{port}} IPv{{ip_version}}", over_time=True)],
            width=24, height=7, mappings=values(_0=("CLOSED", WARNING), _1=("open", OK)),
            thresholds=[(None, WARNING), (1, OK)],
        ),
    ]


def trust():
    by = "site, role, target"
    return [
        timeline(
            "Is it Apple?",
            "TLS: whether a certificate was issued by somebody else than Apple when one was last looked at (every ten "
            "minutes); devices refuse such a connection, so take Apple's names out of the inspection. DNS: whether a "
            "name was answered with an address that cannot be Apple's, or that leads nowhere; only where names are "
            "probed and not addresses.",
            [query(of(by, "apns_tls_intercepted"), "TLS {{site}} {{role}} {{target}}", over_time=True),
             query(of(by, "apns_dns_outside_apple"), "DNS {{site}} {{role}} {{target}}", over_time=True)],
            width=24, height=6, mappings=values(_0=("Apple", OK), _1=("NOT APPLE", WARNING)),
            thresholds=[(None, OK), (1, WARNING)],
        ),
    ]


def figures():
    bucket = f"apns_port_connect_duration_seconds_bucket{{{HERE}}}"
    failures, attempts = f"apns_port_failures_total{{{HERE}}}", f"apns_port_attempts_total{{{HERE}}}"
    quantiles = [
        query(f"histogram_quantile({share}, sum by (site, role, port, le) (rate({bucket}[$__rate_interval]))) >= 0",
              f"{words}, {{{{site}}}} {{{{role}}}} {{{{port}}}}", over_time=True)
        for share, words in ((0.5, "half"), (0.9, "nine of ten"))
    ]
    return [
        lines(
            "Time to connect",
            "How long it took until a connection was open: half of them, and nine of ten, took no longer. A distant "
            "host that opens within a millisecond is somebody nearer.",
            quantiles, width=12, height=8, unit="s", least=0, thresholds=[(None, OK), (1, WARNING)], threshold_lines=True,
        ),
        panel(
            "heatmap",
            "Time to connect, all connections",
            "How many connections opened within which time, in the chosen sites. A second band is a second way, or a "
            "lost packet that was sent again.",
            [query(f"sum by (le) (increase({bucket}[$__rate_interval]))", "{{le}}", over_time=True, heatmap=True)],
            width=12, height=8, unit="none", thresholds=[(None, INFO)],
            custom={"hideFrom": {"legend": False, "tooltip": False, "viz": False}},
            options={
                "calculate": False,
                "cellGap": 1,
                "color": {"mode": "scheme", "scheme": "Blues", "steps": 64, "exponent": 0.5, "fill": INFO},
                "filterValues": {"le": 1e-9},
                "legend": {"show": True},
                "rowsFrame": {"layout": "auto"},
                "tooltip": {"mode": "single", "show": True, "yHistogram": False},
                "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"},
            },
        ),
        lines(
            "Failed attempts by reason",
            "How many attempts failed in each step of the drawing. A reason is shown only while it occurs, the sum "
            "always. What the reasons mean stands in docs/metrics.md.",
            [query(f"sum by (site, role, reason) (increase({failures}[$__rate_interval])) > 0",
                   "{{site}} {{role}}: {{reason}}", over_time=True),
             query(f"sum by (site, role) (increase({failures}[$__rate_interval]))", "{{site}} {{role}}: all reasons",
                   over_time=True)],
            width=12, height=8, unit="short", least=0, thresholds=[(None, OK), (1, WARNING)],
        ),
        lines(
            "Share of attempts that fail",
            "By target and port. One of many couriers that is silent is no trouble; all of them at one port are a firewall.",
            [query(f"sum by (site, target, port, ip_version) (rate({failures}[$__rate_interval])) / "
                   f"(sum by (site, target, port, ip_version) (rate({attempts}[$__rate_interval])) > 0)",
                   "{{site}} {{target}}:{{port}} IPv{{ip_version}}", over_time=True)],
            width=12, height=8, unit="percentunit", least=0, most=1, thresholds=[(None, OK), (0.5, WARNING)],
            threshold_lines=True,
        ),
    ]


def dashboard():
    return board(
        "apnswatch-network", "apnswatch: network", "The way to Apple, as seen from each site.",
        [variable("site", "Site", "label_values(apns_probe_interval_seconds, site)")],
        [
            ("At a glance", paths()),
            ("Ports", ports()),
            ("Certificates and names", trust()),
            ("Figures", figures()),
        ],
    )

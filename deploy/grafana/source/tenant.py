"""One tenant: everything that is known about it, from where, and how old that is."""

from panels import (ANY_IS_INFO, ANY_IS_WARNING, CRITICAL, DAYS_LEFT, DRIFT_WORDS, FINDING_WORDS, IN_DAYS, INFO, NOTICES, OK,
                    PHASE_NUMBERS, PHASES, QUESTIONS, QUIET, REASON_WORDS, TOKEN_DAYS, WARNING, bars, board, coloured,
                    columns, lines, listing, measured, missing, override, query, sorted_by, stat, table, texts,
                    timeline, values, variable)

# The name of a tenant is unique, over all MDMs. Two daemons that watch it count once.
HERE = 'tenant="$tenant"'
KNOWN = f"apns_tenant_info{{{HERE}}}"


def of(by, series, how="max", more=""):
    labels = f"{HERE}, {more}" if more else HERE
    return f"{how} by ({by}) ({series}{{{labels}}})"


def one(series, how="max", more=""):
    labels = f"{HERE}, {more}" if more else HERE
    return f"{how}({series}{{{labels}}})"


END = one("apns_certificate_not_after_timestamp_seconds", "min")


def number_of_phase():
    parts = (f'{number} * {of("phase", "apns_certificate_phase", more=wanted(phase))}'
             for phase, (_, _, _, number) in PHASES.items())
    return f"max({' or '.join(parts)})"


def wanted(phase):
    return f'phase="{phase}"'


def overview():
    return [
        stat(
            "Time left",
            "Until the push certificate ends; negative after it. The colours follow the usual policy (180, 30, 0 "
            "days), the phase beside it the tenant's own. No data: nobody can say.",
            [query(f"({END} - time()) / 86400", "time left")],
            width=5, height=4, **IN_DAYS, thresholds=DAYS_LEFT,
        ),
        stat(
            "Phase",
            "Where it stands in its year, by the tenant's own policy, and what is to be done.",
            [query(number_of_phase(), "phase")],
            width=4, height=4, background=True, mappings=PHASE_NUMBERS, text="value",
            thresholds=[(None, OK), (2, INFO), (3, WARNING), (5, CRITICAL)],
        ),
        stat(
            "Dates",
            "Begin and end of the certificate. Some sources do not tell when it begins. The renewal is there only "
            "since one was watched.",
            [query(f"1000 * {one('apns_certificate_not_before_timestamp_seconds')}", "begins"),
             query(f"1000 * {END}", "ends"),
             query(f"1000 * {one('apns_certificate_renewed_timestamp_seconds')}", "renewal seen")],
            width=9, height=4, unit="dateTimeAsIso", text="value_and_name",
        ),
        stat(
            "Sources that drift",
            "How many sources tell another topic than the pinned one. No data: nobody watches the topic.",
            [query(f"sum({of('source', 'apns_topic_drift')})", "drift")],
            width=3, height=4, thresholds=[(None, OK), (1, CRITICAL)], decimals=0,
        ),
        stat(
            "Muted",
            "Whether its alerts are kept quiet. Somebody gave a reason and a date, which stand on the page of apnswatch.",
            [query(f"max(apns_tenant_muted{{{HERE}}}) or 0 * count({KNOWN})", "muted")],
            width=3, height=4, text="value", mappings=values(_0=("no", OK), _1=("muted", QUIET)),
        ),
    ]


def identity():
    return [
        listing(
            "Certificate",
            "The one that counts, and where it is known from. `estimate` was reckoned from a notice, `declared` was "
            "typed. The serial is written as openssl prints it; topic and serial are empty where the source does not "
            "tell them.",
            table(of("source, precision, serial, topic", "apns_certificate_info")),
            columns({"source": "source", "precision": "precision", "serial": "serial", "topic": "topic"}, ["Value"]),
            width=12, height=4,
        ),
        listing(
            "Pinned topic",
            "The topic that must stay. `first_seen` was taken when it was first told and cannot show a mistake made "
            "before; compare it on an enrolled device.",
            table(of("origin, topic", "apns_topic_pin_info")),
            columns({"origin": "origin", "topic": "topic"}, ["Value"]), width=8, height=4,
            overrides=[coloured("origin", texts({"config": ("from the configuration", OK), "confirmed": ("confirmed", OK),
                                                 "first_seen": ("first seen, unconfirmed", INFO)}))],
        ),
        listing(
            "Account and team",
            "The account that the configuration names for its renewal, empty without one, and the team.",
            table(of("mdm, account, team", "apns_tenant_info")),
            columns({"mdm": "mdm", "account": "account", "team": "team"}, ["Value"]), width=4, height=4,
        ),
    ]


def trouble():
    return [
        timeline(
            "Phase over time",
            "One colour for each phase. A step back to `ok` is a renewal; a gap is a time in which apnswatch was not heard.",
            [query(number_of_phase(), "phase", over_time=True)],
            width=12, height=5, mappings=PHASE_NUMBERS, thresholds=[(None, OK), (2, INFO), (3, WARNING), (5, CRITICAL)],
        ),
        timeline(
            "Topic by source over time",
            "Whether each source tells the pinned topic. Bad news stays until the source told the pinned topic twice "
            "running. A gap: the source has told no topic of late.",
            [query(of("source", "apns_topic_drift"), "{{source}}", over_time=True)],
            width=12, height=5, mappings=DRIFT_WORDS, thresholds=[(None, OK), (1, CRITICAL)],
        ),
        listing(
            "Findings",
            "Only while something stands that a person should know.",
            table(of("finding", "apns_finding")), columns({"finding": "finding"}, ["Value"]), width=8, height=6,
            thresholds=[(None, WARNING)], overrides=[coloured("finding", FINDING_WORDS)],
        ),
        listing(
            "Drift: the wrong topic",
            "Only while a source tells another topic than the pinned one. First undo: renew the ORIGINAL row with the "
            "ORIGINAL account and upload that.",
            table(of("source, topic", "apns_topic_drift_info")), columns({"source": "source", "topic": "topic told"}, ["Value"]),
            width=8, height=6, thresholds=[(None, CRITICAL)],
        ),
        listing(
            "Blind spots",
            "Only while nothing answers one of the five questions. Then the tenant is not plainly well.",
            table(of("question", "apns_blind_spot")), columns({"question": "nobody can say"}, ["Value"]),
            width=8, height=6, thresholds=[(None, INFO)],
            overrides=[coloured("nobody can say", texts({name: (words, INFO) for name, words in QUESTIONS.items()}))],
        ),
        timeline(
            "Notices of the MDM",
            "What the MDM shows to our login. Jamf Pro alone has notices. That none is shown proves nothing: a login "
            "with few rights is shown none, and anybody can click one away.",
            [query(of("notice", "apns_mdm_notice"), "{{notice}}", over_time=True)],
            width=12, height=6, mappings=values(_0=("not shown", QUIET), _1=("shown", WARNING)),
            thresholds=[(None, QUIET), (1, WARNING)],
            overrides=[override(notice, displayName=words) for notice, words in NOTICES.items()],
        ),
        stat(
            "Account and revocation",
            "Whether the MDM shows another Apple Account than the configured one, where both are known; and whether "
            "the certificate counts as revoked, which is there only while it does.",
            [query(one("apns_account_mismatch"), "account"), query(one("apns_certificate_revoked"), "revoked")],
            width=12, height=6, text="value_and_name", thresholds=ANY_IS_INFO,
            overrides=[override("account", mappings=values(_0=("as configured", OK), _1=("ANOTHER ACCOUNT", INFO))),
                       override("revoked", mappings=values(_1=("REVOKED", CRITICAL)))],
        ),
    ]


def sources():
    by = "source"
    age = f"time() - {of(by, 'apns_source_last_success_timestamp_seconds')}"
    return [
        listing(
            "Sources and their age",
            "What is asked for this tenant, whether that went well, how old the last good answer is, how often it is "
            "asked, and the end it told. Two ends that differ: a renewal on its way, or one that never arrived. "
            "`declared` is typed and not asked.",
            table(of(by, "apns_source_up", "min"), age, of(by, "apns_source_poll_interval_seconds"),
                  f"1000 * {of(by, 'apns_source_not_after_timestamp_seconds')}", of("source, reason", "apns_source_failing")),
            columns({"source": "source", "Value #A": "last poll", "Value #B": "age", "Value #C": "interval",
                     "reason": "reason", "Value #D": "end told"}, ["Value #E"]),
            width=14, height=8, sort=sorted_by("age", descending=True),
            overrides=[
                coloured("last poll", values(_0=("FAILED", WARNING), _1=("good", OK)) + missing("not asked")),
                override("age", unit="s", decimals=0, mappings=missing("never")),
                override("interval", unit="s", mappings=missing("-")),
                coloured("reason", REASON_WORDS + missing("-")),
                override("end told", unit="dateTimeAsIso", mappings=missing("-"), custom__width=170),
            ],
        ),
        lines(
            "Age in intervals",
            "How many intervals ago each source last answered. Over 3 its knowledge is stale, and an alert says so.",
            [query(f"({age}) / {of(by, 'apns_source_poll_interval_seconds')}", "{{source}}", over_time=True)],
            width=10, height=8, decimals=1, least=0, thresholds=[(None, OK), (3, WARNING)], threshold_lines=True,
        ),
    ]


def arrival():
    by = "family"
    return [
        lines(
            "Silent devices by family",
            "The share of devices that are alive by another channel and have not checked in for three days. Over one "
            "half pushes do not arrive. Only Kandji and Mosyle tell it, and only for ten devices or more.",
            [query(of(by, "apns_push_silent_ratio"), "{{family}}", over_time=True)],
            width=8, height=7, unit="percentunit", least=0, most=1, thresholds=[(None, OK), (0.5, WARNING)],
            threshold_lines=True,
        ),
        bars(
            "Devices by family",
            "Managed devices, silent or not.",
            [query(of(by, "apns_push_devices"), "{{family}}")], width=5, height=7, decimals=0, least=0,
        ),
        bars(
            "Newest check-in by family",
            "How long ago any device of the family checked in with the MDM. One device proves little; none for days is a sign.",
            [query(f"time() - {of(by, 'apns_push_last_checkin_timestamp_seconds')}", "{{family}}")],
            width=6, height=7, unit="s", decimals=0, least=0, thresholds=[(None, OK), (3 * 86400, WARNING)],
        ),
        stat(
            "Devices that cannot be pushed",
            "Those for which the MDM has switched push off, which Jamf Pro tells, and those that listen on another "
            "topic, where topics are read on devices.",
            [query(one("apns_push_disabled_devices"), "push switched off"),
             query(one("apns_devices_off_topic"), "on another topic")],
            width=5, height=7, text="value_and_name", decimals=0, thresholds=ANY_IS_WARNING,
        ),
    ]


def other_ends():
    by = "kind, token"
    return [
        listing(
            "Apple's other tokens",
            "Automated Device Enrolment (ade) and Apps and Books (vpp), those that end first on top. A token may be "
            "broken with 200 days left.",
            table(f"({of(by, 'apple_token_not_after_timestamp_seconds', 'min')} - time()) / 86400",
                  of(by, "apple_token_usable", "min")),
            columns({"Value #A": "time left", "kind": "kind", "token": "token", "Value #B": "usable"}),
            width=16, height=6, sort=sorted_by("time left"),
            overrides=[measured("time left", TOKEN_DAYS, **IN_DAYS, mappings=missing("unknown")),
                       coloured("usable", values(_0=("NO", WARNING), _1=("yes", OK)) + missing("not told"))],
        ),
        stat(
            "Our own login ends in",
            "The login of apnswatch at this MDM, where its end is known. After it nobody watches this tenant.",
            [query(f"({one('apnswatch_credential_not_after_timestamp_seconds', 'min')} - time()) / 86400", "login")],
            width=8, height=6, **IN_DAYS, thresholds=[(None, WARNING), (30, OK)],
        ),
    ]


def dashboard():
    return board(
        "apnswatch-tenant", "apnswatch: tenant", "One tenant: what is known about its push certificate, from where, and how old.",
        [
            variable("team", "Team", "label_values(apns_tenant_info, team)"),
            variable("mdm", "MDM", 'label_values(apns_tenant_info{team=~"$team"}, mdm)'),
            variable("tenant", "Tenant", 'label_values(apns_tenant_info{team=~"$team", mdm=~"$mdm"}, tenant)', several=False),
        ],
        [
            ("$tenant", [*overview(), *identity()]),
            ("What is wrong", trouble()),
            ("Sources", sources()),
            ("Do pushes arrive?", arrival()),
            ("Other ends", other_ends()),
        ],
    )

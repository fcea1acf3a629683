"""All tenants: what needs a human, by days left."""

from panels import (ANY_IS_CRITICAL, ANY_IS_INFO, ANY_IS_WARNING, CRITICAL, DAYS_LEFT, FINDING_WORDS, IN_DAYS, INFO,
                    NEXT_STEPS, OK, PHASE_WORDS, PHASES, QUESTIONS, QUIET, REASON_WORDS, TOKEN_DAYS, URGENCIES, WARNING,
                    bars, board, coloured, columns, fixed, lines, listing, measured, missing, override, panel, query,
                    sorted_by, stat, table, to_tenant, values, variable)

# What the variables choose. The team is no label of the series, so it is asked for beside.
HERE = 'mdm=~"$mdm", tenant=~"$tenant"'
TEAM = 'and on (tenant, mdm) apns_tenant_info{team=~"$team"}'
TENANTS = f'apns_tenant_info{{{HERE}, team=~"$team"}}'


def of(by, series, how="max", more=""):
    """A series of the chosen tenants. Two daemons that watch one tenant count once."""
    labels = f"{HERE}, {more}" if more else HERE
    return f"{how} by ({by}) ({series}{{{labels}}}) {TEAM}"


def days(end):
    return f"(({end}) - time()) / 86400"


DAYS = days(of("tenant, mdm", "apns_certificate_not_after_timestamp_seconds", "min"))

# What no date shows.
DRIFT, REVOKED, REMOVED = "apns_topic_drift == 1", "apns_certificate_revoked", 'apns_finding{finding="removed"}'

# Whoever has a date that is near, or trouble that no date shows.
PHASE = of("tenant, mdm, phase", "apns_certificate_phase")
NEEDY = (
    f'{PHASE} and on (tenant, mdm) (apns_certificate_phase{{phase!~"ok|none"}} or {DRIFT} or apns_finding or {REVOKED})'
)
JUST_THESE = f"max by (tenant, mdm) ({NEEDY})"


def if_also(condition):
    return f"{JUST_THESE} and on (tenant, mdm) ({condition})"


CRITICAL_PHASE = 'apns_certificate_phase{phase=~"expired|lost"}'
WARNING_PHASE = 'apns_certificate_phase{phase=~"renew|unknown"}'
# As the alerts have it.
URGENCY = " or ".join((
    f"3 * ({if_also(f'{CRITICAL_PHASE} or {DRIFT} or {REVOKED} or {REMOVED}')})",
    f"2 * ({if_also(f'{WARNING_PHASE} or apns_finding')})",
    JUST_THESE,
))


def trouble(word, condition):
    return f'label_replace({NEEDY} and on (tenant, mdm) ({condition}), "step", "{word}", "", "")'


# What is to be done: first what goes before the date, then by the phase, and a finding where the date asks for nothing yet.
NEXT_STEP = " or on (tenant, mdm) ".join((
    trouble("drift", DRIFT),
    trouble("revoked", REVOKED),
    trouble("removed", REMOVED),
    trouble("upload", 'apns_finding{finding=~"renewal_not_uploaded|renewal_unconfirmed"} '
                      f'unless on (tenant, mdm) {CRITICAL_PHASE}'),
    trouble("finding", 'apns_finding and on (tenant, mdm) apns_certificate_phase{phase=~"ok|none|plan"}'),
    f'label_join({NEEDY}, "step", "", "phase")',
))


def among_these(expr):
    return f"{expr} and on (tenant, mdm) ({JUST_THESE})"


def none_known(expr):
    """A count that is 0 where nothing is wrong, and nothing where no tenant is known: unknown is not healthy."""
    return f"count({expr}) or 0 * count({TENANTS})"


def week(phase):
    """How many end in each of the 26 weeks ahead: 0 is the next seven days."""
    left = f"({DAYS} > 0) and on (tenant, mdm) apns_certificate_phase{{{phase}}}"
    return f'count_values("week", floor(({left}) / 7) < 26)'


def ahead():
    # A week in which nothing ends must show as an empty week, or a calendar would lie about its gaps.
    empty = " or ".join(f'label_replace(vector(0), "week", "{number}", "", "")' for number in range(26))
    later, now = week('phase!="renew"'), week('phase="renew"')
    return table(f"{later} or ({empty})", now)


def overview():
    phases = of("tenant, mdm, phase", "apns_certificate_phase")
    return [
        stat(
            "Tenants by phase",
            "How many certificates are in which phase of their year. Usual policy: plan from 180 days, renew from 30, "
            "expired at 0, lost 30 days after. `unknown` is not healthy: nobody can say when those end.",
            [query(f"count by (phase) ({phases})", "{{phase}}")],
            width=12, height=4, background=True, text="value_and_name", decimals=0,
            overrides=[override(phase, color={"mode": "fixed", "fixedColor": color}, displayName=word)
                       for phase, (color, word, _, _) in PHASES.items()],
        ),
        stat(
            "Topics that drifted",
            "Sources that tell another topic than the pinned one. Each of them is an emergency, whatever days are left.",
            [query(f"sum({of('tenant, mdm, source', 'apns_topic_drift')})", "drifting")],
            width=3, height=4, thresholds=ANY_IS_CRITICAL, decimals=0,
        ),
        stat(
            "Revoked or removed",
            "Certificates of which the MDM says that they were revoked, or that are gone.",
            [query(none_known(of("tenant, mdm", "apns_certificate_revoked") + " or "
                              + of("tenant, mdm", "apns_finding", more='finding="removed"')), "revoked or removed")],
            width=3, height=4, thresholds=ANY_IS_CRITICAL, decimals=0,
        ),
        stat(
            "Sources failing",
            "Sources whose last poll failed. What they told before still stands, and grows old.",
            [query(f"sum(1 - ({of('tenant, mdm, source', 'apns_source_up', 'min')}))", "failing")],
            width=3, height=4, thresholds=ANY_IS_WARNING, decimals=0,
        ),
        stat(
            "apnswatch is heard",
            "Whether Prometheus hears the daemon (job `apnswatch`), the worst one where there are several. If it is "
            "down, everything else here is old or empty.",
            [query('min(up{job="apnswatch"})', "apnswatch")],
            width=3, height=4, background=True, mappings=values(_0=("DOWN", CRITICAL), _1=("up", OK)),
            thresholds=[(None, CRITICAL), (1, OK)],
        ),
    ]


def needs_a_human():
    asked = table(
        # In this order the rows stand where their urgency is the same.
        f"sort({among_these(DAYS)})",
        NEXT_STEP,
        URGENCY,
        f"max by (tenant, mdm, team) ({TENANTS}) and on (tenant, mdm) ({JUST_THESE})",
        among_these(f"sum by (tenant, mdm) ({of('tenant, mdm, source', 'apns_topic_drift')})"),
        among_these(f"count by (tenant, mdm) ({of('tenant, mdm, finding', 'apns_finding')})"),
        among_these(f"count by (tenant, mdm) ({of('tenant, mdm, question', 'apns_blind_spot')})"),
        among_these(of("tenant, mdm", "apns_tenant_muted")),
    )
    names = {
        "Value #C": "urgency", "Value #A": "time left", "tenant": "tenant", "mdm": "mdm", "team": "team", "phase": "phase",
        "step": "next step", "Value #E": "drift", "Value #F": "findings", "Value #G": "blind spots", "Value #H": "muted",
    }
    return listing(
        "What needs a human, by urgency and time left",
        "Every tenant whose date is near, gone or unknown, or that has a drift, a finding or a revoked certificate. "
        "The urgency is that of its alerts; a muted tenant raises none. Negative: so long past the end. The colours of "
        "the days follow the usual policy (180, 30, 0), the phase the tenant's own. The name leads to everything that "
        "is known.",
        asked, columns(names, ["Value #B", "Value #D"]), sort=sorted_by("urgency", descending=True), width=24, height=14,
        overrides=[
            coloured("urgency", URGENCIES, custom__width=100),
            measured("time left", DAYS_LEFT, **IN_DAYS, mappings=missing("unknown"), custom__width=110),
            to_tenant(),
            coloured("phase", PHASE_WORDS, custom__width=120),
            coloured("next step", NEXT_STEPS, custom__width=480),
            measured("drift", ANY_IS_CRITICAL, mappings=missing("-"), custom__width=70),
            measured("findings", ANY_IS_WARNING, mappings=missing("-"), custom__width=90),
            measured("blind spots", ANY_IS_INFO, mappings=missing("-"), custom__width=100),
            coloured("muted", values(_1=("muted", QUIET)) + missing("-"), custom__width=80),
        ],
    )


def converted(kind):
    conversions = [{"targetField": "week", "destinationType": kind}]
    return {"id": "convertFieldType", "options": {"conversions": conversions, "fields": {}}}


def renewals():
    merged, named = columns({"week": "week", "Value #A": "to be planned", "Value #B": "to be renewed now"})
    return panel(
        "barchart",
        "Renewals per week ahead",
        "How many certificates end in each of the next 26 weeks. 0 is the next seven days, 1 the seven days after, and "
        "so on. The height is the work of that week.",
        ahead(), width=24, height=8, decimals=0, least=0, by_threshold=False,
        custom={"fillOpacity": 80, "lineWidth": 0, "axisLabel": "certificates", "axisSoftMax": 4},
        options={
            "xField": "week", "orientation": "auto", "stacking": "normal", "showValue": "auto",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
        transformations=[
            merged,
            # Numbers are sorted as numbers; a bar chart wants words below its bars.
            converted("number"),
            {"id": "sortBy", "options": {"sort": [{"field": "week", "desc": False}]}},
            converted("string"),
            named,
        ],
        overrides=[fixed("to be planned", INFO), fixed("to be renewed now", WARNING)],
    )


def topics_and_findings():
    drifting = of("tenant, mdm, source, topic", "apns_topic_drift_info")
    return [
        listing(
            "Drift: the wrong topic",
            "Only while a source tells another topic than the pinned one. First undo: renew the ORIGINAL row with the "
            "ORIGINAL account and upload that. Enrol no device again before that was tried.",
            table(drifting), columns({"tenant": "tenant", "mdm": "mdm", "source": "source", "topic": "topic told"}, ["Value"]),
            width=12, height=8, thresholds=[(None, CRITICAL)],
            overrides=[to_tenant(), override("topic told", custom__cellOptions={"type": "color-text"},
                                             color={"mode": "fixed", "fixedColor": CRITICAL})],
        ),
        listing(
            "Findings",
            "Only while something stands that a person should know, one line each.",
            table(of("tenant, mdm, finding", "apns_finding")),
            columns({"tenant": "tenant", "mdm": "mdm", "finding": "finding"}, ["Value"]),
            width=12, height=8, thresholds=[(None, WARNING)], overrides=[to_tenant(), coloured("finding", FINDING_WORDS)],
        ),
    ]


def knowledge():
    failing = of("tenant, mdm, source, reason", "apns_source_failing")
    age = (
        f"time() - ({of('tenant, mdm, source', 'apns_source_last_success_timestamp_seconds')})"
        f" and on (tenant, mdm, source) ({failing})"
    )
    return [
        bars(
            "Blind spots by question",
            "For how many tenants nothing answers a question. A tenant with a blind spot is never plainly well. Most "
            "are closed by naming a file, a profile or an account in the configuration.",
            [query(f"count by (question) ({of('tenant, mdm, question', 'apns_blind_spot')})", "{{question}}")],
            width=8, height=8, thresholds=ANY_IS_INFO, decimals=0, least=0,
            overrides=[override(question, displayName=words) for question, words in QUESTIONS.items()],
        ),
        listing(
            "Sources failing, and how old their knowledge is",
            "Only while a source fails. `age` is how long ago it last answered; `never` means that it has told nothing yet.",
            table(failing, age),
            columns({"tenant": "tenant", "mdm": "mdm", "source": "source", "reason": "reason", "Value #B": "age"},
                    ["Value #A"]),
            width=16, height=8, thresholds=[(None, WARNING)], sort=sorted_by("age", descending=True),
            overrides=[to_tenant(), coloured("reason", REASON_WORDS),
                       override("age", unit="s", decimals=0, mappings=missing("never"), custom__width=120)],
        ),
        lines(
            "Share of polls that fail",
            "By kind of MDM and source, over the last hour, for all tenants of that kind: one line high is one trouble "
            "that they share, the vendor's, the network's or the login's. Not narrowed by team and tenant.",
            [query('sum by (mdm, source) (rate(apns_source_failures_total{mdm=~"$mdm"}[1h])) / '
                   '(sum by (mdm, source) (rate(apns_source_polls_total{mdm=~"$mdm"}[1h])) > 0)', "{{mdm}} {{source}}",
                   over_time=True)],
            width=12, height=8, unit="percentunit", least=0, most=1, thresholds=[(None, OK), (0.5, WARNING)],
            threshold_lines=True,
        ),
        lines(
            "How long polls take",
            "Nine of ten polls took no longer, by kind of MDM and source, over the last six hours. What comes near "
            "`poll.timeout` (usually 20 seconds) will soon fail. Not narrowed by team and tenant.",
            [query('histogram_quantile(0.9, sum by (mdm, source, le) '
                   '(rate(apns_source_poll_duration_seconds_bucket{mdm=~"$mdm"}[6h]))) >= 0', "{{mdm}} {{source}}",
                   over_time=True)],
            width=12, height=8, unit="s", least=0, thresholds=[(None, OK), (15, WARNING)], threshold_lines=True,
        ),
    ]


def other_ends():
    tokens = "tenant, mdm, kind, token"
    return [
        listing(
            "Apple's other tokens",
            "Automated Device Enrolment (ade) and Apps and Books (vpp), those that end first on top. A token may be "
            "broken with 200 days left: new terms may wait to be accepted.",
            table(days(of(tokens, "apple_token_not_after_timestamp_seconds", "min")), of(tokens, "apple_token_usable", "min")),
            columns({"Value #A": "time left", "tenant": "tenant", "mdm": "mdm", "kind": "kind", "token": "token",
                     "Value #B": "usable"}),
            width=12, height=8, sort=sorted_by("time left"),
            overrides=[measured("time left", TOKEN_DAYS, **IN_DAYS, mappings=missing("unknown"), custom__width=110),
                       to_tenant(),
                       coloured("usable", values(_0=("NO", WARNING), _1=("yes", OK)) + missing("not told"))],
        ),
        listing(
            "Duties for Apple Accounts",
            "What a team must do by a date. Negative: overdue. A duty belongs to an account, which many tenants may "
            "share, so that the choice of teams and tenants does not narrow it.",
            table(days("min by (account, duty) (apns_duty_due_timestamp_seconds)")),
            columns({"Value": "due in", "account": "account", "duty": "duty"}),
            width=6, height=8, sort=sorted_by("due in"),
            overrides=[measured("due in", [(None, INFO), (0, OK)], **IN_DAYS)],
        ),
        listing(
            "Our own logins",
            "When the login of apnswatch at an MDM ends, where that is known. After it nobody watches that tenant.",
            table(days(of("tenant, mdm", "apnswatch_credential_not_after_timestamp_seconds", "min"))),
            columns({"Value": "time left", "tenant": "tenant", "mdm": "mdm"}),
            width=6, height=8, sort=sorted_by("time left"),
            overrides=[measured("time left", [(None, WARNING), (30, OK)], **IN_DAYS), to_tenant()],
        ),
    ]


def dashboard():
    return board(
        "apnswatch-fleet", "apnswatch: fleet", "All Apple push certificates: what needs a human, and when.",
        [
            variable("team", "Team", "label_values(apns_tenant_info, team)"),
            variable("mdm", "MDM", 'label_values(apns_tenant_info{team=~"$team"}, mdm)'),
            variable("tenant", "Tenant", 'label_values(apns_tenant_info{team=~"$team", mdm=~"$mdm"}, tenant)'),
        ],
        [
            ("At a glance", overview()),
            ("Needs a human", [needs_a_human(), renewals(), *topics_and_findings()]),
            ("What we know and how well", knowledge()),
            ("Other ends", other_ends()),
        ],
    )

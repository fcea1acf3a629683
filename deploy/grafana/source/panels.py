"""What the dashboards are made of: colours, words, filters and panels. Knows nothing of a single dashboard."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# One colour for each severity of the alerts, wherever it shows. Colour never stands alone: there is always a word or a
# number.
OK, INFO, WARNING, CRITICAL, QUIET = "green", "blue", "orange", "red", "#808080"

# Phase: the colour of its alert, a word, the next step, and a number to draw it by (the worse, the higher).
PHASES = {
    "ok": (OK, "ok", "nothing to do about the date", 0),
    "none": (QUIET, "no certificate", "nothing: the MDM says that it has no certificate", 1),
    "plan": (INFO, "plan", "plan the renewal: account, second factor, day", 2),
    "renew": (WARNING, "renew", "renew now: Renew, not Create, on the row of the same topic", 3),
    "unknown": (WARNING, "unknown", "find out: nobody can say when it ends", 4),
    "expired": (CRITICAL, "expired", "renew at once: no device is reached", 5),
    "lost": (CRITICAL, "lost", "renew all the same, and at once: no device is reached", 6),
}

# What goes before the date.
TROUBLES = {
    "drift": (CRITICAL, "wrong topic: do not upload it; if it is in use, undo by renewing the ORIGINAL row"),
    "revoked": (CRITICAL, "find out who revoked it; see the runbook before anything else"),
    "removed": (CRITICAL, "find out who removed it, then renew the row of the same topic"),
    "upload": (WARNING, "a renewed file is there: upload it, or say that it was uploaded"),
    "finding": (WARNING, "look at its findings"),
}

FINDINGS = {
    "renewal_unconfirmed": (WARNING, "a newer file is there and nobody said that it was uploaded"),
    "renewal_not_uploaded": (WARNING, "a newer file is there and the MDM still tells the old end"),
    "renewal_too_short": (WARNING, "the renewed certificate lives for less than 350 days"),
    "files_disagree": (WARNING, "the files carry different topics"),
    "notice_disagrees": (WARNING, "a notice of the MDM does not fit the end that is known"),
    "profile_disagrees": (WARNING, "the enrolment profile gives new devices another topic"),
    "topic_ambiguous": (WARNING, "a subject carries two different topics"),
    "pin_ambiguous": (WARNING, "no topic could be pinned: the sources differ"),
    "account_domain": (WARNING, "the account is in none of the team's mail domains"),
    "personal_account": (WARNING, "the account looks like a person's"),
    "removed": (CRITICAL, "the MDM had a certificate and has none any more"),
    "rolled_back": (WARNING, "an older certificate came back"),
    "not_yet_valid": (WARNING, "the certificate begins in the future"),
    "devices_off_topic": (WARNING, "devices listen on other topics than the pinned one"),
}

QUESTIONS = {
    "expiry": "When does it end?",
    "lineage": "Is it still the same topic?",
    "way_out": "Can pushes get out?",
    "arrival": "Do pushes arrive?",
    "renewable": "Could it be renewed today?",
}

REASONS = {
    "auth": "the login was refused",
    "forbidden": "the login may not read this",
    "rate_limited": "too many requests",
    "timeout": "no answer in time",
    "dns": "the name has no address",
    "connect": "no connection",
    "tls": "no TLS, or not trusted",
    "http": "the other side has a problem",
    "malformed": "not what it should be",
    "not_found": "not there",
    "io": "could not be read",
    "panic": "a defect of apnswatch",
}

NOTICES = {
    "will_expire": "ends soon",
    "expired": "has ended",
    "revoked": "was revoked",
    "apns_unreachable": "the MDM does not reach Apple",
}

# Grafana's own units of time would say weeks. One decimal, so that nothing is "0 days" away.
IN_DAYS = {"unit": "suffix:days", "decimals": 1}

# The days at which the usual policy changes the phase.
DAYS_LEFT = [(None, CRITICAL), (0, WARNING), (30, INFO), (180, OK)]
# Tokens and logins have no "plan": their alerts stand at 30 and 0.
TOKEN_DAYS = [(None, CRITICAL), (0, WARNING), (30, OK)]
PLAIN = [(None, "text")]
ANY_IS_CRITICAL = [(None, OK), (1, CRITICAL)]
ANY_IS_WARNING = [(None, OK), (1, WARNING)]
ANY_IS_INFO = [(None, OK), (1, INFO)]


def values(**words):
    """A mapping of numbers to words and colours: values(_0=("down", CRITICAL))."""
    return texts({name.lstrip("_"): word for name, word in words.items()})


def texts(words):
    """A mapping of values to words and colours."""
    options = {
        value: {"text": text, "color": color, "index": index} for index, (value, (text, color)) in enumerate(words.items())
    }
    return [{"type": "value", "options": options}]


def missing(text):
    """What stands where there is no value."""
    return [{"type": "special", "options": {"match": "null", "result": {"text": text, "color": QUIET, "index": 0}}}]


PHASE_WORDS = texts({phase: (word, color) for phase, (color, word, _, _) in PHASES.items()})
NEXT_STEPS = texts({phase: (step, color) for phase, (color, _, step, _) in PHASES.items()}
                   | {trouble: (step, color) for trouble, (color, step) in TROUBLES.items()})
URGENCIES = values(_1=("info", INFO), _2=("warning", WARNING), _3=("CRITICAL", CRITICAL))
PHASE_NUMBERS = texts({str(number): (word, color) for color, word, _, number in PHASES.values()})
FINDING_WORDS = texts({finding: (text, color) for finding, (color, text) in FINDINGS.items()})
REASON_WORDS = texts({reason: (f"{reason}: {text}", WARNING) for reason, text in REASONS.items()})
DRIFT_WORDS = values(_0=("the pinned topic", OK), _1=("DRIFT", CRITICAL))


def steps(thresholds):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in thresholds]}


def query(expr, legend="", table=False, over_time=False, heatmap=False):
    """What a panel asks: the present value, unless it draws time."""
    shape = "table" if table else "heatmap" if heatmap else "time_series"
    return {"expr": expr, "legendFormat": legend, "format": shape, "instant": not over_time, "range": over_time}


def table(*exprs):
    return [query(expr, table=True) for expr in exprs]


def override(name, **properties):
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()],
    }


def coloured(name, mappings, **more):
    """A column whose words carry their colour."""
    return override(name, mappings=mappings, custom__cellOptions={"type": "color-text"}, **more)


def measured(name, thresholds, **more):
    """A column of numbers whose colour follows thresholds."""
    return override(name, thresholds=steps(thresholds), custom__cellOptions={"type": "color-text"}, **more)


def fixed(name, color):
    return override(name, color={"mode": "fixed", "fixedColor": color})


def to_tenant(name="tenant"):
    """Makes a column of tenants lead to the dashboard of the tenant."""
    url = "/d/apnswatch-tenant?${datasource:queryparam}&var-tenant=${__value.raw}&${__url_time_range}"
    return override(name, links=[{"title": "Everything about this tenant", "url": url}])


def columns(renamed, hidden=()):
    """Joins the answers of a table's queries row by row; names the columns in this order and hides the rest."""
    hidden = ["Time", *hidden]
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {name: True for name in hidden},
                "indexByName": {name: index for index, name in enumerate(renamed)},
                "renameByName": {name: new for name, new in renamed.items() if name != new},
            },
        },
    ]


def sorted_by(column, descending=False):
    return {"sortBy": [{"displayName": column, "desc": descending}]}


def panel(kind, title, description, targets, *, width, height, unit="none", thresholds=PLAIN, mappings=(), overrides=(),
          options=None, custom=None, transformations=(), decimals=None, least=None, most=None, by_threshold=True):
    defaults = {
        "color": {"mode": "thresholds" if by_threshold else "palette-classic"},
        "custom": custom or {},
        "mappings": list(mappings),
        "thresholds": steps(thresholds),
        "unit": unit,
    }
    for key, value in (("decimals", decimals), ("min", least), ("max", most)):
        if value is not None:
            defaults[key] = value
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options or {},
        "targets": [{"refId": chr(ord("A") + at), "datasource": DATASOURCE, **target} for at, target in enumerate(targets)],
        "transformations": list(transformations),
    }


REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(title, description, targets, *, background=False, text="auto", graph="none", **more):
    options = {
        "colorMode": "background" if background else "value",
        "graphMode": graph,
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": REDUCED,
        "textMode": text,
    }
    return panel("stat", title, description, targets, options=options, **more)


def bars(title, description, targets, **more):
    options = {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": REDUCED, "showUnfilled": True}
    return panel("bargauge", title, description, targets, options=options, **more)


def listing(title, description, targets, transformations, *, sort=None, **more):
    options = {"cellHeight": "sm", "showHeader": True, **(sort or {})}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}
    return panel("table", title, description, targets, options=options, custom=custom, transformations=transformations,
                 **more)


def lines(title, description, targets, *, threshold_lines=False, **more):
    custom = {"drawStyle": "line", "fillOpacity": 10, "lineWidth": 1, "showPoints": "auto", "spanNulls": False}
    if threshold_lines:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, targets, options=options, custom=custom, by_threshold=False, **more)


def timeline(title, description, targets, **more):
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel("state-timeline", title, description, targets, options=options,
                 custom={"fillOpacity": 80, "lineWidth": 0}, **more)


def variable(name, label, expr, several=True):
    """A list of values that Prometheus tells. With All the filter becomes `.*`, which also takes series without the label."""
    out = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": expr,
        "query": {"query": expr, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": several,
        "includeAll": several,
    }
    if several:
        out |= {"allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
    return out


def datasource_variable():
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
    }


def arranged(rows):
    """Gives each panel its number and place. A row is a title and its panels, which fill lines of 24 columns."""
    out, number, top = [], 0, 0
    for title, panels in rows:
        number += 1
        out.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
                    "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}})
        left, top, height = 0, top + 1, 0
        for one in panels:
            place = one["gridPos"]
            if left + place["w"] > 24:
                left, top, height = 0, top + height, 0
            number += 1
            out.append({"id": number, **one, "gridPos": {"x": left, "y": top, **place}})
            left, height = left + place["w"], max(height, place["h"])
        top += height
    return out


def board(uid, title, description, variables, rows):
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["apnswatch"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "utc",
        "links": [
            {
                "title": "apnswatch",
                "type": "dashboards",
                "tags": ["apnswatch"],
                "asDropdown": False,
                "icon": "external link",
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
            }
        ],
        "annotations": {"list": []},
        "templating": {"list": [datasource_variable(), *variables]},
        "panels": arranged(rows),
    }

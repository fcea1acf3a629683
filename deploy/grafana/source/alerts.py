"""The alert rules of ../prometheus/apnswatch.rules.yaml as rules that Grafana runs itself."""

import re
import textwrap

# Always firing, so that a dead-man switch is fed by Alertmanager. Grafana would only page with it.
LEFT_OUT = {"ApnswatchWatchdog", "ApnswatchDrill", "ApnsRenewalPlanned"}

# Where the next step of the rule cannot be taken over, since its text asks Prometheus.
STEPS = {
    "ApnsTopicDrift": "undo first: renew the ORIGINAL row with the ORIGINAL Apple Account and upload that. Revoke nothing, delete "
                      "nothing, enrol no device again.",
}

HEAD = """\
# Alert rules that Grafana runs itself, for those without Alertmanager. Written by deploy/grafana/make from
# ../../../prometheus/apnswatch.rules.yaml; do not change it by hand.
#
# Before use:
# - The data source must have the uid "apnswatch" (see ../datasources/apnswatch.yaml).
# - Contact points and notification policies are yours. Route by the label `severity` (critical, warning, info), and group by
#   tenant and mdm: the tiers of a certificate are cumulative, so that an expired one fires in all three, and grouped
#   they come as one message. Grafana cannot let one alert hide another as Alertmanager does.
# - `runbook_url` starts with a made-up base; put your own in with sed, as in apnswatch.rules.yaml.
#
# What differs from the rules of Prometheus: each expression is wrapped as `0 * (...) + 1`, since Grafana compares the value with a
# threshold and the value of `up == 0` is 0; no answer is "well", as it is for Prometheus; the texts are short, for Grafana's
# templates cannot ask Prometheus; ApnswatchWatchdog is left out; so are ApnswatchDrill,
# for a contact point of Grafana has a test of its own, and ApnsRenewalPlanned, which only mutes.
apiVersion: 1
groups:
  - orgId: 1
    name: apnswatch
    folder: apnswatch
    interval: 1m
    rules:
"""

RULE = """\
      - uid: {uid}
        title: {title}
        condition: C
        data:
          - refId: A
            relativeTimeRange: {{ from: 600, to: 0 }}
            datasourceUid: apnswatch
            model:
              refId: A
              instant: true
              range: false
              expr: |
                0 * (
{expr}
                ) + 1
          - refId: C
            datasourceUid: __expr__
            model:
              refId: C
              type: threshold
              expression: A
              conditions:
                - evaluator: {{ type: gt, params: [0] }}
        noDataState: OK
        execErrState: Error
        for: {wait}
        labels: {{ severity: {severity} }}
        annotations:
          summary: >-
            {summary}
          description: >-
            {description}
          runbook_url: {runbook}
"""


def provisioning(rules):
    return HEAD + "".join(written(rule) for rule in alerts(rules) if rule["title"] not in LEFT_OUT)


def alerts(text):
    """Reads as much YAML as the rule file uses: keys of an alert at their fixed depth, blocks further in."""
    for entry in re.split(r"^ {6}- (?=alert: |record: )", text, flags=re.M)[1:]:
        if not entry.startswith("alert: "):
            continue
        yield {
            "title": entry.split("\n", 1)[0].removeprefix("alert: "),
            "expr": value(entry, "expr", 8),
            "wait": value(entry, "for", 8) or "0s",
            "severity": value(entry, "severity", 10),
            "summary": " ".join(value(entry, "summary", 10).split()),
            "description": " ".join(value(entry, "description", 10).split()),
            "runbook": value(entry, "runbook_url", 10),
        }


def value(entry, key, depth):
    block = re.search(rf"^ {{{depth}}}{key}: [|>]-?\n((?: {{{depth + 2}}}.*\n)+)", entry, flags=re.M)
    if block:
        return "\n".join(line[depth + 2:] for line in block[1].splitlines())
    line = re.search(rf"^ {{{depth}}}{key}: (.*)$", entry, flags=re.M)
    return line[1] if line else ""


def written(rule):
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", rule["title"]).lower()
    return RULE.format(
        uid=f"{name}-{rule['severity']}",
        title=f"{rule['title']} ({rule['severity']})",
        expr="\n".join(" " * 18 + line for line in rule["expr"].splitlines()),
        wait=rule["wait"],
        severity=rule["severity"],
        summary=folded(rule["summary"]),
        description=folded(description(rule)),
        runbook=rule["runbook"],
    )


def folded(text):
    return textwrap.fill(text, 116, subsequent_indent=" " * 12, break_long_words=False, break_on_hyphens=False)


def description(rule):
    """What it is about, by the labels that the expression keeps, and the next step in the words of the rule."""
    kept = re.match(r"\s*(?:min|max) by \(([^)]*)\)", rule["expr"])
    labels = kept[1].split(", ") if kept else []
    what = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in labels) or "apnswatch itself"
    step = re.search(r"Next step: (.*)$", rule["description"])
    if step and "{{" not in step[1]:
        return f"{what}. Next step: {step[1]}"
    return f"{what}. Next step: {STEPS.get(rule['title'], 'follow the runbook.')}"

use super::*;

struct Known;

impl Source for Known {
    fn query(&self, query: &str) -> Vec<Sample> {
        let sample =
            |name: &str, value| Sample { labels: BTreeMap::from([("tenant".to_owned(), name.to_owned())]), value };
        match query {
            r#"x{tenant="a\"b"}"# => vec![sample("one", 1.0), sample("two", 2.5)],
            _ => Vec::new(),
        }
    }
}

fn filled(template: &str) -> String {
    let labels = BTreeMap::from([("tenant".to_owned(), "a\"b".to_owned()), ("kind".to_owned(), "ade".to_owned())]);
    fill(template, &labels, -90_061.0, &Known).unwrap()
}

#[test]
fn what_the_rules_use_is_understood() {
    for (template, text) in [
        ("plain", "plain"),
        ("{{ $labels.tenant }} ({{ $labels.nothing }})", "a\"b ()"),
        (r#"{{ if eq $labels.kind "vpp" }}no{{ else if eq $labels.kind "ade" }}yes{{ else }}no{{ end }}"#, "yes"),
        (
            r#"{{ with printf "x{tenant=%q}" $labels.tenant | query }}{{ with first . }}{{ .Labels.tenant }} {{ .Value }}{{ end }}{{ else }}none{{ end }}"#,
            "one 1",
        ),
        (r#"{{ with query "y" }}some{{ else }}none, {{ $labels.kind }}{{ end }}"#, "none, ade"),
        (
            r#"{{ range $index, $each := printf "%[2]s%[1]s" "{tenant=\"a\\\"b\"}" "x" | query }}{{ if $index }}, {{ end }}{{ $each.Labels.tenant }}{{ end }}"#,
            "one, two",
        ),
        (
            r#"{{ with printf "x{tenant=%q}" $labels.tenant | query }}{{ . | first | label "tenant" }} {{ . | first | value | printf "%.0f" }}{{ end }}"#,
            "one 1",
        ),
        ("{{ humanizeDuration $value }}", "-1d 1h 1m 1s"),
        (r#"{{ if or (eq $labels.kind "x") (eq $labels.kind "ade") }}yes{{ end }}"#, "yes"),
        ("{{ if gt $value 0.0 }}no{{ else }}yes{{ end }}", "yes"),
    ] {
        assert_eq!(filled(template), text, "{template}");
    }
}

#[test]
fn what_is_filled_in_is_never_a_template() {
    let labels = BTreeMap::from([("tenant".to_owned(), "{{ query \"x\" }} %q {{".to_owned())]);
    let text = fill("{{ $labels.tenant }} {{ printf \"%s\" $labels.tenant }}", &labels, 0.0, &Known).unwrap();
    assert_eq!(text, "{{ query \"x\" }} %q {{ {{ query \"x\" }} %q {{");
}

#[test]
fn what_is_not_known_is_told() {
    for template in ["{{ env }}", "{{ $nobody }}", "{{ if }}", "{{ if $value }}", "{{ end }}", "{{", "{{ }}"] {
        assert!(fill(template, &BTreeMap::new(), 0.0, &Known).is_err(), "{template}");
    }
}

#[test]
fn numbers_are_written_as_prometheus_writes_them() {
    for (seconds, text) in [
        (0.0, "0s"),
        (59.5, "59.5s"),
        (-30.0, "-30s"),
        (60.0, "1m 0s"),
        (3661.0, "1h 1m 1s"),
        (864_000.0, "10d 0h 0m 0s"),
    ] {
        assert_eq!(duration(seconds), text);
    }
    assert_eq!(format!("{}%", significant(0.6 * 100.0)), "60%");
    assert_eq!(significant(66.666_666), "66.67");
    assert_eq!(timestamp(1_789_137_565.0), "2026-09-11 14:39:25 UTC");
}

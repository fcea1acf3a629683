//! The columns of a CSV file of tenants, and its rows as a tenant file.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use crate::cli::yaml::scalar;
use crate::config::unknown_key;
use crate::model::Problem;
use crate::words;

/// Where the value of a column stands in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the top.
    Top,
    /// In `mdm`.
    Mdm,
    /// In `certificate`.
    Certificate,
    /// In `certificate`, as the one entry of this list.
    List(&'static str),
    /// In `certificate.declared`.
    Declared,
}

/// The columns that have a name of their own; labels have names of the operator's.
const COLUMNS: [(&str, At); 28] = [
    ("name", At::Top),
    ("account", At::Top),
    ("retired", At::Top),
    ("kind", At::Mdm),
    ("url", At::Mdm),
    ("directory", At::Mdm),
    ("cloud", At::Mdm),
    ("login_url", At::Mdm),
    ("graph_url", At::Mdm),
    ("client_id", At::Mdm),
    ("client_secret_file", At::Mdm),
    ("client_certificate_file", At::Mdm),
    ("client_key_file", At::Mdm),
    ("federated_token_file", At::Mdm),
    ("username", At::Mdm),
    ("password_file", At::Mdm),
    ("token_file", At::Mdm),
    ("product", At::Mdm),
    ("access_token_file", At::Mdm),
    ("email", At::Mdm),
    ("enrolment_profile", At::Mdm),
    ("credential_expires", At::Mdm),
    ("tokens", At::Mdm),
    ("push", At::Mdm),
    ("certificate_file", At::List("files")),
    ("profile", At::List("profiles")),
    ("expected_topic", At::Certificate),
    ("not_after", At::Declared),
];

/// What the column of a label begins with.
const LABEL: &str = "label.";

/// What is told of the columns by `--help`.
pub(crate) const HELP: &str = "\
Columns, in any order; an empty cell is as good as none, and `defaults` of the configuration fill it:
  name                 unique, 1 to 128 characters, not . or ..; the one that must be there
  kind                 intune, jamf, kandji, mosyle; empty or none for no MDM to ask
  url, directory, cloud, login_url, graph_url, client_id, client_secret_file, client_certificate_file,
  client_key_file, federated_token_file, username, password_file,
  token_file, product, access_token_file, email, enrolment_profile, credential_expires, tokens, push
                       as under `mdm` of a tenant; secrets are files, never cells
  account              the id of an entry of `accounts`
  label.NAME           the value of the label NAME, such as label.team
  certificate_file     a certificate file or a pattern of them
  profile              an enrolment profile or a pattern of them
  expected_topic       the topic that must stay
  not_after            the end of the certificate as you know it, 2027-03-01, where nothing else tells it
  retired              true or false

Comma, semicolon or tab; UTF-8. A file with a mistake in it is refused whole, each mistake with its line. Relative paths
start at the folder of the tenant file that is written.";

/// A CSV file of tenants: what stands in it, not whether it is right.
#[derive(Debug)]
pub(super) struct Sheet {
    /// What each column is called, and where it belongs; `None` is a label.
    columns: Vec<(String, Option<At>)>,
    /// The rows, each with its line.
    rows: Vec<(u64, StringRecord)>,
}

impl Sheet {
    /// Reads the form of the file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with its form, with the line where it is. No cell of it is repeated: it may be a secret.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter(bytes))
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut problems = Vec::new();
        let mut sheet = Self { columns: Vec::new(), rows: Vec::new() };
        let mut record = StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    let line = error.position().map_or(0, |position| line_of(bytes, position));
                    problems.push(Problem::new(at(line), "is not UTF-8 text"));
                    continue;
                }
            }
            let line = record.position().map_or(0, |position| line_of(bytes, position));
            if sheet.columns.is_empty() {
                sheet.columns = columns(&record, line, &mut problems);
            } else if record.iter().all(str::is_empty) {
                // Spreadsheets leave such behind.
            } else if record.len() != sheet.columns.len() {
                let (has, wanted) = (words::counted(record.len() as u64, "cell"), sheet.columns.len());
                problems.push(Problem::new(at(line), format!("has {has}, and the header {wanted}")));
            } else {
                sheet.rows.push((line, record.clone()));
            }
        }
        if sheet.columns.is_empty() {
            problems.push(Problem::new("", "is empty: its first line must name the columns"));
        } else if sheet.rows.is_empty() && problems.is_empty() {
            problems.push(Problem::new("", "has no line below its header"));
        }
        if problems.is_empty() { Ok(sheet) } else { Err(problems) }
    }

    /// The tenants as a tenant file of the configuration.
    pub(super) fn yaml(&self, file: &Path) -> String {
        let from = file.file_name().unwrap_or_default().to_string_lossy();
        let mut yaml = format!("# By `apnswatch import`, from {}.\ntenants:\n", words::clean(&from, 200));
        for (_, record) in &self.rows {
            self.tenant(record, &mut yaml);
        }
        yaml
    }

    fn tenant(&self, record: &StringRecord, yaml: &mut String) {
        let cells = |wanted: Option<At>| {
            let cells = self.columns.iter().zip(record);
            cells.filter(move |((_, at), cell)| *at == wanted && !cell.is_empty()).map(|((name, _), cell)| (name, cell))
        };
        let pairs =
            |wanted| cells(wanted).map(|(name, cell)| format!("{name}: {}", value(name, cell))).collect::<Vec<_>>();
        let mut lead = "  - ";
        let mut push = |line: &str| {
            yaml.push_str(lead);
            yaml.push_str(line);
            yaml.push('\n');
            lead = "    ";
        };
        pairs(Some(At::Top)).iter().for_each(|pair| push(pair));
        let labels: Vec<String> = cells(None).map(|(name, cell)| format!("{name}: {}", scalar(cell))).collect();
        if !labels.is_empty() {
            push(&format!("labels: {{ {} }}", labels.join(", ")));
        }
        let mdm = pairs(Some(At::Mdm));
        if !mdm.is_empty() {
            push(&format!("mdm: {{ {} }}", mdm.join(", ")));
        }
        let mut certificate = pairs(Some(At::Certificate));
        for list in ["files", "profiles"] {
            certificate.extend(cells(Some(At::List(list))).map(|(_, cell)| format!("{list}: [{}]", scalar(cell))));
        }
        certificate.extend(pairs(Some(At::Declared)).iter().map(|pair| format!("declared: {{ {pair} }}")));
        if !certificate.is_empty() {
            push(&format!("certificate: {{ {} }}", certificate.join(", ")));
        }
    }

    /// What is wrong with the tenants, by the line and the column of the CSV file; `shown` is how the tenant file is called
    /// in the problems.
    pub(super) fn in_lines(&self, problems: &[Problem], shown: &Path) -> Vec<Problem> {
        let shown = format!("{}: ", shown.display());
        let of_file = |text: &str| self.lines(text, &format!("{shown}tenants["));
        problems
            .iter()
            .map(|problem| {
                let path = of_file(&problem.path);
                let path = match path.split_once('.') {
                    Some((line, key)) if line.starts_with("line ") => format!("{line}: {}", column(key)),
                    _ => path,
                };
                // What stands elsewhere is no line of this file.
                let message =
                    of_file(&problem.message).replace("unique: tenants[", "unique: in the configuration, tenants[");
                Problem::new(path, message)
            })
            .collect()
    }

    /// Puts the lines in the place of tenants that are counted.
    fn lines(&self, text: &str, start: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(start) {
            out.push_str(before);
            let row = after.split_once(']').and_then(|(number, after)| {
                let number: usize = number.parse().ok()?;
                Some((self.rows.get(number)?.0, after))
            });
            match row {
                Some((line, after)) => {
                    out.push_str(&at(line));
                    rest = after;
                }
                None => {
                    out.push_str(start);
                    rest = after;
                }
            }
        }
        out + rest
    }
}

fn at(line: u64) -> String {
    format!("line {line}")
}

/// The line on which a record begins. The reader's own is that of the empty lines before it.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + before.filter(|byte| **byte == b'\n').count() as u64
}

/// Truth values are none of text; whether a word is one is for the configuration to say.
fn value(column: &str, cell: &str) -> String {
    let is_flag = ["retired", "enrolment_profile", "tokens", "push"].contains(&column);
    let word = cell.to_ascii_lowercase();
    if is_flag && ["true", "false"].contains(&word.as_str()) { word } else { scalar(cell) }
}

/// The column that a key of the configuration came from.
fn column(key: &str) -> String {
    match key {
        "certificate.declared.not_after" => "not_after".to_owned(),
        _ if key.starts_with("certificate.files") => "certificate_file".to_owned(),
        _ if key.starts_with("certificate.profiles") => "profile".to_owned(),
        _ => match key.strip_prefix("labels.") {
            Some(label) => format!("{LABEL}{label}"),
            None => key.trim_start_matches("mdm.").trim_start_matches("certificate.").to_owned(),
        },
    }
}

/// Reads the header.
fn columns(record: &StringRecord, line: u64, problems: &mut Vec<Problem>) -> Vec<(String, Option<At>)> {
    let known: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).chain(["label.NAME"]).collect();
    let mut columns: Vec<(String, Option<At>)> = Vec::new();
    for (index, cell) in record.iter().enumerate() {
        let found = COLUMNS.iter().find(|(name, _)| *name == cell).map(|(name, at)| ((*name).to_owned(), Some(*at)));
        let label = || cell.strip_prefix(LABEL).filter(|label| !label.is_empty()).map(|label| (label.to_owned(), None));
        let place = format!("{}: column {}", at(line), index + 1);
        let Some(column) = found.or_else(label) else {
            let name = words::clean(cell, 64);
            let (message, _) = unknown_key(cell, &known);
            problems.push(Problem::new(
                format!("{place} ({name})"),
                message.replace("unknown key", "unknown column").replace("from the configuration", "from a cell"),
            ));
            // It keeps its place, so that the cells below are counted right.
            columns.push((String::new(), None));
            continue;
        };
        if columns.contains(&column) {
            problems.push(Problem::new(format!("{place} ({})", words::clean(cell, 64)), "stands there twice"));
        }
        columns.push(column);
    }
    if !columns.iter().any(|(name, at)| name == "name" && at.is_some()) {
        problems.push(Problem::new(at(line), "has no column called name"));
    }
    columns
}

/// What separates the cells: of three usual ones, that which is in the first line most often.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: &u8| first.iter().filter(|byte| *byte == wanted).count();
    // The last of those that are equal wins.
    *[b'\t', b';', b','].iter().max_by_key(|wanted| count(wanted)).unwrap_or(&b',')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COLUMNS, HELP};
    use crate::config::schema_text;

    #[test]
    fn every_column_is_told_and_is_a_key_of_the_configuration() {
        let told: BTreeSet<&str> = HELP.split([' ', ',', '\n', ';']).collect();
        let schema = schema_text();
        for (column, _) in COLUMNS {
            assert!(told.contains(column), "{column} is not told");
            // These two are lists there.
            let key = match column {
                "certificate_file" => "files",
                "profile" => "profiles",
                other => other,
            };
            assert!(schema.contains(&format!("\"{key}\":")), "{key}");
        }
        // What a login is made of can be imported, too.
        for kind in ["intune", "jamf", "kandji", "mosyle"] {
            assert!(HELP.contains(kind), "{kind}");
        }
        let credentials = "client_secret_file client_certificate_file client_key_file federated_token_file password_file \
                           token_file access_token_file";
        for file in credentials.split(' ') {
            assert!(told.contains(file), "{file}");
        }
    }
}

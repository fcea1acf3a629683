//! A few hundred certificates read as `inspect` reads them: what many cost is measured by `scripts/bench inspect`.

#[path = "../../benches/inspect/certificates.rs"]
mod certificates;

use certificates::Form;

#[test]
fn many_certificates_are_read_as_the_plain_parser_reads_them() {
    for form in [Form::Pem, Form::Der] {
        let folder = tempfile::tempdir().unwrap();
        let paths = certificates::write(folder.path(), form, 200).unwrap();
        certificates::compare(&paths, form).unwrap();
    }
}

//! What is for the hand: logins, completions, manual pages.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use crate::support::{Ended, SOON, ended, eventually, program};

/// `passwd` with this on its standard input.
async fn passwd(arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = program();
    command.arg("passwd").args(arguments).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Bad usage is told before anything is read.
    let _ = stdin.write_all(input).await;
    drop(stdin);
    let output = tokio::time::timeout(SOON, child.wait_with_output()).await.expect("it ends").unwrap();
    Ended {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The hash in an entry.
fn hash_in(entry: &str) -> &str {
    let start = entry.find("$2").unwrap_or_else(|| panic!("no hash in {entry}"));
    &entry[start..start + 60]
}

#[tokio::test(flavor = "multi_thread")]
async fn passwd_writes_an_entry_that_prometheus_takes() {
    let folder = tempfile::tempdir().unwrap();
    for (user, input) in [("kim", "s3cret word\n"), ("it's me", "s3cret word\r\n"), ("007", "s3cret word")] {
        let written = passwd(&[user], input.as_bytes()).await;
        assert_eq!((written.status, written.stderr.as_str()), (Some(0), ""), "{user}: {written:?}");
        assert!(written.stdout.starts_with("basic_auth_users:\n  '"), "{}", written.stdout);
        assert!(!written.stdout.contains("s3cret"), "{}", written.stdout);
        let hash = hash_in(&written.stdout);
        assert!(hash.contains("$10$"), "{hash}");
        assert!(bcrypt::verify("s3cret word", hash).unwrap() && !bcrypt::verify("s3cret", hash).unwrap());
        let path = folder.path().join("web.yml");
        std::fs::write(&path, &written.stdout).unwrap();
        let mut promtool = tokio::process::Command::new("promtool");
        promtool.args(["check", "web-config"]).arg(path);
        let checked = ended(promtool).await;
        assert_eq!(checked.status, Some(0), "{checked:?}");
    }
    let document = passwd(&["--json", "kim"], b"s3cret word\n").await;
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!((&document["schema"], &document["user"]), (&"apnswatch.passwd.v1".into(), &"kim".into()));
    assert!(bcrypt::verify("s3cret word", document["hash"].as_str().unwrap()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn passwd_writes_nothing_for_what_is_no_password() {
    let longer = vec![b'x'; 73];
    for (input, word) in
        [(&b""[..], "empty"), (b"\n", "empty"), (b"  \n", "empty"), (&longer, "72"), (b"a\0b\n", "control")]
    {
        let refused = passwd(&["kim"], input).await;
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        assert!(refused.stderr.contains(word) && refused.stderr.contains("nothing was written"), "{refused:?}");
    }
    assert_eq!(passwd(&["kim"], b"\xff\xfe\n").await.status, Some(1), "not UTF-8");
    assert_eq!(passwd(&["kim"], &[b'x'; 72]).await.status, Some(0), "just as long as it may be");
    for user in ["", "a:b", "a\nb"] {
        assert_eq!(passwd(&[user], b"word\n").await.status, Some(64), "{user:?}");
    }
}

/// On a terminal: `script` gives it one.
async fn typed(first: &str, second: &str) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_apnswatch");
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("tty");
    let line = format!("tty > '{}'; exec '{program}' passwd kim", name.display());
    let mut command = tokio::process::Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut screen = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    for (prompt, line) in [("Password for kim: ", first), ("The same again: ", second)] {
        let waiting = async {
            use tokio::io::AsyncReadExt as _;
            while !String::from_utf8_lossy(&seen).contains(prompt) {
                if screen.read_buf(&mut seen).await.unwrap() == 0 {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, waiting).await.expect("it asks");
        // Nobody types so fast, but this does: the echo goes right after the prompt has come.
        eventually("the terminal shows nothing any more", SOON, || async {
            let terminal = std::fs::read_to_string(&name).unwrap();
            let mut stty = tokio::process::Command::new("stty");
            stty.args(["-a", "-F", terminal.trim()]);
            ended(stty).await.stdout.contains(" -echo ").then_some(())
        })
        .await;
        stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }
    use tokio::io::AsyncReadExt as _;
    tokio::time::timeout(SOON, screen.read_to_end(&mut seen)).await.expect("it ends").unwrap();
    let status = tokio::time::timeout(SOON, child.wait()).await.expect("it ends").unwrap();
    (status.code(), String::from_utf8_lossy(&seen).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn passwd_asks_twice_on_a_terminal_and_shows_nothing() {
    let (status, screen) = typed("s3cret word", "s3cret word").await;
    assert_eq!(status, Some(0), "{screen}");
    assert!(bcrypt::verify("s3cret word", hash_in(&screen)).unwrap());
    assert!(!screen.contains("s3cret"), "{screen}");
    let (status, screen) = typed("s3cret word", "s3cret wort").await;
    assert!(status == Some(1) && screen.contains("not the same") && !screen.contains("$2"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_know_every_command_and_are_read_by_their_shell() {
    for (shell, words) in [
        ("bash", ["preflight", "--log-format"]),
        ("zsh", ["#compdef apnswatch", "preflight"]),
        ("fish", ["complete -c apnswatch", "preflight"]),
    ] {
        let mut command = program();
        command.args(["completions", shell]);
        let printed = ended(command).await;
        assert_eq!((printed.status, printed.stderr.as_str()), (Some(0), ""), "{shell}");
        for word in words {
            assert!(printed.stdout.contains(word), "{shell}: no {word}");
        }
    }
    // The one shell that is surely here completes a command and an option.
    let program = env!("CARGO_BIN_EXE_apnswatch");
    let line = |words: &str, at: u32| {
        format!(
            "source <('{program}' completions bash); COMP_WORDS=({words}); COMP_CWORD={at}; \
             _apnswatch apnswatch \"${{COMP_WORDS[{at}]}}\" x; echo \"${{COMPREPLY[*]}}\""
        )
    };
    for (words, at, expected) in [("apnswatch pref", 1, "preflight"), ("apnswatch serve --lis", 2, "--listen")] {
        let mut bash = tokio::process::Command::new("bash");
        bash.args(["-c", &line(words, at)]);
        let completed = ended(bash).await;
        assert_eq!(completed.stdout.trim(), expected, "{completed:?}");
    }
    let mut command = crate::support::program();
    command.args(["completions", "tcsh"]);
    assert_eq!(ended(command).await.status, Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_has_its_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.arg("manual").arg(folder.path());
    assert_eq!(ended(command).await.status, Some(0));
    let names: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["apnswatch.1", "apnswatch-serve.1", "apnswatch-pin-confirm.1"] {
        assert!(names.iter().any(|found| found == name), "no {name} among {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("manual") || name.contains("schema")), "{names:?}");
}

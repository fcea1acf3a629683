use super::*;
use crate::certificate::sample::{T1, T2};

async fn ask(files: &[(&str, String)]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let devices = Devices::new(files.iter().map(|(name, _)| folder.path().join(name)).collect());
    assert_eq!((devices.source(), devices.host()), (Source::Device, None));
    let written = std::fs::metadata(folder.path().join(files[0].0)).unwrap().modified().unwrap();
    devices.poll(written.into()).await
}

/// The counts of T1 and T2.
async fn counts(content: &str) -> (u64, u64) {
    let outcome = ask(&[("topics", content.to_owned())]).await;
    assert_eq!(outcome.failure, None, "{content}");
    count(&outcome)
}

fn count(outcome: &Outcome) -> (u64, u64) {
    let counts = &outcome.facts.as_ref().unwrap().devices.as_ref().unwrap().counts;
    let of = |topic: &str| counts.get(&Topic::parse(topic).unwrap()).copied().unwrap_or_default();
    assert_eq!(counts.values().sum::<u64>(), of(T1) + of(T2));
    (of(T1), of(T2))
}

#[tokio::test]
async fn every_known_form_is_counted() {
    let upper = T1.to_uppercase();
    for content in [
        // JSON lines, as an inventory gives.
        format!(
            "{{\"serial\":\"A\",\"topic\":\"{T1}\"}}\n{{\"serial\":\"B\",\"mdm_topic\":\"{upper}\"}}\n{{\"serial\":\"C\",\"Topic\":\"{T2}\"}}\n"
        ),
        // osqueryd, event by event.
        format!(
            "{{\"hostIdentifier\":\"A\",\"columns\":{{\"enrolled\":\"true\",\"topic\":\"{T1}\"}},\"action\":\"added\"}}\r\n\r\n{{\"hostIdentifier\":\"B\",\"columns\":{{\"topic\":\"{T1}\"}}}}\r\n{{\"hostIdentifier\":\"C\",\"columns\":{{\"topic\":\"{T2}\"}}}}"
        ),
        // osqueryd, snapshots.
        format!(
            "{{\"hostIdentifier\":\"A\",\"snapshot\":[{{\"topic\":\"{T1}\"}}]}}\n{{\"hostIdentifier\":\"B\",\"snapshot\":[{{\"topic\":\"{T1}\"}}]}}\n{{\"hostIdentifier\":\"C\",\"snapshot\":[{{\"topic\":\"{T2}\"}}]}}"
        ),
        // Arrays, with and without something around.
        format!("\u{feff}[\n {{\"topic\":\"{T1}\"}},\n {{\"topic\":\"{T1}\"}}, {{\"topic\":\"{T2}\"}} ]\n"),
        format!(
            "{{\n \"results\": [ {{\"uuid\":1,\"x\":\"{T1}\"}}, {{\"uuid\":2,\"mdm\":{{\"push\":\"{T1}\"}}}},\n {{\"uuid\":3,\"x\":\"{T2}\"}} ]\n}}"
        ),
        // CSV, three ways of it and none.
        format!("serial,topic,name\nA,{T1},x\nB,{T1},\"y, z\"\nC,{T2},\n"),
        format!("\u{feff}Serial Number;MDM Topic\r\nA;{T1}\r\nB;{T1}\r\nC;{T2}\r\n"),
        format!("host\tpush\nA\t{T1}\nB\t{T1}\nC\t{T2}\n"),
        format!("{T1}\n{upper}\n{T2}\n"),
    ] {
        assert_eq!(counts(&content).await, (2, 1), "{content}");
    }
}

#[tokio::test]
async fn a_device_counts_once_and_its_last_line_wins() {
    assert_eq!(counts(&format!("serial,topic\nA,{T1}\na ,{T2}\nB,{T1}\nB,\n,{T1}\n,{T1}\n")).await, (2, 1));
    // osquery takes the old row back, before or after the new one.
    let line = |action: &str, topic: &str| {
        format!("{{\"host_identifier\":\"A\",\"columns\":{{\"topic\":\"{topic}\"}},\"action\":\"{action}\"}}\n")
    };
    let added = line("added", T1);
    assert_eq!(counts(&(added.clone() + &line("removed", T1) + &line("added", T2))).await, (0, 1));
    assert_eq!(counts(&(added.clone() + &line("added", T2) + &line("removed", T1))).await, (0, 1));
    // Over several files in their order.
    let (first, second) = (format!("udid,topic\nA,{T1}\nB,{T1}\n"), format!("udid,topic\nA,{T2}\n"));
    let outcome = ask(&[("1", first), ("2", second)]).await;
    assert_eq!(count(&outcome), (1, 1));
    let facts = outcome.facts.unwrap();
    assert!(facts.origin.ends_with("1 and 1 more file"), "{}", facts.origin);
    // Equally common: the one that sorts first.
    assert_eq!(facts.present().unwrap().topic, Topic::parse(T1));
}

#[tokio::test]
async fn the_most_common_topic_is_the_answer_and_no_device_is_named() {
    let content =
        format!("serial,topic\nPERSONAL1,{T1}\nPERSONAL2,{T2}\nPERSONAL3,{T2}\nPERSONAL4,\nPERSONAL5,\"?\"\n");
    let outcome = ask(&[("topics.csv", content)]).await;
    assert!(!format!("{outcome:?}").contains("PERSONAL"), "{outcome:?}");
    let facts = outcome.facts.unwrap();
    let told = facts.present().unwrap();
    assert_eq!((told.topic.clone(), told.not_after, told.topic_ambiguous), (Topic::parse(T2), None, false));
    assert!(facts.remarks.iter().any(|remark| remark.ends_with("1 line without a topic")), "{:?}", facts.remarks);
    assert!(facts.remarks.iter().any(|remark| remark.ends_with("1 line cannot be read")), "{:?}", facts.remarks);
}

#[tokio::test]
async fn garbage_among_good_lines_is_a_remark() {
    let content =
        format!("{{\"topic\":\"{T1}\"}}\nwhat is this\n{{\"topic\":\n{{\"topic\":\"com.example.app\"}}\n[]\n");
    let outcome = ask(&[("topics", content)]).await;
    assert_eq!((count(&outcome), outcome.failure.as_ref()), ((1, 0), None));
    let remarks = outcome.facts.unwrap().remarks;
    assert!(remarks[0].ends_with("4 lines cannot be read"), "{remarks:?}");
}

#[tokio::test]
async fn what_says_nothing_is_malformed() {
    for (content, words) in [
        (String::new(), "is empty"),
        (" \n".to_owned(), "is empty"),
        ("garbage".to_owned(), "no topic of an MDM in it"),
        ("serial,topic\nA,\n".to_owned(), "no topic of an MDM in it (1 line read)"),
        ("{}".to_owned(), "no topic of an MDM in it"),
        ("[]".to_owned(), "no topic of an MDM in it (0 lines read)"),
        ("serial,topic\nA,com.apple.mgmt.\n".to_owned(), "no topic of an MDM in it"),
        (format!("[{{\"topic\":\"{T1}\"}},{{\"topic\":\"{T1}\""), "damaged or cut off"),
        ("<!DOCTYPE html><html>".to_owned(), "no topic of an MDM in it"),
    ] {
        let outcome = ask(&[("topics", content.clone())]).await;
        let failure = outcome.failure.unwrap();
        assert_eq!((outcome.facts, failure.reason), (None, Reason::Malformed), "{content}");
        assert!(failure.message.contains(words), "{failure}");
        // Beside a good file it is a partial answer.
        let outcome = ask(&[("bad", content), ("good", format!("topic\n{T1}\n"))]).await;
        assert_eq!((count(&outcome), outcome.failure.unwrap().reason), ((1, 0), Reason::Malformed));
    }
    let gone = Devices::new(Arc::from(["/nowhere/at/all".into()])).poll(DateTime::UNIX_EPOCH).await;
    assert_eq!(gone.failure.unwrap().reason, Reason::NotFound);
}

#[tokio::test]
async fn files_that_nobody_writes_any_more_are_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, age: TimeDelta| {
        std::fs::write(path(name), format!("topic\n{T1}\n")).unwrap();
        let file = std::fs::File::options().write(true).open(path(name)).unwrap();
        file.set_modified((now - age).into()).unwrap();
    };
    let devices = Devices::new(Arc::from([path("a"), path("b")]));
    for (ages, words) in [
        ([TimeDelta::days(365), TimeDelta::days(8)], Some("the newest file of device topics is 8 days old, so nobody")),
        ([TimeDelta::days(365), TimeDelta::days(7)], None),
        ([TimeDelta::days(365), TimeDelta::hours(-24)], None),
        ([TimeDelta::days(9), TimeDelta::hours(-25)], Some("is 9 days old")),
        ([TimeDelta::days(-400), TimeDelta::hours(-25)], Some("dated in the future, so nobody")),
    ] {
        write("a", ages[0]);
        write("b", ages[1]);
        let outcome = devices.poll(now).await;
        assert_eq!(count(&outcome), (2, 0));
        assert_eq!(outcome.failure.is_some(), words.is_some(), "{:?}", outcome.failure);
        if let (Some(words), Some(failure)) = (words, outcome.failure) {
            assert!(failure.reason == Reason::Timeout && failure.message.contains(words), "{failure}");
        }
    }
    // What cannot be read is no sign of life.
    write("a", TimeDelta::days(8));
    std::fs::write(path("b"), "garbage").unwrap();
    std::fs::File::options().write(true).open(path("b")).unwrap().set_modified(now.into()).unwrap();
    let failure = devices.poll(now).await.failure.unwrap();
    assert!(failure.message.contains("8 days old") && failure.message.ends_with("1 more problem"), "{failure}");
}

#[tokio::test]
async fn a_file_of_which_much_cannot_be_read_is_malformed() {
    let row = |id: usize| format!("A{id},{T1},x\n");
    let rows = |range: std::ops::Range<usize>| range.map(row).collect::<String>();
    let csv = |middle: &str, before: usize, after: usize| {
        format!("serial,topic,note\n{}{middle}{}", rows(0..before), rows(1000..1000 + after))
    };
    // Nine lines of few, or ten of a hundred, are damage as it happens.
    for (content, good, bad) in [
        (csv(&"A,com.example,x\n".repeat(9), 5, 5), 10, 9),
        (csv(&"A,com.example,x\n".repeat(10), 45, 45), 90, 10),
        // A quote that is closed again by chance, and one that never is.
        (csv(&format!("A,{T1},\"oops\nB,{T1},\"y\"\n"), 5, 5), 10, 2),
        (csv(&format!("A,{T1},\"oops\n"), 5, 5), 5, 6),
        (csv("A,\"oops\n", 5, 5), 5, 6),
        (csv(&format!("\"A,{T1},x\nB,,y\n"), 5, 0), 5, 2),
        (csv(&format!("A,{T1},\"{}\"\n", "x".repeat(64 * 1024)), 5, 5), 10, 1),
        // Lines within quotes are fine.
        (csv(&format!("A,{T1},\"a\nb\nc\"\n"), 5, 0) + &format!("B,{T1},\"d\ne\"\n"), 7, 0),
    ] {
        let outcome = ask(&[("topics", content.clone())]).await;
        assert_eq!((count(&outcome), outcome.failure.as_ref()), ((good, 0), None), "{content:.300}");
        let remarks = outcome.facts.unwrap().remarks;
        let is_told = remarks.iter().any(|remark| remark.ends_with("cannot be read"));
        assert_eq!(is_told, bad > 0, "{remarks:?}");
        let words = format!(": {bad} line");
        assert!(bad == 0 || remarks.iter().any(|remark| remark.contains(&words)), "{bad}: {remarks:?}");
    }
    for content in [
        csv(&"A,com.example,x\n".repeat(10), 44, 45),
        csv(&format!("A,{T1},\"oops\n"), 20, 20),
        format!("{{\"topic\":\"{T1}\"}}\n").repeat(50) + &"garbage\n".repeat(10),
    ] {
        let outcome = ask(&[("topics", content.clone())]).await;
        let failure = outcome.failure.unwrap();
        assert_eq!((outcome.facts, failure.reason), (None, Reason::Malformed), "{content}");
        assert!(failure.message.contains("lines cannot be read of"), "{failure}");
    }
}

#[test]
fn one_json_document_has_a_smaller_end() {
    const MIB: usize = 1024 * 1024;
    let read = |content: &str| {
        let (mut good, mut bad) = (0, 0);
        let read = lines::read(content.as_bytes(), 1_000_000, &mut |line| match line {
            Line::Topic { .. } => good += 1,
            _ => bad += 1,
        });
        (read, good, bad)
    };
    let padded = |bytes: usize| format!("{{\n\"topic\":\"{T1}\",\"x\":[{}1]}}", "1,".repeat(bytes / 2));
    assert_eq!(read(&padded(3 * MIB)), (Ok(()), 1, 0));
    let (result, good, bad) = read(&padded(4 * MIB));
    assert!(result.unwrap_err().contains("4 MiB"));
    assert_eq!((good, bad), (0, 0));
    // The same as one line or one element of many.
    let line = format!("{{\"topic\":\"{T1}\"}}");
    let large = padded(4 * MIB).replace('\n', "");
    assert_eq!(read(&format!("{line}\n{large}\n{line}\n")), (Ok(()), 2, 1));
    assert_eq!(read(&format!("{large}\n{line}\n")), (Ok(()), 1, 1));
    assert_eq!(read(&format!("[{line},{large},{line}]")), (Ok(()), 2, 1));
    // Many small lines may be more.
    assert_eq!(read(&format!("{line}\n").repeat(60_000)), (Ok(()), 60_000, 0));
}

#[test]
fn lines_and_sizes_have_an_end() {
    for content in [
        format!("topic\n{}", format!("{T1}\n").repeat(11)),
        format!("{{\"topic\":\"{T1}\"}}\n").repeat(11),
        format!("[{}{{}}]", format!("{{\"topic\":\"{T1}\"}},").repeat(10)),
        format!("{{\"rows\":[{}{{}}]}}", format!("{{\"topic\":\"{T1}\"}},").repeat(10)),
    ] {
        let mut count = 0;
        assert!(lines::read(content.as_bytes(), 10, &mut |_| count += 1).unwrap_err().contains("more lines"));
        assert_eq!(count, 10);
        lines::read(content.as_bytes(), 11, &mut |_| {}).unwrap();
    }
    let deep = "[".repeat(100_000) + "{\"topic\":" + &"{\"a\":".repeat(100_000);
    assert!(lines::read(deep.as_bytes(), 10, &mut |_| {}).is_err());
    let _ = lines::read(&deep.as_bytes()[100_000..], 10, &mut |_| {});
}

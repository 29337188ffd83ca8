//! A sweep of a text against a transport that answers by script, stopped and resumed at any point.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fencepost_checks::DomainName;
use fencepost_checks::mx::Expected;
use fencepost_checks::observation::{DnsAnswer, MxRecord};
use proptest::prelude::*;

use super::*;
use crate::engine::ports::{MxLook, MxStream, NextName, SweepCounters};

fn expected() -> Expected {
    Expected { gateway_hosts: vec![DomainName::parse("mx1.gateway.example").unwrap()], ..Expected::default() }
}

struct Silent;

impl Watch for Silent {
    fn progress(&mut self, _: &Progress) {}
    fn bad_line(&mut self, _: u64, _: &str) {}
}

fn begin(stop: &Arc<AtomicBool>, keep: Option<Keep>) -> Begin {
    Begin {
        expected: expected(),
        only_differing: false,
        watch: Box::new(Silent),
        stop: stop.clone(),
        keep,
        resumed: None,
    }
}

/// `d7.example` differs when 7 is a multiple of five, and so on.
fn answer(name: &str) -> DnsAnswer {
    let number: u64 = name.trim_start_matches('d').split('.').next().unwrap().parse().unwrap();
    let mx = |exchange: &str| DnsAnswer::Mx {
        records: vec![MxRecord { preference: 10, exchange: exchange.to_owned() }],
        ttl: 300,
    };
    match number {
        n if n % 11 == 0 => DnsAnswer::TimedOut,
        n if n % 5 == 0 => mx("old.example"),
        _ => mx("mx1.gateway.example"),
    }
}

fn look(answer: DnsAnswer) -> MxLook {
    let upstream = ([127, 0, 0, 1], 53).into();
    MxLook { answer, upstream, tries: 1, elapsed_us: 1_000, tcp: false, nobody_answers: false }
}

/// Drives a stream with up to eight questions in flight, answered in an order that `choices` decide; `after`
/// is called with the number of answers so far.
fn drive(stream: &mut dyn MxStream, choices: &[u8], mut after: impl FnMut(usize, &mut dyn MxStream) -> bool) {
    let (mut flight, mut ended, mut count) = (Vec::new(), false, 0);
    loop {
        while !ended && flight.len() < 8 {
            let mut name = String::new();
            match stream.next(&mut name) {
                NextName::Ask(key) => flight.push((key, name)),
                NextName::Later => break,
                NextName::End => ended = true,
            }
        }
        if flight.is_empty() {
            return;
        }
        let choice = choices.get(count % choices.len().max(1)).copied().unwrap_or(0);
        let (key, name) = flight.swap_remove(usize::from(choice) % flight.len());
        stream.seen(key, &look(answer(&name)));
        count += 1;
        if !after(count, stream) {
            return;
        }
    }
}

fn text(count: u64) -> String {
    (1..=count).map(|n| if n % 13 == 0 { format!("# remark {n}\n") } else { format!("D{n}.example\n") }).collect()
}

fn lines(bytes: &[u8]) -> BTreeMap<u64, String> {
    let mut lines = BTreeMap::new();
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let number = value["line"].as_u64().unwrap();
        let said = format!("{} {}", value["domain"].as_str().unwrap_or("-"), value["verdict"].as_str().unwrap());
        assert!(lines.insert(number, said).is_none(), "line {number} was written twice");
    }
    lines
}

/// What a sweep without interruption writes.
fn whole(count: u64) -> (BTreeMap<u64, String>, Tally) {
    let mut out = Vec::new();
    let mut stream = FileSweep::new(Cursor::new(text(count)), &mut out, begin(&Arc::new(AtomicBool::new(false)), None));
    drive(&mut stream, &[], |_, _| true);
    let (progress, end) = stream.finish();
    assert!(matches!(end, End::Whole));
    (lines(&out), progress.tally)
}

#[test]
fn each_domain_gets_a_line_with_its_verdict() {
    let (lines, tally) = whole(30);
    assert_eq!(lines[&1], "d1.example ours_only");
    assert_eq!(lines[&5], "d5.example foreign_only");
    assert_eq!(lines[&11], "d11.example lookup_error");
    assert_eq!((lines.len(), lines.contains_key(&13)), (28, false));
    assert_eq!(tally, Tally { as_wanted: 20, differing: 6, inconclusive: 2 });
}

#[test]
fn only_what_differs_is_written_where_that_is_wanted() {
    let mut out = Vec::new();
    let begin = Begin { only_differing: true, ..begin(&Arc::new(AtomicBool::new(false)), None) };
    let mut stream = FileSweep::new(Cursor::new(text(30)), &mut out, begin);
    drive(&mut stream, &[], |_, _| true);
    let (progress, _) = stream.finish();
    assert_eq!((lines(&out).len(), progress.tally.total()), (8, 28));
}

#[test]
fn bad_lines_are_named_and_do_not_stop_anything() {
    let mut out = Vec::new();
    let stop = Arc::new(AtomicBool::new(false));
    let mut stream = FileSweep::new(Cursor::new("d1.example\na b\n\nd2.example"), &mut out, begin(&stop, None));
    drive(&mut stream, &[], |_, _| true);
    let (progress, _) = stream.finish();
    assert_eq!(lines(&out)[&2], "- not_a_domain");
    assert_eq!((progress.bad, progress.tally.total()), (1, 2));
}

#[test]
fn what_nobody_could_answer_is_left_for_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.ndjson");
    let stop = Arc::new(AtomicBool::new(false));
    let mut stream =
        FileSweep::new(Cursor::new(text(3)), fs::File::create(&output).unwrap(), begin(&stop, Some(keep(&output, 3))));
    let mut name = String::new();
    let NextName::Ask(first) = stream.next(&mut name) else { panic!() };
    let NextName::Ask(second) = stream.next(&mut name) else { panic!() };
    stream.seen(second, &look(answer("d2.example")));
    stream.seen(first, &MxLook { nobody_answers: true, ..look(DnsAnswer::TimedOut) });
    assert_eq!(stream.next(&mut name), NextName::End);
    let (progress, end) = stream.finish();
    assert!(matches!(end, End::NobodyAnswers) && progress.tally.total() == 1);
    assert_eq!(go_on(&output, 3, &[]), whole(3));
}

fn keep(output: &Path, count: u64) -> Keep {
    Keep { path: position_of(output), file_bytes: Some(text(count).len() as u64), output_bytes: 0 }
}

/// Resumes and runs to the end.
fn go_on(output: &Path, count: u64, choices: &[u8]) -> (BTreeMap<u64, String>, Tally) {
    let text = text(count);
    let Resumed { output: file, output_bytes, position, skip } = resume(output, Some(text.len() as u64)).unwrap();
    let mut cursor = Cursor::new(text);
    cursor.set_position(position.offset);
    let keep = Keep { output_bytes, ..keep(output, count) };
    let begin = Begin { resumed: Some((position, skip)), ..begin(&Arc::new(AtomicBool::new(false)), Some(keep)) };
    let mut stream = FileSweep::new(cursor, file, begin);
    drive(&mut stream, choices, |_, _| true);
    let (progress, end) = stream.finish();
    assert!(matches!(end, End::Whole));
    assert!(!unfinished(output).unwrap());
    (lines(&fs::read(output).unwrap()), progress.tally)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Killed without a warning, at any moment, with a line cut in half: nothing is lost, nothing twice.
    #[test]
    fn a_killed_sweep_goes_on_where_it_was(
        choices in proptest::collection::vec(any::<u8>(), 1..40),
        positions in proptest::collection::vec(1_usize..80, 1..4),
        killed in 1_usize..100,
        torn in 0_usize..60,
    ) {
        let count = 100;
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.ndjson");
        let stop = Arc::new(AtomicBool::new(false));
        let file = fs::File::create(&output).unwrap();
        let mut stream = FileSweep::new(Cursor::new(text(count)), file, begin(&stop, Some(keep(&output, count))));
        let counters = SweepCounters::default();
        // The first position is written at the beginning, as the command does it.
        (0..10).for_each(|_| stream.progress(&counters));
        drive(&mut stream, &choices, |answers, stream| {
            if positions.contains(&answers) {
                (0..10).for_each(|_| stream.progress(&counters));
            }
            answers < killed
        });
        // Some of what came after the last position reached the file.
        stream.flush_for_test();
        drop(stream);
        let length = fs::metadata(&output).unwrap().len();
        let least = Position::read(&position_of(&output)).unwrap().output_bytes;
        let file = OpenOptions::new().write(true).open(&output).unwrap();
        file.set_len(length.saturating_sub(torn as u64).max(least)).unwrap();
        drop(file);
        prop_assert_eq!(go_on(&output, count, &choices), whole(count));
    }

    /// Stopped by a person: what is under way is finished, and the rest is asked when it is resumed.
    #[test]
    fn a_stopped_sweep_finishes_what_is_under_way(choices in proptest::collection::vec(any::<u8>(), 1..40), after in 1_usize..90) {
        let count = 100;
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.ndjson");
        let stop = Arc::new(AtomicBool::new(false));
        let file = fs::File::create(&output).unwrap();
        let mut stream = FileSweep::new(Cursor::new(text(count)), file, begin(&stop, Some(keep(&output, count))));
        drive(&mut stream, &choices, |answers, _| {
            stop.store(answers >= after, Ordering::Relaxed);
            true
        });
        let (progress, end) = stream.finish();
        let finished = progress.tally.total();
        prop_assert!(matches!(end, End::Stopped) || finished == 93, "{end:?} after {finished}");
        prop_assert_eq!(lines(&fs::read(&output).unwrap()).len() as u64, finished);
        prop_assert_eq!(go_on(&output, count, &choices), whole(count));
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_sweep() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut stream = FileSweep::new(Cursor::new(text(50)), Gone, begin(&stop, None));
    drive(&mut stream, &[], |_, stream| {
        stream.progress(&SweepCounters::default());
        true
    });
    let (progress, end) = stream.finish();
    assert!(matches!(end, End::NoReader) && progress.lines < 50);
}

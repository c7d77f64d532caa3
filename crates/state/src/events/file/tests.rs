use super::*;
use proptest::prelude::*;
use weft_model::{EventAction, EventKind, Timestamp};

fn event(number: u64) -> Event {
    let time = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
    Event::new(time, EventKind::Node, EventAction::Up, format!("host{number}"))
}

fn names(file: &EventFile) -> Vec<String> {
    file.read().map(|event| event.name).collect()
}

#[test]
fn the_last_ones_are_kept_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = EventFile::with_limit(dir.path(), 1000);
    for number in 0..100 {
        file.append(&[event(number)]).unwrap();
        let last = file.read().last().unwrap();
        assert_eq!(last, event(number));
    }
    let kept = names(&file);
    assert!((10..40).contains(&kept.len()), "{kept:?}");
    let expected: Vec<_> = (100 - kept.len()..100).map(|number| format!("host{number}")).collect();
    assert_eq!(kept, expected, "the newest, in order");
    let size: u64 = file.paths().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(size <= 2000, "{size}");
}

#[test]
fn what_a_crash_tore_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(EVENTS);
    EventFile::of(dir.path()).append(&[event(1), event(2)]).unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let mut file = EventFile::of(dir.path());
        file.append(&[event(3)]).unwrap();
        let kept = names(&file);
        assert_eq!(kept.last().map(String::as_str), Some("host3"), "cut at {cut}");
        let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        // A line of which only the end is missing is whole again with it.
        assert!((lines..=lines + 1).contains(&(kept.len() - 1)), "cut at {cut}: {kept:?}");
    }
}

#[test]
fn long_lines_and_nonsense_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = b"nonsense\n{}\n\0\0\0\n".to_vec();
    text.extend(vec![b'x'; 3 * LONGEST]);
    text.push(b'\n');
    fs::write(dir.path().join(EVENTS), text).unwrap();
    let mut file = EventFile::of(dir.path());
    assert_eq!(names(&file), Vec::<String>::new());
    file.append(&[event(7)]).unwrap();
    assert_eq!(names(&file), ["host7"]);
    fs::write(dir.path().join(OLDER_EVENTS), vec![b'x'; LONGEST]).unwrap();
    assert_eq!(names(&file), ["host7"]);
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_until_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("gone");
    let mut file = EventFile::of(&inside);
    assert!(file.append(&[event(1)]).is_err());
    fs::create_dir(&inside).unwrap();
    file.append(&[event(2)]).unwrap();
    assert_eq!(names(&file), ["host2"]);
}

proptest! {
    #[test]
    fn any_file_can_be_read_and_written_on(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(EVENTS), &bytes).unwrap();
        let mut file = EventFile::of(dir.path());
        let before = names(&file);
        file.append(&[event(1)]).unwrap();
        let after = names(&file);
        prop_assert!(after.starts_with(&before));
        prop_assert_eq!(after.last().map(String::as_str), Some("host1"));
    }
}

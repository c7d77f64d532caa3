use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A writer that is at work until the returned sender is dropped.
fn busy() -> (Writer, mpsc::Sender<()>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let (writer, _) = Writer::start(&directory.path().join("store.redb")).unwrap();
    let (go_on, wait) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let first = writer.submit(move |_| {
        begun.send(()).unwrap();
        // An error: the sender was dropped.
        let _ = wait.recv();
    });
    begins.recv().unwrap();
    std::mem::forget(first);
    (writer, go_on, directory)
}

#[test]
fn what_nobody_waits_for_any_more_is_left_out() {
    let (writer, go_on, _directory) = busy();
    let done = Arc::new(AtomicUsize::new(0));
    let count = || {
        let done = Arc::clone(&done);
        writer.submit(move |_| done.fetch_add(1, Ordering::Relaxed)).unwrap()
    };
    let (wanted, given_up) = (count(), count());
    drop(given_up);
    let last = count();
    drop(go_on);
    assert_eq!((wanted.blocking_recv().unwrap().unwrap(), last.blocking_recv().unwrap().unwrap()), (0, 1));
    assert_eq!(done.load(Ordering::Relaxed), 2);
}

#[test]
fn more_than_can_wait_are_refused_at_once() {
    let (writer, go_on, _directory) = busy();
    let waiting: Vec<_> = (0..MAX_WAITING).map(|_| writer.submit(|_| ()).unwrap()).collect();
    assert!(matches!(writer.submit(|_| ()), Err(WriteFailure::Busy)));
    drop(go_on);
    for answer in waiting {
        answer.blocking_recv().unwrap().unwrap();
    }
    writer.submit(|_| ()).unwrap().blocking_recv().unwrap().unwrap();
}

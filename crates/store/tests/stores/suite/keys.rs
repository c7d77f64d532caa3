//! Reading and listing.

use super::Bench;
use weft_store::{Condition, MAX_VALUE, StoreError, Txn};

pub async fn a_key_not_written_is_absent(bench: Bench) {
    assert_eq!(bench.get("nothing").await, None);
    assert!(bench.list().await.entries.is_empty());
}

pub async fn a_value_comes_back_whole(bench: Bench) {
    let mut every_byte: Vec<u8> = (0..=255).cycle().take(MAX_VALUE).collect();
    for length in [0, 1, 255, 4096, MAX_VALUE] {
        every_byte.truncate(MAX_VALUE);
        let value = every_byte[..length].to_vec();
        let txn = Txn::new().put(bench.key("value"), value.clone(), Condition::Always);
        bench.store.commit(txn).await.unwrap();
        let entry = bench.get("value").await.unwrap();
        assert_eq!(entry.key, bench.key("value"));
        assert!(entry.value == value, "{length} bytes came back otherwise");
        assert_eq!(entry.session, None);
        assert_eq!(bench.list().await.entries, [entry]);
    }
}

pub async fn a_list_has_the_prefix_in_order_and_nothing_else(bench: Bench) {
    for name in ["b/2", "b/10", "b/1", "b", "ba", "c/1", "a/9", "b/1/x"] {
        bench.put(name, name).await;
    }
    let listing = bench.store.list(&bench.key("b/")).await.unwrap();
    let names: Vec<_> = listing.entries.iter().map(|entry| entry.key.clone()).collect();
    assert_eq!(names, ["b/1", "b/1/x", "b/10", "b/2"].map(|name| bench.key(name)));
    let listing = bench.store.list(&bench.key("b")).await.unwrap();
    assert_eq!(listing.entries.len(), 6, "a prefix need not end at a slash");
    assert!(listing.entries.iter().all(|entry| entry.modified <= listing.revision));
}

pub async fn odd_keys_stay_apart(bench: Bench) {
    let odd = [
        "a b",
        "a+b",
        "a%20b",
        "a%b",
        "a?b=c",
        "a#b",
        "a&b",
        "ü",
        "日本",
        "a:b",
        "..a",
        "a..",
        "a;b",
        "a\\b",
        "\"a\"",
        "dir/",
        "dir",
        "fd00::-64/fd00::2",
        "~",
        "%2e%2e",
        "a=b",
        "[x]",
        "{y}",
        "<z>",
        "|",
        "^",
        "`",
    ];
    for name in odd {
        let txn = Txn::new().put(bench.key(name), name, Condition::Absent);
        bench.store.commit(txn).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for name in odd {
        assert_eq!(bench.value(name).await.as_deref(), Some(name));
    }
    let mut sorted = odd.map(|name| bench.key(name));
    sorted.sort();
    let keys: Vec<_> = bench.list().await.entries.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, sorted);
    for name in odd {
        bench.delete(name).await;
    }
    assert!(bench.list().await.entries.is_empty());
}

pub async fn keys_that_cannot_be_kept_are_refused(bench: Bench) {
    for name in ["/a", "a//b", "a/../b", "./a", "a/..", "a\nb", "a\0b", &"long".repeat(300)] {
        let key = bench.key(name);
        let put = bench.store.commit(Txn::new().put(&key, "", Condition::Always)).await;
        assert!(put.unwrap_err().to_string().contains("refused"), "{name:?}");
        assert!(matches!(bench.store.get(&key).await, Err(StoreError::Refused { .. })), "{name:?}");
        assert!(matches!(bench.store.list(&key).await, Err(StoreError::Refused { .. })), "{name:?}");
    }
    assert!(matches!(bench.store.get("").await, Err(StoreError::Refused { .. })));
    assert!(bench.list().await.entries.is_empty());
}

pub async fn an_empty_prefix_lists_everything(bench: Bench) {
    bench.put("one", "1").await;
    let all = bench.store.list("").await.unwrap();
    assert!(all.entries.iter().any(|entry| entry.key == bench.key("one")));
    assert!(all.entries.is_sorted_by(|a, b| a.key < b.key));
}

pub async fn a_prefix_of_thousands_is_listed_whole(bench: Bench) {
    const COUNT: usize = 40 * 64;
    for chunk in 0..COUNT / 64 {
        let txn = (0..64).fold(Txn::new(), |txn, n| {
            let key = bench.key(&format!("{:05}", chunk * 64 + n));
            txn.put(key, vec![b'x'; 1500], Condition::Absent)
        });
        bench.store.commit(txn).await.unwrap();
    }
    let listing = bench.list().await;
    assert_eq!(listing.entries.len(), COUNT);
    assert!(listing.entries.is_sorted_by(|a, b| a.key < b.key));
    assert!(listing.entries.iter().all(|entry| entry.value.len() == 1500));
}

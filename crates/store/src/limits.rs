//! What every store can hold. The same rules on all of them, so that a cluster can move between them.

use crate::{MAX_OPS, Op, StoreError, Txn};
use std::collections::BTreeSet;

/// The longest key, in bytes; far below what any store refuses.
pub const MAX_KEY: usize = 1024;

/// The largest value, in bytes. Consul takes 512 KiB (`kv_max_value_size`), but for a whole transaction, in
/// base64, in JSON (`agent/txn_endpoint.go`).
pub const MAX_VALUE: usize = 256 * 1024;

/// Why `txn` fits into no store.
pub(crate) fn check_txn(txn: &Txn) -> Result<(), String> {
    let weight = txn.weight();
    if weight > MAX_OPS {
        return Err(format!("{weight} operations in one transaction; at most {MAX_OPS} go"));
    }
    let mut seen = BTreeSet::new();
    for op in &txn.ops {
        let key = op.key();
        check_key(key)?;
        if !seen.insert(key) {
            return Err(format!("key {key:?} appears twice in one transaction"));
        }
        if let Op::Put { value, .. } = op
            && value.len() > MAX_VALUE
        {
            return Err(format!("the value of {key:?} has {} bytes; at most {MAX_VALUE} go", value.len()));
        }
    }
    Ok(())
}

/// Why `key` fits into no store.
pub(crate) fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("a key is empty".into());
    }
    check_prefix(key)
}

/// Why no key starts with `prefix`.
///
/// Consul's keys are paths of URLs, where `.`, `..` and empty segments get lost on the way, and it refuses
/// characters that cannot be printed (`agent/http.go`, `disable_http_unprintable_char_filter`).
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    let shown: String = prefix.chars().take(200).collect();
    if prefix.len() > MAX_KEY {
        return Err(format!("key {shown:?}… has {} bytes; at most {MAX_KEY} go", prefix.len()));
    }
    if prefix.chars().any(char::is_control) {
        return Err(format!("key {shown:?} has control characters"));
    }
    let path = prefix.strip_suffix('/').unwrap_or(prefix);
    let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
    if !prefix.is_empty() && path.split('/').any(odd) {
        return Err(format!("key {shown:?} has an empty segment, or one of dots"));
    }
    Ok(())
}

/// `reason` as an error of the store called `store`.
pub(crate) fn refused(store: &str, doing: &'static str, reason: String) -> StoreError {
    StoreError::Refused { store: store.to_owned(), doing, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Condition;

    #[test]
    fn keys_that_get_lost_on_the_way_are_refused() {
        for good in ["a", "a/b", "a/b/", "a b", "ü", "100%", "a?b#c+d", "..a", "a..", "~"] {
            assert_eq!(check_key(good), Ok(()), "{good}");
        }
        for bad in ["", "/", "/a", "a//b", "a//", "./a", "a/../b", "a/..", "a\n", "a\0"] {
            assert!(check_key(bad).is_err(), "{bad:?}");
        }
        assert!(check_key(&"a".repeat(MAX_KEY + 1)).is_err());
        assert_eq!(check_prefix(""), Ok(()));
    }

    #[test]
    fn transactions_that_do_not_fit_are_refused() {
        let many = (0..=MAX_OPS).fold(Txn::new(), |txn, n| txn.put(format!("k{n}"), "", Condition::Always));
        assert!(check_txn(&many).unwrap_err().contains("65 operations"));
        let twice = Txn::new().put("a", "", Condition::Always).delete("a", Condition::Always);
        assert!(check_txn(&twice).unwrap_err().contains("twice"));
        let large = Txn::new().put("a", vec![0; MAX_VALUE + 1], Condition::Always);
        assert!(check_txn(&large).unwrap_err().contains("bytes"));
    }
}

//! Cuts a JSON array of objects into its objects while it arrives: a cluster's keys come to many megabytes, and
//! nobody should hold all of their text at once.

/// An array that is arriving. It is cut by its brackets only (RFC 8259, section 2); the caller checks the objects.
#[derive(Debug, Default)]
pub(super) struct Objects {
    place: Place,
    /// The beginning of an object whose end has not arrived.
    partial: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    BeforeArray,
    Opened,
    InObject,
    AfterObject,
    AfterComma,
    AfterArray,
}

impl Objects {
    /// Takes in what has arrived, and hands each object that is whole now to `each`.
    ///
    /// # Errors
    /// What `each` says, and when this is no array of objects.
    pub(super) fn push(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.place == Place::InObject {
                let Some(end) = self.end_of_object(rest) else {
                    self.partial.extend_from_slice(rest);
                    return Ok(());
                };
                let (object, after) = rest.split_at(end);
                if self.partial.is_empty() {
                    each(object)?;
                } else {
                    self.partial.extend_from_slice(object);
                    each(&self.partial)?;
                    self.partial.clear();
                }
                self.place = Place::AfterObject;
                rest = after;
                continue;
            }
            let (place, consumed) = match (self.place, byte) {
                (place, b' ' | b'\t' | b'\n' | b'\r') => (place, true),
                (Place::BeforeArray, b'[') => (Place::Opened, true),
                // The object begins with its brace.
                (Place::Opened | Place::AfterComma, b'{') => (Place::InObject, false),
                (Place::AfterObject, b',') => (Place::AfterComma, true),
                (Place::Opened | Place::AfterObject, b']') => (Place::AfterArray, true),
                _ => return Err("it is no list of objects".to_owned()),
            };
            self.place = place;
            rest = if consumed { after } else { rest };
        }
        Ok(())
    }

    /// The length of what is left of the object, if its end is in `bytes`.
    fn end_of_object(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' if !self.in_string => self.depth += 1,
                b'}' if !self.in_string => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// # Errors
    /// When something is missing.
    pub(super) fn finish(&self) -> Result<(), String> {
        if self.place == Place::AfterArray { Ok(()) } else { Err("it ends in the middle".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The objects of a text that arrives in pieces of this size.
    fn cut(text: &[u8], size: usize) -> Result<Vec<Value>, String> {
        let (mut objects, mut found) = (Objects::default(), Vec::new());
        for piece in text.chunks(size.max(1)) {
            objects.push(piece, |object| {
                found.push(serde_json::from_slice(object).map_err(|error| error.to_string())?);
                Ok(())
            })?;
        }
        objects.finish()?;
        Ok(found)
    }

    #[test]
    fn what_is_no_list_of_objects_is_refused() {
        for bad in ["", "{}", "null", "[", "[1]", "[{}", "[{},]", "[,{}]", "[{}{}]", "[{}]]", "[{}] x", "[}"]
        {
            assert!(cut(bad.as_bytes(), 9).is_err(), "{bad}");
        }
    }

    fn object() -> impl Strategy<Value = Value> {
        let text = r#"[a-z{}\[\]"\\,é]{0,6}"#;
        let leaf =
            prop_oneof![text.prop_map(Value::from), any::<i64>().prop_map(Value::from), Just(Value::Null)];
        let inner =
            leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::from));
        prop::collection::btree_map(text, inner, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn an_array_in_any_pieces_is_its_objects(
            objects in prop::collection::vec(object(), 0..5),
            size in 1_usize..40,
            pretty: bool,
        ) {
            let write = if pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
            prop_assert_eq!(cut(&write(&objects).unwrap(), size), Ok(objects));
        }

        #[test]
        fn what_is_accepted_is_json(text in r#"[\[\]{}":,a1\\ ]{0,12}"#, size in 1_usize..12) {
            let whole = serde_json::from_str::<Vec<serde_json::Map<String, Value>>>(&text);
            prop_assert_eq!(cut(text.as_bytes(), size).is_ok(), whole.is_ok());
        }
    }
}

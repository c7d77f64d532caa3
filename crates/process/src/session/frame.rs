//! What client and shim say to each other: a kind (one byte), a length (two, the higher first), and as many bytes.

/// One thing said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Input of the command's from the client, or output of the command's from the shim.
    Data(Vec<u8>),
    /// From the client: there is no more input.
    End,
    /// From the client: the rows and columns its terminal has now.
    Size(u16, u16),
    /// From the shim, as the last: the command's exit status.
    Exit(i32),
}

/// The other side speaks no language of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what came over the session's socket makes no sense")]
pub struct Nonsense;

const DATA: u8 = 0;
const END: u8 = 1;
const SIZE: u8 = 2;
const EXIT: u8 = 3;

impl Frame {
    /// Appends data as frames, as many as it takes.
    pub fn data(bytes: &[u8], to: &mut Vec<u8>) {
        for chunk in bytes.chunks(usize::from(u16::MAX)) {
            put(DATA, chunk, to);
        }
    }

    /// Appends the frame.
    pub fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Data(bytes) => Self::data(bytes, to),
            Self::End => put(END, &[], to),
            Self::Size(rows, columns) => put(SIZE, &[rows.to_be_bytes(), columns.to_be_bytes()].concat(), to),
            Self::Exit(code) => put(EXIT, &code.to_be_bytes(), to),
        }
    }

    fn parse(kind: u8, body: &[u8]) -> Result<Self, Nonsense> {
        match (kind, body) {
            (DATA, _) => Ok(Self::Data(body.to_vec())),
            (END, []) => Ok(Self::End),
            (SIZE, &[a, b, c, d]) => Ok(Self::Size(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
            (EXIT, &[a, b, c, d]) => Ok(Self::Exit(i32::from_be_bytes([a, b, c, d]))),
            _ => Err(Nonsense),
        }
    }
}

fn put(kind: u8, body: &[u8], to: &mut Vec<u8>) {
    // Nobody gives it more than a length says.
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    to.push(kind);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(&body[..usize::from(length)]);
}

/// Frames from the bytes that come in, in pieces of any size. It holds one frame at most, and what came with it.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes bytes that came. To be called when [`frame`](Self::frame) has nothing more.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, if it is there whole.
    ///
    /// # Errors
    /// [`Nonsense`] for what no client and no shim says. Nothing that comes later can be understood then.
    pub fn frame(&mut self) -> Result<Option<Frame>, Nonsense> {
        let [kind, high, low, ref rest @ ..] = self.bytes[..] else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // Before all of it has come: what makes no sense is not waited for.
        if kind > EXIT || (kind != DATA && length > 4) {
            return Err(Nonsense);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let frame = Frame::parse(kind, body)?;
        self.bytes.drain(..3 + length);
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(frames: &mut Frames) -> Result<Vec<Frame>, Nonsense> {
        std::iter::from_fn(|| frames.frame().transpose()).collect()
    }

    #[test]
    fn long_data_are_several_frames() {
        let (mut said, text) = (Vec::new(), vec![7; 100_000]);
        Frame::data(&text, &mut said);
        let mut frames = Frames::default();
        frames.take(&said);
        let lengths: Vec<_> = all(&mut frames)
            .unwrap()
            .into_iter()
            .map(|frame| if let Frame::Data(bytes) = frame { bytes.len() } else { 0 })
            .collect();
        assert_eq!(lengths, [65_535, 34_465]);
        Frame::data(&[], &mut said);
        assert_eq!(said.len(), 100_006, "no data are no frame");
    }

    #[test]
    fn nonsense_is_seen_at_once() {
        for bytes in [&[4, 0, 0][..], &[1, 0, 1, 9], &[2, 0, 3, 1, 2, 3], &[2, 255, 255], &[3, 0, 0]] {
            let mut frames = Frames::default();
            frames.take(bytes);
            assert_eq!(frames.frame(), Err(Nonsense), "{bytes:?}");
        }
    }

    fn frame() -> impl Strategy<Value = Frame> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 1..300).prop_map(Frame::Data),
            Just(Frame::End),
            any::<(u16, u16)>().prop_map(|(rows, columns)| Frame::Size(rows, columns)),
            any::<i32>().prop_map(Frame::Exit),
        ]
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_are_put_together(
            said in prop::collection::vec(frame(), 0..8),
            size in 1_usize..50,
        ) {
            let mut bytes = Vec::new();
            said.iter().for_each(|frame| frame.write(&mut bytes));
            let (mut frames, mut heard) = (Frames::default(), Vec::new());
            for piece in bytes.chunks(size) {
                frames.take(piece);
                heard.extend(all(&mut frames).unwrap());
            }
            prop_assert_eq!(heard, said);
        }

        #[test]
        fn nothing_that_comes_is_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let mut frames = Frames::default();
            frames.take(&bytes);
            let _ = all(&mut frames);
        }
    }
}

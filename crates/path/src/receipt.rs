//! What has been received of the other end's frames.

/// How many of the last frames are told apart.
const WIDTH: u8 = 32;
/// By how much a number may be ahead of the last: beyond, the other end has begun anew.
const FAR: u64 = 1000;

/// Which of the last frames of the other end have arrived.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Receipt {
    /// The highest number; zero: none.
    pub(crate) seen: u64,
    /// The numbers up to that one: it is the lowest bit.
    pub(crate) window: u32,
    /// How many of them say something.
    pub(crate) span: u8,
}

impl Receipt {
    /// Takes note of a frame. Says whether it is a new one: anybody can send one again that was sent before.
    pub(crate) fn take(&mut self, number: u64) -> bool {
        let Some(ahead) = number.checked_sub(self.seen) else {
            let bit = 1u32.checked_shl(u32::try_from(self.seen - number).unwrap_or(u32::MAX)).unwrap_or(0);
            let new = bit != 0 && self.window & bit == 0 && self.seen - number < u64::from(self.span);
            self.window |= if new { bit } else { 0 };
            return new;
        };
        if ahead == 0 {
            return false;
        }
        if self.seen == 0 || ahead > FAR {
            self.begin(number);
            return true;
        }
        self.window = self.window.checked_shl(u32::try_from(ahead).unwrap_or(u32::MAX)).unwrap_or(0) | 1;
        self.span = self.span.saturating_add(u8::try_from(ahead).unwrap_or(WIDTH)).min(WIDTH);
        self.seen = number;
        true
    }

    /// Begins anew with a frame that was sent just now, whatever its number.
    pub(crate) fn begin(&mut self, number: u64) {
        *self = Self { seen: number, window: 1, span: 1 };
    }

    /// Of a thousand of the last frames, how many were lost.
    pub(crate) fn lost(&self) -> u16 {
        let span = u32::from(self.span).min(32);
        if span == 0 {
            return 0;
        }
        let lost = span.saturating_sub(self.window.count_ones());
        u16::try_from(1000 * lost / span).unwrap_or(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counts_once_and_gaps_are_losses() {
        let mut receipt = Receipt::default();
        let first = 1_700_000_000_000_000;
        assert!(receipt.take(first) && !receipt.take(first) && receipt.lost() == 0);
        assert!(receipt.take(first + 3) && receipt.lost() == 500);
        assert!(receipt.take(first + 1) && !receipt.take(first + 1) && receipt.lost() == 250);
        assert!(!receipt.take(first - 1), "of before it was listened");
        assert!(receipt.take(first + 100) && receipt.lost() == 968);
        assert!(!receipt.take(first + 3), "long ago");
        assert!(receipt.take(first + 5000), "the other began anew");
        assert_eq!((receipt.lost(), receipt.span), (0, 1));
    }
}

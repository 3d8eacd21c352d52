//! What every compared way does with a question: the client writes it, the server reads it and
//! writes the answer in its place, the client reads that.

/// The question that ends a server.
const LAST: u64 = u64::MAX;

/// A question and its answer, in the same place.
pub(crate) trait Work: Send + 'static {
    fn new() -> Self;

    /// Writes a question.
    fn ask(&mut self, number: u64);

    /// Reads the question and writes the answer; false for the last.
    fn serve(&mut self) -> bool;

    /// Reads the answer.
    ///
    /// # Panics
    /// Where it is not the one to question `number`.
    fn check(&self, number: u64);

    /// Writes the last question.
    fn end(&mut self) {
        self.ask(LAST);
    }
}

/// A word.
pub(crate) struct Number(u64);

impl Work for Number {
    fn new() -> Number {
        Number(0)
    }

    #[inline]
    fn ask(&mut self, number: u64) {
        self.0 = number;
    }

    #[inline]
    fn serve(&mut self) -> bool {
        let goes_on = self.0 != LAST;
        self.0 = self.0.wrapping_add(1);
        goes_on
    }

    #[inline]
    fn check(&self, number: u64) {
        assert_eq!(self.0, number.wrapping_add(1));
    }
}

/// 128 bytes, each of which both sides touch.
pub(crate) struct Payload([u64; 16]);

impl Work for Payload {
    fn new() -> Payload {
        Payload([0; 16])
    }

    #[inline]
    fn ask(&mut self, number: u64) {
        self.0.fill(number);
    }

    #[inline]
    fn serve(&mut self) -> bool {
        let goes_on = self.0[0] != LAST;
        self.0.iter_mut().for_each(|word| *word = word.wrapping_add(1));
        goes_on
    }

    #[inline]
    fn check(&self, number: u64) {
        let sum = self.0.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word));
        assert_eq!(sum, number.wrapping_add(1).wrapping_mul(16));
    }
}

//! A port that nobody may use.

use crate::{
    port::Port,
    request::{Outcome, Request},
};

/// A port whose every use is a mistake of the program, to be set where none is expected.
///
/// # Panics
/// At each use, with its name.
#[derive(Clone, Copy, Debug)]
pub struct PanicPort(pub &'static str);

impl<B: 'static> Port<B> for PanicPort {
    fn begin<'s>(&'s self, _: Request<'s, B>) -> Outcome<'s, B> {
        panic!("a message was sent to the port \"{}\", which takes none", self.0);
    }
}

#[cfg(feature = "alloc")]
impl<B: 'static> crate::ReplyPort<B> for PanicPort {
    fn reply(&self, _: crate::Message<B>) {
        panic!("a message was replied to the port \"{}\", which takes none", self.0);
    }
}

//! The layer that does nothing: every message goes down as it came. It looks at nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;

use driver::{
    Body, Built, Context, Description, Driver, Kind, Lower, OptionKind, OptionSpec, Options,
    Outcome, Port, Request,
};

/// The layer that does nothing.
///
/// It steps out of the way, or, where it was told to, waits for the completion like a layer that
/// has something to undo.
pub struct Pass {
    lower: Lower,
    frames: bool,
}

impl Pass {
    /// A layer above `lower`; with `frames`, completions come back through it.
    pub fn new(lower: Lower, frames: bool) -> Pass {
        Pass { lower, frames }
    }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "pass",
    help: "passes every message down as it came",
    stands: true,
    options: &[OptionSpec {
        key: "frames",
        kind: OptionKind::Flag,
        required: false,
        help: "let completions come back through the layer",
    }],
    make,
};

fn make(options: &Options, lower: Option<Lower>, _: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    Ok(Arc::new(Pass::new(lower, options.flag("frames"))))
}

impl Port<Body> for Pass {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        if self.frames {
            return self.forward(request);
        }
        request.pass(&self.lower.port)
    }
}

impl Pass {
    /// Apart, so that what only passes on needs no stack frame.
    #[inline(never)]
    fn forward<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.forward(self, &self.lower.port, [0; 3])
    }
}

impl Driver for Pass {
    fn describe(&self) -> Description {
        self.lower.description
    }
}

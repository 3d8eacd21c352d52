//! The layer that does nothing: every message goes down as it came. It looks at nothing.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::{sync::Arc, vec::Vec};

use driver::{
    Body, Built, Context, Description, Driver, Kind, Lower, OptionKind, OptionSpec, Options,
    Outcome, Port, Request, Stands,
};

/// The layer that does nothing, and steps out of the way.
pub struct Pass {
    lower: Lower,
}

impl Pass {
    /// A layer above `lower`.
    pub fn new(lower: Lower) -> Pass {
        Pass { lower }
    }
}

/// The same, but it waits for completions, like a layer that has something to undo.
pub struct Hears {
    lower: Lower,
}

impl Hears {
    /// A layer above `lower`.
    pub fn new(lower: Lower) -> Hears {
        Hears { lower }
    }
}

/// How a description of a stack names it.
pub const KIND: Kind = Kind {
    name: "pass",
    help: "passes every message down as it came",
    stands: Stands::OnOne,
    options: &[OptionSpec {
        key: "frames",
        kind: OptionKind::Flag,
        required: false,
        help: "let completions come back through the layer",
    }],
    make,
};

fn make(options: &Options, lower: Vec<Lower>, _: &Context) -> Built {
    let lower = Lower::required(lower, &KIND)?;
    Ok(match options.flag("frames") {
        true => Arc::new(Hears::new(lower)),
        false => Arc::new(Pass::new(lower)),
    })
}

impl Port<Body> for Pass {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.pass(&self.lower.port)
    }
}

impl Port<Body> for Hears {
    #[inline]
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        request.forward(self, &self.lower.port, [0; 3])
    }
}

impl Driver for Pass {
    fn describe(&self) -> Description {
        self.lower.description
    }

    fn passes_data(&self) -> bool {
        true
    }
}

impl Driver for Hears {
    fn describe(&self) -> Description {
        self.lower.description
    }

    fn passes_data(&self) -> bool {
        true
    }
}

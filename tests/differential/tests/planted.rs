//! An error that is planted in a driver is found, shrunk, and replayed from its text.
#![cfg(not(target_os = "redox"))]

use std::sync::Arc;

use differential::{
    placement::PLACEMENTS,
    run::{run, shrunk, trace},
    stacks::{Stack, driver},
    trace::{Step, Trace},
};
use driver::{
    Body, Context, Description, Driver, Errno, Exchange, Kind, Lower, Op, Options, Outcome, Port,
    Request, Stands, Status,
};

/// Loses writes that begin at its third block, and says that they were made; directories can't
/// be taken away.
struct Wrong(Lower);

const WRONG: Kind = Kind {
    name: "wrong",
    help: "something with an error",
    stands: Stands::OnOne,
    options: &[],
    make: |_: &Options, lower: Vec<Lower>, _: &Context| {
        Ok(Arc::new(Wrong(Lower::required(lower, &WRONG)?)))
    },
};

impl Port<Body> for Wrong {
    fn begin<'s>(&'s self, request: Request<'s>) -> Outcome<'s, Body> {
        match request.body().op {
            Op::Write { offset: 1024, .. } => {
                let status = Status::ok(request.len());
                request.done(status)
            }
            Op::Unlink { dir: true, .. } => request.done(Status::from(Errno::EBUSY)),
            _ => request.pass(&self.0.port),
        }
    }
}

impl Driver for Wrong {
    fn describe(&self) -> Description {
        self.0.description
    }
}

fn wrong(files: bool) -> Stack {
    let below = match files {
        true => driver("below", "tmpfs", "size = \"16 MiB\""),
        false => driver("below", "ramdisk", "size = 131072"),
    };
    Stack::new("wrong", files, below + &driver("top", "wrong", "on = \"below\""))
}

/// The shortest trace of what a seed makes; its text is replayed, and fails as it does.
fn found(stack: &Stack, placement: &str, seed: u64) -> Vec<Step> {
    let all = trace(stack, placement, seed, 20_000);
    let difference = run(stack, &[WRONG], &all, &|| ()).expect_err("the error is found");
    let (short, difference) = shrunk(stack, &[WRONG], all, difference);
    let read = Trace::from_text(&short.to_text()).expect("what was printed can be read");
    assert_eq!(read, short);
    let again = run(stack, &[WRONG], &read, &|| ()).expect_err("it fails again");
    assert_eq!(again.to_string(), difference.to_string());
    read.steps
}

#[test]
fn a_lost_write_is_found_in_every_placement_and_shrunk_to_itself() {
    for (placement, seed) in PLACEMENTS.into_iter().zip(1..) {
        let steps = found(&wrong(false), placement, seed);
        assert!(
            matches!(*steps, [Step::Write { at: 1024, .. }]),
            "{placement}: what is left is {steps:?}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_removed_is_found_and_shrunk_to_two_steps() {
    for (placement, seed) in PLACEMENTS.into_iter().zip(1..) {
        let steps = found(&wrong(true), placement, seed);
        assert!(
            matches!(&*steps, [.., Step::Unlink { dir: true, .. }] if steps.len() <= 3),
            "{placement}: what is left is {steps:?}"
        );
    }
}

#[test]
fn a_trace_that_cannot_be_read_says_in_which_line() {
    let good = "{\"stack\":\"tmpfs\",\"placement\":\"static\"}\n\n\"Flush\"\n";
    assert_eq!(Trace::from_text(good).unwrap().steps, [Step::Flush]);
    let bad = Trace::from_text(&(good.to_string() + "\"Flash\"\n")).unwrap_err();
    assert!(bad.starts_with("line 4: ") && bad.contains("Flash"), "{bad}");
    let empty = Trace::from_text("\n").unwrap_err();
    assert!(empty.contains("empty"), "{empty}");
}

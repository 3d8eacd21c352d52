//! The driver in a stack, as a host of drivers places it: contained, and between others.

use driver::{Body, Call, Cred, Data, Node, Op, Spin};
#[cfg(not(target_os = "redox"))]
use host as _;
use service::Host;

const TEXT: &str = r#"
[[driver]]
name = "disk"
kind = "ramdisk"
size = "1 MiB"

[[driver]]
name = "counted"
kind = "tally"
on = "disk"
"#;

#[test]
fn a_description_names_it_like_any_other_kind() {
    let kinds = [portd::kinds(), vec![tally::KIND]].concat();
    let stack = stack::parse(TEXT, &kinds).unwrap().build(&Host).unwrap();
    let counted = &stack.get("counted").unwrap().driver;
    let (flush, mut told) = (Op::Flush { node: Node::ROOT }, String::new());
    for _ in 0..3 {
        let status = Call::new(Body::new(flush, Cred::ROOT), Data::NONE).run(&**counted, &Spin);
        assert!(status.is_ok());
    }
    counted.report(&mut told).unwrap();
    assert_eq!(told, "{\"done\":3,\"failed\":0}\n");
}

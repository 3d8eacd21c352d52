//! The nodes that a connection knows: more of them than it may know at a time.
#![cfg(not(target_os = "redox"))]

mod common;

use std::sync::Arc;

use agent::{Call, Data, Errno, Outcome, Port, Status};
use common::World;
use driver::{
    Attr, Body, Class, Cred, Description, Driver, Exchange, Features, FileKind, Node, Op,
    OpenFlags, Reply, Request,
};
use service::{Limits, PARK, Remote, Service};

/// A file for each number, whose name it is.
struct Numbers;

fn attr(node: Node) -> Attr {
    let kind = if node == Node::ROOT { FileKind::Directory } else { FileKind::Regular };
    Attr { inode: node.0, kind, mode: 0o777, ..Attr::default() }
}

impl Port<Body> for Numbers {
    fn begin<'s>(&'s self, mut request: Request<'s>) -> Outcome<'s, Body> {
        let name = request.name(0).and_then(|name| str::from_utf8(name).ok());
        let number = match name {
            Some("") => Some(Node::ROOT),
            name => name.and_then(|name| name.parse().ok()).map(Node),
        };
        match request.body().op {
            Op::Lookup { .. } => {
                let Some(node) = number else { return request.done(Errno::ENOENT) };
                request.body_mut().reply = Reply::Entry { node, attr: attr(node) };
            }
            Op::Getattr { node } => request.body_mut().reply = Reply::Attr(attr(node)),
            _ => {}
        }
        request.done(Status::OK)
    }
}

impl Driver for Numbers {
    fn describe(&self) -> Description {
        Description::new(Class::File, Features::CONCURRENT)
    }
}

/// Asks, with a name where there is one.
fn ask(port: &Remote, op: Op, name: &[u8]) -> Result<Reply, Errno> {
    let mut call = Call::new(Body::new(op, Cred::ROOT), Data::NONE);
    if !name.is_empty() {
        call = call.name(name);
    }
    call.run(port, &PARK).result().map(|_| call.body().reply)
}

fn find(port: &Remote, number: u64) -> Result<Node, Errno> {
    let lookup = Op::Lookup { parent: Node::ROOT, follow: true };
    match ask(port, lookup, number.to_string().as_bytes())? {
        Reply::Entry { node, .. } => Ok(node),
        other => panic!("{other:?}"),
    }
}

/// Which file it is.
fn inode(port: &Remote, node: Node) -> Result<u64, Errno> {
    match ask(port, Op::Getattr { node }, b"")? {
        Reply::Attr(attr) => Ok(attr.inode),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_forgets_nodes_that_are_not_open_and_goes_on() {
    let mut world = World::new();
    let make = || {
        let service = Service::single("numbers", Arc::new(Numbers));
        let service = service.map_err(|failure| failure.to_string())?;
        service.set_limits(Limits { known: 100, ..Limits::default() });
        Ok(service)
    };
    world.start("numbers", make).unwrap();
    world.root(|| {
        let port = Remote::connect("/scheme/numbers").unwrap();
        let [open, first] = [1, 2].map(|number| find(&port, number).unwrap());
        ask(&port, Op::Open { node: open, flags: OpenFlags::READ }, b"").unwrap();
        for number in 3..1000 {
            find(&port, number).unwrap();
        }
        assert_eq!(inode(&port, open), Ok(1));
        assert_eq!(inode(&port, first), Err(Errno::ESTALE));
        let again = find(&port, 2).unwrap();
        assert_eq!((inode(&port, again), again == first), (Ok(2), false));
        ask(&port, Op::Close { node: open }, b"").unwrap();
    });
}

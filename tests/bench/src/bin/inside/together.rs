//! The same stack in one process and with a process a layer: what its client pays.

use agent::{Call, Data, SchemeAgent};
use driver::{Body, Cred, Driver, Node, Op};
use service::{Host, PARK, Service};

use crate::{
    redox::{CALLS, Child, PAGE, Page, Result, pair},
    volumes,
};

/// A driver of a stack.
pub(crate) struct Layer {
    name: &'static str,
    kind: &'static str,
    on: &'static [&'static str],
    options: String,
}

pub(crate) fn layer(name: &'static str, kind: &'static str, on: &'static [&'static str]) -> Layer {
    Layer { name, kind, on, options: String::new() }
}

impl Layer {
    pub(crate) fn with(self, options: &str) -> Layer {
        Layer { options: options.into(), ..self }
    }
}

fn disk(name: &'static str) -> Layer {
    layer(name, "ramdisk", &[]).with("size = \"1 MiB\"")
}

/// Four layers that pass everything on.
fn passes() -> Vec<Layer> {
    let pass = |name, on| layer(name, "pass", on);
    vec![
        disk("d"),
        pass("p1", &["d"]),
        pass("p2", &["p1"]),
        pass("p3", &["p2"]),
        pass("p4", &["p3"]),
    ]
}

/// What is encrypted, on two disks.
fn crypt(key: &str) -> Vec<Layer> {
    let crypt = layer("c", "crypt", &["s"]).with(&format!("key = {key:?}"));
    vec![disk("d1"), disk("d2"), layer("s", "stripe", &["d1", "d2"]), crypt]
}

/// A read of a page from a device.
const READ: Op = Op::Read { node: Node::ROOT, offset: 0 };

/// Serves a description as a scheme.
pub(crate) fn serve(name: &str, text: &str) -> Result<()> {
    let kinds = [portd::kinds(), vec![volumes::KIND]].concat();
    let plan = stack::parse(text, &kinds).map_err(|fault| fault.to_string())?;
    let stack = plan.build(&Host).map_err(|fault| fault.to_string())?;
    let service = Service::directory(name, &stack, plan.draw());
    let mut service = service.map_err(|failure| failure.to_string())?;
    service.publish().and_then(|()| service.run()).map_err(|failure| failure.to_string())
}

/// The description of a layer, with `across` where each of its lower drivers is.
fn table(layer: &Layer, across: bool) -> String {
    let place = |lower: &&str| match across {
        true => format!("\"/scheme/{lower}/{lower}\""),
        false => format!("\"{lower}\""),
    };
    let on = match layer.on {
        [] => String::new(),
        [one] => format!("on = {}\n", place(one)),
        several => format!("on = [{}]\n", several.iter().map(place).collect::<Vec<_>>().join(", ")),
    };
    let Layer { name, kind, options, .. } = layer;
    format!("[[driver]]\nname = \"{name}\"\nkind = \"{kind}\"\n{on}{options}\n")
}

fn together(layers: &[Layer]) -> String {
    layers.iter().map(|layer| table(layer, false)).collect()
}

/// A stack that is there twice: its processes, and agents to the topmost driver of each.
pub(crate) struct Both {
    one: SchemeAgent<Body>,
    many: SchemeAgent<Body>,
    _services: Vec<Child>,
}

impl Both {
    pub(crate) fn start(scheme: &str, layers: &[Layer]) -> Result<Both> {
        let top = layers.last().ok_or("a stack without drivers")?.name;
        let mut services = vec![Child::start(&["stack", scheme, &together(layers)])?];
        let one = SchemeAgent::new(Child::up(&format!("/scheme/{scheme}/{top}"))?);
        let mut many = None;
        for layer in layers {
            services.push(Child::start(&["stack", layer.name, &table(layer, true)])?);
            many = Some(Child::up(&format!("/scheme/{0}/{0}", layer.name))?);
        }
        let many = SchemeAgent::new(many.ok_or("a stack without drivers")?);
        Ok(Both { one, many, _services: services })
    }
}

fn page(port: &(impl agent::Port<Body> + ?Sized), data: Data<'_>) -> Result<()> {
    match Call::new(Body::new(READ, Cred::ROOT), data).run(port, &PARK).result() {
        Ok(PAGE) => Ok(()),
        Ok(count) => Err(format!("read {count} bytes of a page")),
        Err(errno) => Err(format!("can't read: {errno}")),
    }
}

/// Rows of a stack: for a client that has a process of its own and for one that is beside the
/// drivers, with data in private memory and in a window.
fn rows(what: &str, scheme: &str, layers: &[Layer]) -> Result<()> {
    let both = Both::start(scheme, layers)?;
    let plan = portd::plan(&together(layers)).map_err(|error| error.to_string())?;
    let stack = plan.build(&Host).map_err(|fault| fault.to_string())?;
    let top = layers.last().and_then(|layer| stack.get(layer.name));
    let driver: &dyn Driver = &*top.ok_or("a stack without drivers")?.driver;
    let window = |agent: &SchemeAgent<Body>| {
        agent.buffer(PAGE).map_err(|errno| format!("can't map a window: {errno}"))
    };
    let (one, many) = (window(&both.one)?, window(&both.many)?);
    let (mut a, mut b) = (Page([1; PAGE]), Page([2; PAGE]));
    let mut row = |by: &str, windows: bool, beside: bool| {
        let mut apart = || match windows {
            true => page(&both.many, Data::lent(&many)),
            false => page(&both.many, Data::sink(&mut a.0)),
        };
        let mut together = || match (beside, windows) {
            (true, _) => page(driver, Data::sink(&mut b.0)),
            (_, true) => page(&both.one, Data::lent(&one)),
            (_, false) => page(&both.one, Data::sink(&mut b.0)),
        };
        let what = format!("4 KiB through {what}, {by}");
        pair(&what, CALLS, ("a process a layer", &mut apart), ("one process", &mut together))
    };
    row("private memory", false, false)?;
    row("private memory, client beside the drivers", false, true)?;
    row("window", true, false)?;
    row("window, client beside the drivers", true, true)
}

/// Prints what stacks cost together and apart. There is room for a file in `scratch`; `image` is
/// one with a RedoxFS.
pub(crate) fn measure(scratch: &str, image: Option<&str>) -> Result<()> {
    let key = format!("{scratch}/key");
    let bytes: Vec<u8> = (0..64).collect();
    std::fs::write(&key, bytes).map_err(|error| format!("can't write {key}: {error}"))?;
    rows("four layers that pass", "passes", &passes())?;
    rows("crypt and stripe", "crypts", &crypt(&key))?;
    image.map_or(Ok(()), volumes::measure)
}

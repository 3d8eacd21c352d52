//! A plan is in order, says what shares a process, and is made bottom first.

mod common;

use std::{cell::RefCell, sync::Arc};

use common::{kinds, pass, round};
use driver::{Built, Context, Driver, Kind, OptionKind, OptionSpec, Secret, Spin, Stands, Time};
use stack::{Environment, On, Plan};

fn plan(text: &str) -> Plan {
    stack::parse(text, &kinds()).unwrap()
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.entries().iter().map(|entry| entry.name.as_str()).collect()
}

const NULL: &str = "[[driver]]\nname = \"null\"\nkind = \"null\"\n";

/// Two stacks on one bottom, described upside down, and one across a boundary.
fn mixed() -> Plan {
    plan(
        &[
            &pass("roof", "left"),
            &pass("left", "null"),
            &pass("right", "null"),
            &pass("far", "/scheme/port/disk"),
            &pass("farther", "far"),
            NULL,
        ]
        .concat(),
    )
}

/// Notes what is made and connected to.
#[derive(Default)]
struct Workshop {
    done: RefCell<Vec<String>>,
    closed: bool,
}

impl Environment for Workshop {
    fn context(&self) -> Context {
        Context { now: Time::default, wait: &Spin }
    }

    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String> {
        self.done.borrow_mut().push(path.into());
        if self.closed { Err("nobody is there".into()) } else { Ok(Arc::new(driver_null::Null)) }
    }

    fn secret(&self, path: &str) -> Result<Secret, String> {
        match path {
            "/none" => Err("is not there".into()),
            _ => Ok(Secret::new(format!("what is in {path}").into_bytes())),
        }
    }

    fn place(&self, name: &str, make: &mut dyn FnMut() -> Built) -> Built {
        self.done.borrow_mut().push(name.into());
        make()
    }
}

#[test]
fn each_driver_comes_after_the_one_that_it_stands_on() {
    let plan = mixed();
    assert_eq!(names(&plan), ["far", "null", "left", "right", "farther", "roof"]);
    let roof = plan.entries().last().unwrap();
    assert_eq!(roof.on, [On::Neighbour { name: "left".into(), line: 4 }]);
    assert_eq!(plan.entries()[0].on, [On::Across { path: "/scheme/port/disk".into(), line: 16 }]);
    assert!(plan.has("farther") && !plan.has("nothing"));
}

#[test]
fn an_empty_description_is_a_plan() {
    assert_eq!(names(&plan("# nothing yet\n")), [""; 0]);
}

#[test]
fn what_neighbours_connect_shares_a_process() {
    let domains = mixed().domains();
    let domains: Vec<_> = domains.iter().map(names).collect();
    assert_eq!(domains, [vec!["far", "farther"], vec!["null", "left", "right", "roof"]]);
}

#[test]
fn a_drawing_shows_what_stands_on_what_and_where_the_boundary_is() {
    let drawn = "\
/scheme/port/disk
~~~ boundary: one translation each way ~~~
far (pass)
  on it: farther (pass)
null (null)
  on it: left (pass)
    on it: roof (pass)
  on it: right (pass)
";
    assert_eq!(mixed().draw(), drawn);
}

#[test]
fn drivers_are_made_bottom_first_with_a_row_each() {
    let workshop = Workshop::default();
    let stack = mixed().build(&workshop).unwrap();
    let made = ["/scheme/port/disk", "far", "null", "left", "right", "farther", "roof"];
    assert_eq!(*workshop.done.borrow(), made);
    assert_eq!(stack.rows[0], "sender");
    assert_eq!(stack.rows[1..], made);
    let far = stack.get("far").unwrap();
    assert_eq!((far.kind, far.on.as_deref()), ("pass", Some("/scheme/port/disk")));
    assert_eq!(stack.rows[usize::from(far.port.layer())], "far");
    assert_eq!(stack.get("null").unwrap().on, None);
    assert!(stack.get("nothing").is_none());
}

/// A table on two legs of its own and one of another process, and what is on the table.
fn table() -> Plan {
    let leg = |name: &str| NULL.replace("\"null\"\nk", &format!("{name:?}\nk"));
    let legs = [leg("left"), leg("right"), leg("apart")].concat();
    plan(
        &[pass("cloth", "table"), round("table", &["right", "/scheme/far", "left"]), legs].concat(),
    )
}

#[test]
fn a_driver_on_several_is_given_them_in_their_order() {
    let plan = table();
    assert_eq!(names(&plan), ["left", "right", "apart", "table", "cloth"]);
    let workshop = Workshop::default();
    let stack = plan.build(&workshop).unwrap();
    let made = ["left", "right", "apart", "/scheme/far", "table", "cloth"];
    assert_eq!(*workshop.done.borrow(), made);
    assert_eq!(stack.get("table").unwrap().on.as_deref(), Some("right, /scheme/far, left"));
}

#[test]
fn a_driver_on_several_brings_them_into_one_process() {
    let domains = table().domains();
    let domains: Vec<_> = domains.iter().map(names).collect();
    assert_eq!(domains, [vec!["left", "right", "table", "cloth"], vec!["apart"]]);
}

#[test]
fn a_driver_on_several_is_drawn_on_each_and_what_is_on_it_once() {
    let drawn = "\
left (null)
  on it: table (round)
    and on /scheme/far, across a boundary
    on it: cloth (pass)
right (null)
  on it: table (round), see above
apart (null)
";
    assert_eq!(table().draw(), drawn);
}

/// Wants a secret, and tells it: no driver should.
const KEYED: Kind = Kind {
    name: "keyed",
    help: "has a key",
    stands: Stands::Alone,
    options: &[OptionSpec {
        key: "key",
        kind: OptionKind::Secret,
        required: true,
        help: "it holds the key",
    }],
    make: |options, _, _| {
        let secret = options.secret("key").ok_or("no key")?;
        Err(String::from_utf8_lossy(secret.bytes()).into_owned())
    },
};

#[test]
fn a_secret_is_read_from_its_file_when_the_driver_is_made() {
    let text = |path: &str| format!("[[driver]]\nname = \"a\"\nkind = \"keyed\"\nkey = {path}");
    let build =
        |path: &str| stack::parse(&text(path), &[KEYED]).unwrap().build(&Workshop::default());
    let said = |path: &str| build(path).err().unwrap().to_string();
    assert_eq!(said("\"/etc/key\""), "line 1, driver \"a\": what is in /etc/key");
    assert_eq!(said("\"/none\""), "line 1, driver \"a\", key: /none: is not there");
    let plan = stack::parse(&text("\"/etc/key\""), &[KEYED]).unwrap();
    let options = &plan.entries()[0].options;
    assert_eq!((options.text("key"), options.secret("key")), (Some("/etc/key"), None));
    let fault = stack::parse(&text("7"), &[KEYED]).err().unwrap().to_string();
    let wrong = "is a whole number, not the path of a file; the path of a file: it holds the key";
    assert_eq!(fault, format!("line 4, key: {wrong}"));
}

#[test]
fn where_one_driver_cannot_be_made_none_is() {
    let labelled = "\n[[driver]]\nname = \"a\"\nkind = \"picky\"\nsize = 1\nlabel = \"x\"\n";
    let fault = plan(labelled).build(&Workshop::default()).err().unwrap();
    assert_eq!(fault.to_string(), "line 2, driver \"a\": the label \"x\" is taken");
    let workshop = Workshop { closed: true, ..Workshop::default() };
    let fault = mixed().build(&workshop).err().unwrap();
    assert_eq!(fault.to_string(), "line 16, on: /scheme/port/disk: nobody is there");
}

#[test]
fn options_come_as_they_were_given() {
    let text =
        "[[driver]]\nname = \"a\"\nkind = \"picky\"\nsize = \"2 KiB\"\ncount = 0x10\nquiet = true";
    let plan = plan(text);
    let options = &plan.entries()[0].options;
    assert_eq!((options.integer("size"), options.integer("count")), (Some(2048), Some(16)));
    assert_eq!((options.flag("quiet"), options.text("label")), (true, None));
}

/// Stands on something, and shows it nothing of its senders' memory: no layer does that by
/// saying nothing.
const OPAQUE: Kind = Kind {
    name: "opaque",
    help: "a layer that keeps what it is given to itself",
    stands: Stands::OnOne,
    options: &[],
    make: |_, _, _| Ok(Arc::new(driver_null::Null)),
};

#[test]
fn memory_is_delegated_through_layers_that_pass_data_on_and_no_others() {
    let text = [
        &pass("far", "/scheme/port/disk"),
        &pass("farther", "far"),
        "[[driver]]\nname = \"opaque\"\nkind = \"opaque\"\non = \"farther\"\n",
        &pass("above", "opaque"),
        &pass("near", "null"),
        NULL,
    ]
    .concat();
    let all: Vec<Kind> = kinds().into_iter().chain([OPAQUE]).collect();
    let stack = stack::parse(&text, &all).unwrap().build(&Workshop::default()).unwrap();
    let delegates = |name| stack.get(name).unwrap().agent.is_some();
    assert!(delegates("far") && delegates("farther"));
    assert!(["opaque", "above", "near", "null"].into_iter().all(|name| !delegates(name)));
}

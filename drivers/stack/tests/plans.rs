//! A plan is in order, says what shares a process, and is made bottom first.

mod common;

use std::{cell::RefCell, sync::Arc};

use common::{kinds, pass};
use driver::{Built, Context, Driver, Kind, Spin, Time};
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
    assert_eq!(roof.on, On::Neighbour { name: "left".into(), line: 4 });
    assert_eq!(plan.entries()[0].on, On::Across { path: "/scheme/port/disk".into(), line: 16 });
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
    stands: true,
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

//! What is wrong with a description is said once, with line, key, reason and what to do.

mod common;

use common::kinds;

fn fault(text: &str) -> String {
    match stack::parse(text, &kinds()) {
        Ok(plan) => panic!("this is a plan:\n{}", plan.draw()),
        Err(fault) => fault.to_string(),
    }
}

/// Checks what is said of the lines of a description, the first of which is line 1.
#[track_caller]
fn says(lines: &[&str], expected: &str) {
    assert_eq!(fault(&lines.join("\n")), expected);
}

const DRIVER: &str = "[[driver]]";

#[test]
fn an_unknown_kind_is_refused_with_what_was_meant() {
    says(
        &["", DRIVER, "name = \"a\"", "kind = \"nul\""],
        "line 4, kind: no kind of driver is called \"nul\"; did you mean \"null\"?",
    );
    says(
        &[DRIVER, "name = \"a\"", "kind = \"teapot\""],
        "line 3, kind: no kind of driver is called \"teapot\"; the kinds are null, pass, picky, round",
    );
    says(
        &[DRIVER, "name = \"a\""],
        "line 1, kind: is missing; the kinds are null, pass, picky, round",
    );
}

#[test]
fn a_missing_option_is_named_with_what_it_says() {
    says(
        &[DRIVER, "name = \"a\"", "kind = \"picky\""],
        "line 1, size: is missing: a picky needs it; \
         a size in bytes, such as 65536 or \"64 MiB\": how large",
    );
}

#[test]
fn an_unknown_option_is_refused_with_what_was_meant() {
    let with = |option| [DRIVER, "name = \"a\"", "kind = \"picky\"", "size = 1", option];
    says(&with("coutn = 3"), "line 5, coutn: is no option of a picky; did you mean \"count\"?");
    says(
        &with("colour = \"red\""),
        "line 5, colour: is no option of a picky; it takes size, count, label, quiet",
    );
    says(
        &[DRIVER, "name = \"a\"", "kind = \"null\"", "colour = 1"],
        "line 4, colour: is no option of a null; it takes none",
    );
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_the_right_one() {
    let with = |option| [DRIVER, "name = \"a\"", "kind = \"picky\"", "size = 1", option];
    says(
        &with("count = \"3\""),
        "line 5, count: is a text, not a whole number; a whole number: how many",
    );
    says(
        &with("count = 3.5"),
        "line 5, count: is a number with a point, not a whole number; a whole number: how many",
    );
    says(&with("count = -3"), "line 5, count: is -3, out of range; a whole number: how many");
    says(&with("label = 3"), "line 5, label: is a whole number, not a text; a text: its label");
    says(
        &with("quiet = 1"),
        "line 5, quiet: is a whole number, not true or false; true or false: say nothing",
    );
    says(
        &with("quiet = []"),
        "line 5, quiet: is a list, not true or false; true or false: say nothing",
    );
    says(&[DRIVER, "name = 7"], "line 2, name: is not a text; write it between quotes");
    says(
        &[DRIVER, "name = \"a\"", "kind = true"],
        "line 3, kind: is not a text; write it between quotes",
    );
    says(
        &[DRIVER, "name = \"a\"", "kind = \"pass\"", "on = [\"b\"]"],
        "line 4, on: is a list, but a pass stands on one driver; name that one, without brackets",
    );
}

#[test]
fn a_size_that_is_none_is_refused() {
    let hint = "a size in bytes, such as 65536 or \"64 MiB\": how large";
    for size in ["12 parsecs", "MiB", "1.5 GiB", "-1", "99999999999 TiB", ""] {
        says(
            &[DRIVER, "name = \"a\"", "kind = \"picky\"", &format!("size = {size:?}")],
            &format!("line 4, size: is \"{size}\", no size; {hint}"),
        );
    }
    says(
        &[DRIVER, "name = \"a\"", "kind = \"picky\"", "size = true"],
        &format!(
            "line 4, size: is true or false, not {}; {hint}",
            "a size in bytes, such as 65536 or \"64 MiB\""
        ),
    );
}

#[test]
fn a_name_has_to_be_there_once_and_be_a_name() {
    says(&[DRIVER, "kind = \"null\""], "line 1, name: is missing; every driver needs a name");
    says(
        &[DRIVER, "name = \"a\"", "kind = \"null\"", DRIVER, "name = \"a\"", "kind = \"null\""],
        "line 4, name: \"a\" is the name of two drivers; the first is at line 1; rename one",
    );
    for name in ["", "a/b", ".stats", "a b", "ä", "a:b"] {
        says(
            &[DRIVER, &format!("name = {name:?}"), "kind = \"null\""],
            &format!(
                "line 2, name: \"{name}\" can't be a name; \
                 use letters, digits, -, _ and . and begin with none of the dots"
            ),
        );
    }
}

#[test]
fn what_a_driver_stands_on_has_to_be_said_where_it_stands_and_only_there() {
    says(
        &[DRIVER, "name = \"a\"", "kind = \"pass\""],
        "line 1, on: is missing: a pass stands on another; \
         say on = \"name\" for a driver here, on = \"/scheme/…\" for another process",
    );
    says(
        &[DRIVER, "name = \"a\"", "kind = \"null\"", "on = \"b\""],
        "line 4, on: a null stands on nothing; leave it out",
    );
    says(
        &[
            DRIVER,
            "name = \"disk\"",
            "kind = \"null\"",
            DRIVER,
            "name = \"a\"",
            "kind = \"pass\"",
            "on = \"dist\"",
        ],
        "line 7, on: no driver is called \"dist\"; did you mean \"disk\"?",
    );
    says(
        &[DRIVER, "name = \"a\"", "kind = \"pass\"", "on = \"elsewhere\""],
        "line 4, on: no driver is called \"elsewhere\"; \
         name a driver of this description, or a path such as \"/scheme/…\"",
    );
}

#[test]
fn what_stands_on_several_says_which_in_a_list() {
    let on = |on: &'static str| [DRIVER, "name = \"a\"", "kind = \"round\"", on];
    says(
        &on(""),
        "line 1, on: is missing: a round stands on several; \
         say on = [\"one\", \"other\"], in their order",
    );
    let few = "line 4, on: a round stands on two or more; write a list: on = [\"one\", \"other\"]";
    for value in ["on = \"b\"", "on = []", "on = [\"b\"]"] {
        says(&on(value), few);
    }
    says(&on("on = [\"b\", 7]"), "line 4, on: is not a text; write it between quotes");
    says(
        &on("on = [\"b\", \"c\", \"b\"]"),
        "line 4, on: names \"b\" twice; each has to be another's",
    );
    says(
        &on("on = [\"b\",\n\"/scheme/port/c\"]"),
        "line 4, on: no driver is called \"b\"; \
         name a driver of this description, or a path such as \"/scheme/…\"",
    );
}

#[test]
fn a_circle_through_one_of_several_is_found() {
    let null = "[[driver]]\nname = \"null\"\nkind = \"null\"\n";
    let text = [null, &common::round("a", &["null", "b"]), &common::pass("b", "a")].concat();
    let circle = "line 4, on: goes in a circle: a on b on a; \
                  let one of them stand on something else";
    assert_eq!(fault(&text), circle);
}

#[test]
fn a_circle_is_shown_all_the_way_round() {
    let hint = "let one of them stand on something else";
    says(
        &[DRIVER, "name = \"a\"", "kind = \"pass\"", "on = \"a\""],
        &format!("line 1, on: goes in a circle: a on a; {hint}"),
    );
    says(
        &[
            DRIVER,
            "name = \"a\"",
            "kind = \"pass\"",
            "on = \"b\"",
            DRIVER,
            "name = \"b\"",
            "kind = \"pass\"",
            "on = \"c\"",
            DRIVER,
            "name = \"c\"",
            "kind = \"pass\"",
            "on = \"a\"",
        ],
        &format!("line 1, on: goes in a circle: a on b on c on a; {hint}"),
    );
}

#[test]
fn a_stack_that_is_too_high_is_refused() {
    let stack = |layers: usize| {
        let mut text = String::from("[[driver]]\nname = \"n0\"\nkind = \"null\"\n");
        for layer in 1..layers {
            text += &common::pass(&format!("n{layer}"), &format!("n{}", layer - 1));
        }
        text
    };
    assert_eq!(stack::parse(&stack(8), &kinds()).map(|plan| plan.entries().len()), Ok(8));
    assert_eq!(fault(&stack(9)), "line 32, on: \"n8\" has more than 8 layers; split the stack");
}

#[test]
fn the_longest_way_down_is_what_makes_a_stack_too_high() {
    let mut text = String::from("[[driver]]\nname = \"n0\"\nkind = \"null\"\n");
    for layer in 1..8 {
        text += &common::pass(&format!("n{layer}"), &format!("n{}", layer - 1));
    }
    let low = text.clone() + &common::round("top", &["n0", "n6"]);
    assert!(stack::parse(&low, &kinds()).is_ok());
    text += &common::round("top", &["n0", "n7"]);
    assert_eq!(fault(&text), "line 32, on: \"top\" has more than 8 layers; split the stack");
}

#[test]
fn what_is_no_description_is_refused() {
    let syntax = fault("[[driver]]\nname = \"a\nkind = \"null\"\n");
    assert!(syntax.starts_with("line 2, syntax: "), "{syntax}");
    let twice = fault("[[driver]]\nname = \"a\"\nname = \"b\"\n");
    assert!(twice.starts_with("line 3, syntax: ") && twice.contains("duplicate"), "{twice}");
    says(
        &["", "[[drivers]]", "name = \"a\""],
        "line 2, drivers: is no key of a description; \
         a driver is written as [[driver]] with name and kind",
    );
    let hint = "write [[driver]], with two brackets";
    says(&["driver = 7"], &format!("line 1, driver: is not a list of tables; {hint}"));
    says(&["driver = [7]"], &format!("line 1, driver: is not a list of tables; {hint}"));
    let single = fault("[driver]\nname = \"a\"");
    assert_eq!(single, format!("line 1, driver: is not a list of tables; {hint}"));
}

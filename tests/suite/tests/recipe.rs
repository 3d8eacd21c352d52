//! What is installed on Redox: the recipe, the unit for init, the default description.

use std::{fs, path::Path};

#[cfg(not(target_os = "redox"))]
use host as _;

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    fs::read_to_string(root.join("recipe").join(name)).unwrap()
}

#[test]
fn the_default_description_can_be_made() {
    let plan = portd::plan(&read("portd.toml")).unwrap();
    let stack = portd::build(&plan).unwrap();
    let names: Vec<&str> = stack.drivers.iter().map(|made| made.name.as_str()).collect();
    assert_eq!(names, ["null", "zero", "tmp", "disk"]);
}

#[test]
fn the_recipe_builds_both_programs_and_installs_what_is_here() {
    let recipe: toml::Table = read("recipe.toml").parse().unwrap();
    assert_eq!(recipe["build"]["template"].as_str(), Some("custom"));
    let script = recipe["build"]["script"].as_str().unwrap();
    assert!(script.contains("cookbook_cargo_packages portd portctl"));
    let installed = script.split('"').filter_map(|text| text.split_once("/recipe/"));
    let installed: Vec<&str> = installed.map(|(_, name)| name).collect();
    assert_eq!(installed, ["portd.service", "portd.toml"]);
}

#[test]
fn init_registers_the_scheme_that_the_daemon_makes() {
    let unit: toml::Table = read("portd.service").parse().unwrap();
    assert_eq!(unit["service"]["cmd"].as_str(), Some("portd"));
    assert_eq!(unit["service"]["type"]["scheme"].as_str(), Some("port"));
    let args = unit["service"]["args"].as_array().unwrap();
    assert_eq!(args[1].as_str(), Some("/etc/portd.toml"));
}

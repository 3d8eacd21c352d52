//! `demo`: real data through the whole of it, in two placements.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use service::Service;

use crate::{
    compare, image,
    report::{self, Figures, Run},
    tree::Tree,
    verify,
    world::World,
};

type Result<T> = std::result::Result<T, String>;

/// The stack: an image file, its first partition, the file system on it. `on` of the file system is all that differs between the placements.
pub fn description(image: &Path, on: &str) -> String {
    let image = image.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        r#"
[[driver]]
name = "disk"
kind = "file"
path = "{image}"

[[driver]]
name = "part"
kind = "partition"
on = "disk"
number = 1

[[driver]]
name = "fs"
kind = "redoxfs"
on = "{on}"
"#
    )
}

/// Runs the demonstration.
pub(crate) fn run(
    dir: Option<PathBuf>,
    image: Option<PathBuf>,
    json: Option<PathBuf>,
    list: Option<PathBuf>,
) -> Result<()> {
    let tree = match &dir {
        Some(dir) => Tree::of(dir)?,
        None => Tree::project()?,
    };
    let scratch =
        tempfile::tempdir().map_err(|error| format!("can't make a directory: {error}"))?;
    let image = image.unwrap_or_else(|| scratch.path().join("demo.img"));
    println!(
        "tree: {}, {} files, directories and links, {} bytes",
        tree.top.display(),
        tree.items.len(),
        tree.bytes()
    );
    let progress = bar(tree.items.len(), "making the image");
    image::make(&image, &tree, &progress)?;
    progress.finish_and_clear();
    if let Some(list) = &list {
        compare::write(list, &tree)?;
    }
    let together = place("one process", &description(&image, "part"), &tree, verify::write)?;
    let apart = place(
        "two processes",
        &description(&image, "/scheme/port/part"),
        &tree,
        verify::read_again,
    )?;
    report::check_neighbours(&together, &["disk", "part"])?;
    // The disk's data is lent pages now, which a file can't be read into: one copy.
    report::check_neighbours(&apart, &["part"])?;
    let runs = [together, apart];
    println!("\n{}", report::table(&runs));
    println!("{}", legend());
    for run in &runs {
        println!("{}: everything is the same, {:.1} s", run.name, run.seconds);
    }
    json.map_or(Ok(()), |path| report::write_json(&path, &runs))
}

fn legend() -> &'static str {
    "translations: changes of representation at a boundary, one each way; copies: data moved\n\
     between the two ends of a message; maps: payloads lent; looks: data touched; ms: time in\n\
     the layer itself, waiting there included"
}

/// Serves the stack of a description, each part that neighbours connect in a process of its
/// own, and checks everything through the topmost.
fn place(
    name: &'static str,
    text: &str,
    tree: &Tree,
    extra: fn(&str) -> Result<()>,
) -> Result<Run> {
    let plan = portd::plan(text).map_err(|error| error.to_string())?;
    println!("\n{name}:\n{}", plan.draw());
    let mut world = World::new();
    let mut schemes = Vec::new();
    for domain in plan.domains() {
        // What stands on nothing here is the disk's side; it has the name that `on` says.
        let scheme = if domain.has("disk") { "port" } else { "fs" };
        world.start(scheme, move || {
            let stack = portd::build(&domain)?;
            Ok(Service::directory(scheme, &stack, domain.draw())?)
        })?;
        schemes.push(scheme);
    }
    let top = schemes.last().copied().unwrap_or("port");
    let root = format!("/scheme/{top}/fs");
    let run = world.client(|| measure(name, &root, &schemes, tree, extra))?;
    world.end()?;
    Ok(run)
}

fn measure(
    name: &'static str,
    root: &str,
    schemes: &[&str],
    tree: &Tree,
    extra: fn(&str) -> Result<()>,
) -> Result<Run> {
    let figures: Vec<Figures> =
        schemes.iter().map(|scheme| Figures::open(scheme)).collect::<Result<_>>()?;
    let (start, progress) = (Instant::now(), bar(tree.items.len(), "comparing"));
    verify::compare(root, tree, &progress)?;
    extra(root)?;
    progress.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let mut rows = Vec::new();
    for (figures, scheme) in figures.into_iter().zip(schemes) {
        rows.extend(figures.read(scheme)?);
    }
    Ok(Run { name, rows, seconds })
}

fn bar(len: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {wide_msg}");
    ProgressBar::new(len as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(what)
}

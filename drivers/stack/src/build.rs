//! From a plan to drivers.

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec, vec::Vec};

use driver::{
    Body, Context, Description, Driver, LayerId, Lower, Neighbour, OptionKind, OptionValue,
    Options, Port, Secret,
};

use crate::{
    fault::Fault,
    plan::{Entry, On, Plan},
};

/// What a host does for the stacks that it hosts.
pub trait Environment {
    /// What drivers are given.
    fn context(&self) -> Context;

    /// Connects to a port of another process. The text of an error says why not, and what to do.
    fn connect(&self, path: &str) -> Result<Arc<dyn Driver>, String>;

    /// Reads a file that holds a secret. The text of an error says why not, and what to do. The
    /// default has no files.
    fn secret(&self, path: &str) -> Result<Secret, String> {
        let _ = path;
        Err("there are no files here".into())
    }

    /// Makes a driver: calls `make`, and puts around the result what its placement needs (a
    /// serializer, containment of panics). `make` may panic on hostile input.
    fn place(
        &self,
        name: &str,
        make: &mut dyn FnMut() -> driver::Built,
    ) -> Result<Arc<dyn Driver>, String>;
}

/// A driver that was made.
#[derive(Clone)]
pub struct Made {
    /// Its name.
    pub name: String,
    /// Its kind's name.
    pub kind: &'static str,
    /// What it stands on, for people.
    pub on: Option<String>,
    /// The edge to it.
    pub port: Neighbour<Body>,
    /// The driver itself, to be asked what it is and does; messages go by the edge.
    pub driver: Arc<dyn Driver>,
    /// What it said of itself when it was made.
    pub description: Description,
    /// The agent that its data goes to as it came, where the chain of neighbours that it stands
    /// on ends at a port of another process and passes data on.
    pub agent: Option<Arc<dyn Driver>>,
}

/// Drivers made from a plan, and the names of the rows of a meter that reads them.
#[derive(Clone, Default)]
pub struct Stack {
    /// The drivers, bottom first.
    pub drivers: Vec<Made>,
    /// The name of each row: 0 is the sender, then drivers and agents.
    pub rows: Vec<String>,
}

impl Plan {
    /// Makes the drivers, bottom first. Where one can't be made, none is: the fault names the
    /// driver and says why.
    pub fn build(&self, environment: &dyn Environment) -> Result<Stack, Fault> {
        let mut stack = Stack { drivers: Vec::new(), rows: vec!["sender".into()] };
        let mut made: BTreeMap<String, Below> = BTreeMap::new();
        for entry in self.entries() {
            let below = below(entry, environment, &mut stack, &made)?;
            let agent = only_agent(&below);
            let lower: Vec<Lower> = below.into_iter().map(|below| below.0).collect();
            let context = environment.context();
            let options = options(entry, environment)?;
            let mut make = || (entry.kind.make)(&options, lower.clone(), &context);
            let driver = environment.place(&entry.name, &mut make).map_err(|reason| {
                Fault::new(entry.line, &format!("driver \"{}\"", entry.name), reason)
            })?;
            let description = driver.describe();
            let agent = agent.filter(|_| driver.passes_data());
            let port: Arc<dyn Port<Body>> = Arc::<dyn Driver>::clone(&driver);
            let port = Neighbour::new(port, stack.row(&entry.name));
            let lower = Lower { port: port.clone(), description };
            made.insert(entry.name.clone(), (lower, agent.clone()));
            stack.drivers.push(Made {
                name: entry.name.clone(),
                kind: entry.kind.name,
                on: text(&entry.on),
                port,
                driver,
                description,
                agent,
            });
        }
        Ok(stack)
    }
}

/// The options, with what is in the files that they name.
fn options(entry: &Entry, environment: &dyn Environment) -> Result<Options, Fault> {
    let mut options = entry.options.clone();
    let secrets = entry.kind.options.iter().filter(|spec| spec.kind == OptionKind::Secret);
    for spec in secrets {
        let Some(path) = entry.options.text(spec.key) else { continue };
        let secret = environment.secret(path).map_err(|reason| {
            let key = format!("driver \"{}\", {}", entry.name, spec.key);
            Fault::new(entry.line, &key, format!("{path}: {reason}"))
        })?;
        options.set(spec.key, OptionValue::Secret(secret));
    }
    Ok(options)
}

/// What a driver stands on, and the agent at the end of the chain.
type Below = (Lower, Option<Arc<dyn Driver>>);

/// The edges to what a driver stands on.
fn below(
    entry: &Entry,
    environment: &dyn Environment,
    stack: &mut Stack,
    made: &BTreeMap<String, Below>,
) -> Result<Vec<Below>, Fault> {
    let mut below = Vec::new();
    for on in &entry.on {
        match on {
            // The plan is in order, so the one below is there.
            On::Neighbour { name, .. } => below.extend(made.get(name).cloned()),
            On::Across { path, line } => {
                let agent = environment
                    .connect(path)
                    .map_err(|reason| Fault::new(*line, "on", format!("{path}: {reason}")))?;
                let description = agent.describe();
                let port: Arc<dyn Port<Body>> = Arc::<dyn Driver>::clone(&agent);
                let lower = Lower { port: Neighbour::new(port, stack.row(path)), description };
                below.push((lower, Some(agent)));
            }
        }
    }
    Ok(below)
}

/// The agent that data goes to as it came: of a driver that stands on one thing.
fn only_agent(below: &[Below]) -> Option<Arc<dyn Driver>> {
    match below {
        [(_, agent)] => agent.clone(),
        _ => None,
    }
}

impl On {
    /// Its name or path.
    pub fn place(&self) -> &str {
        match self {
            On::Neighbour { name, .. } => name,
            On::Across { path, .. } => path,
        }
    }
}

/// What a driver stands on, for people.
fn text(on: &[On]) -> Option<String> {
    let places: Vec<&str> = on.iter().map(On::place).collect();
    (!places.is_empty()).then(|| places.join(", "))
}

impl Stack {
    /// The driver of this name.
    pub fn get(&self, name: &str) -> Option<&Made> {
        self.drivers.iter().find(|made| made.name == name)
    }

    fn row(&mut self, name: &str) -> LayerId {
        self.rows.push(name.into());
        LayerId::try_from(self.rows.len() - 1).unwrap_or(LayerId::MAX)
    }
}

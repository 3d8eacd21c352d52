//! From a plan to drivers.

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec, vec::Vec};

use driver::{Body, Context, Description, Driver, LayerId, Lower, Neighbour, Port};

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
            let (lower, agent) = below.map_or((None, None), |below| (Some(below.0), below.1));
            let context = environment.context();
            let mut make = || (entry.kind.make)(&entry.options, lower.clone(), &context);
            let driver = environment.place(&entry.name, &mut make).map_err(|reason| {
                Fault::new(entry.line, &format!("driver \"{}\"", entry.name), reason)
            })?;
            let description = driver.describe();
            let agent = agent.filter(|_| driver.passes_data());
            let port = Neighbour::new(driver, stack.row(&entry.name));
            let lower = Lower { port: port.clone(), description };
            made.insert(entry.name.clone(), (lower, agent.clone()));
            stack.drivers.push(Made {
                name: entry.name.clone(),
                kind: entry.kind.name,
                on: entry.on.text(),
                port,
                description,
                agent,
            });
        }
        Ok(stack)
    }
}

/// What a driver stands on, and the agent at the end of the chain.
type Below = (Lower, Option<Arc<dyn Driver>>);

fn below(
    entry: &Entry,
    environment: &dyn Environment,
    stack: &mut Stack,
    made: &BTreeMap<String, Below>,
) -> Result<Option<Below>, Fault> {
    match &entry.on {
        On::Nothing => Ok(None),
        // The plan is in order, so the one below is there.
        On::Neighbour { name, .. } => Ok(made.get(name).cloned()),
        On::Across { path, line } => {
            let agent = environment
                .connect(path)
                .map_err(|reason| Fault::new(*line, "on", format!("{path}: {reason}")))?;
            let description = agent.describe();
            let port: Arc<dyn Port<Body>> = Arc::<dyn Driver>::clone(&agent);
            let lower = Lower { port: Neighbour::new(port, stack.row(path)), description };
            Ok(Some((lower, Some(agent))))
        }
    }
}

impl On {
    fn text(&self) -> Option<String> {
        match self {
            On::Nothing => None,
            On::Neighbour { name, .. } => Some(name.clone()),
            On::Across { path, .. } => Some(path.clone()),
        }
    }
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

//! How a driver is made from its description in a stack.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use agent::{Neighbour, Port, Wait};

use crate::{Body, Driver, attr::Time, describe::Description, secret::Secret};

/// What a driver stands on: the edge down, and what is there.
///
/// Whether the port below is a neighbour or an agent to another process can't be told from
/// here, and makes no difference.
#[derive(Clone)]
pub struct Lower {
    /// The edge.
    pub port: Neighbour<Body>,
    /// What the port below said of itself when the stack was made.
    pub description: Description,
}

/// What the placement offers to a driver.
#[derive(Clone, Copy)]
pub struct Context {
    /// The time of day.
    pub now: fn() -> Time,
    /// How to wait for a lower port.
    pub wait: &'static (dyn Wait + Sync),
}

/// The type of an option's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// A whole number.
    Integer,
    /// Bytes: a whole number, or a text such as `"64 MiB"`.
    Size,
    /// A text.
    Text,
    /// True or false.
    Flag,
    /// The path of a file; the driver is given what is in it.
    Secret,
}

impl OptionKind {
    /// What to call it, for people.
    pub const fn name(self) -> &'static str {
        match self {
            OptionKind::Integer => "a whole number",
            OptionKind::Size => "a size in bytes, such as 65536 or \"64 MiB\"",
            OptionKind::Text => "a text",
            OptionKind::Flag => "true or false",
            OptionKind::Secret => "the path of a file",
        }
    }
}

/// An option that a kind of driver takes.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The key.
    pub key: &'static str,
    /// The type of its value.
    pub kind: OptionKind,
    /// There is no default.
    pub required: bool,
    /// What it says, in a few words.
    pub help: &'static str,
}

/// An option's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A whole number, or a size in bytes.
    Integer(u64),
    /// A text.
    Text(String),
    /// True or false.
    Flag(bool),
    /// What is in a file.
    Secret(Secret),
}

/// The options given to one driver; keys and types are those of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, OptionValue>);

impl Options {
    /// Sets an option.
    pub fn set(&mut self, key: &str, value: OptionValue) {
        self.0.insert(key.to_string(), value);
    }

    /// A number or size, if given.
    pub fn integer(&self, key: &str) -> Option<u64> {
        match self.0.get(key) {
            Some(OptionValue::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// A text, if given.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(OptionValue::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// What is in a file, if one is given.
    pub fn secret(&self, key: &str) -> Option<&Secret> {
        match self.0.get(key) {
            Some(OptionValue::Secret(secret)) => Some(secret),
            _ => None,
        }
    }

    /// A flag; `false` if not given.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.0.get(key), Some(OptionValue::Flag(true)))
    }
}

/// A driver made, or one clear reason why not.
pub type Built = Result<Arc<dyn Driver>, String>;

/// How many others a kind of driver stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// None: it is the bottom of a stack.
    Alone,
    /// One.
    OnOne,
    /// Two or more, in an order that matters.
    OnSeveral,
}

/// A kind of driver, as a description of a stack names it.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub help: &'static str,
    /// How many others it stands on.
    pub stands: Stands,
    /// The options that it takes.
    pub options: &'static [OptionSpec],
    /// Makes one on as many others as the kind stands on. The text of an error says what is
    /// wrong and what to do; the driver's name is added by the caller.
    pub make: fn(options: &Options, lower: Vec<Lower>, context: &Context) -> Built,
}

impl Lower {
    /// An edge to a driver that is there already, for one that is made without a description of
    /// a stack. It is told apart by layer 1 where costs are read.
    pub fn on<D: Driver + 'static>(driver: &Arc<D>) -> Lower {
        let port: Arc<dyn Port<Body>> = Arc::<D>::clone(driver);
        Lower { port: Neighbour::new(port, 1), description: driver.describe() }
    }

    /// What a kind that stands on one other was given. An error where it was not: that is the
    /// caller's mistake, since `stands` says so.
    pub fn required(lower: Vec<Lower>, kind: &Kind) -> Result<Lower, String> {
        let one: Result<[Lower; 1], _> = lower.try_into();
        one.map(|[lower]| lower)
            .map_err(|_| format!("a {} stands on another driver: say on = \"…\"", kind.name))
    }
}

//! What a namespace holds: the roots of schemes, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use redox_path::RedoxScheme;
use syscall::error::{EINVAL, Error, Result};

use super::description::Description;
use super::{event, mmap, pipe, scheme, time};
use crate::sync::lock;

/// The roots of schemes by name.
pub(crate) type Roots = BTreeMap<String, Arc<Description>>;

/// One namespace. Its roots close with it.
pub(crate) struct Namespace(Mutex<Roots>);

/// A namespace that several handles refer to.
pub(crate) type Names = Arc<Namespace>;

impl Namespace {
    /// One with the kernel's schemes.
    pub(crate) fn new() -> Names {
        Arc::new(Self(Mutex::new(kernel_schemes())))
    }

    pub(crate) fn roots(&self) -> MutexGuard<'_, Roots> {
        lock(&self.0)
    }

    /// A namespace of some of these names; a `*` at the end stands for anything, and names that
    /// aren't there are left out. `wanted` is names, each behind its length; EINVAL if they don't
    /// come out even.
    pub(crate) fn fork(&self, wanted: &[u8]) -> Result<Names> {
        let roots = self.roots();
        let mut kept = Roots::new();
        for wanted in split_names(wanted)? {
            let matches = |name: &str| match wanted.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => name == wanted,
            };
            let found = roots.iter().filter(|(name, _)| matches(name));
            kept.extend(found.map(|(name, root)| (name.clone(), Arc::clone(root))));
        }
        Ok(Arc::new(Self(Mutex::new(kept))))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for root in std::mem::take(&mut *self.roots()).into_values() {
            // The namespace is gone, whatever closing says.
            let _ = root.close();
        }
    }
}

/// A description that has no flags and no position.
pub(crate) fn root(scheme: usize, number: usize) -> Arc<Description> {
    Description::new(scheme, number, 0, 0, false)
}

fn kernel_schemes() -> Roots {
    let roots = [
        ("event", root(scheme::EVENT, event::ROOT)),
        ("memory", root(scheme::MEMORY, mmap::MEMORY_ROOT)),
        ("pipe", root(scheme::PIPE, pipe::ROOT)),
        ("time", root(scheme::TIME, time::ROOT)),
    ];
    roots.map(|(name, root)| (name.to_owned(), root)).into()
}

fn split_names(mut bytes: &[u8]) -> Result<Vec<String>> {
    let invalid = Error::new(EINVAL);
    let mut names = Vec::new();
    while !bytes.is_empty() {
        let (len, rest) = bytes.split_first_chunk().ok_or(invalid)?;
        let (name, rest) = rest.split_at_checked(usize::from_ne_bytes(*len)).ok_or(invalid)?;
        names.push(String::from_utf8(name.to_vec()).map_err(|_| invalid)?);
        bytes = rest;
    }
    Ok(names)
}

/// A name to register. EINVAL for one that a path couldn't hold.
pub(crate) fn scheme_name(bytes: &[u8]) -> Result<String> {
    let name = str::from_utf8(bytes).map_err(|_| Error::new(EINVAL))?;
    let name = RedoxScheme::new(name).ok_or(Error::new(EINVAL))?;
    Ok(name.as_ref().to_owned())
}

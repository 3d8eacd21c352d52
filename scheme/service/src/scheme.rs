//! A scheme before it has anything to serve. Whether it is guarded is decided here.

use crate::{beside::Beside, guard::Life, init::Failure, socket::Socket};

/// A scheme that is not known to anybody yet. The thread that makes it has to live on for as
/// long as it does.
pub struct Scheme {
    pub(crate) name: String,
    pub(crate) socket: Socket,
    pub(crate) life: Option<Life>,
}

impl Scheme {
    /// A scheme called `name`. Where its daemon dies, callers stay blocked. `EACCES` for others
    /// than root.
    pub fn new(name: &str) -> Result<Scheme, Failure> {
        let failed = |errno| Failure::new("create the scheme", name, errno);
        let socket = Socket::create().map_err(failed)?;
        Ok(Scheme { name: name.into(), socket, life: None })
    }

    /// The same with a guard beside it, which `by` starts: where the daemon dies, whoever waits
    /// for it is answered `ECONNRESET`, and who comes later is answered `ENODEV` (or `ESRCH`, for
    /// as long as the guard is there). For [`Fork`](crate::Fork), this comes before the
    /// program has threads or drivers. The guard ends with the scheme, and after the daemon; one
    /// that is killed is not started again.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), service::Failure> {
    /// # fn driver() -> std::sync::Arc<dyn driver::Driver> { unreachable!() }
    /// let scheme = service::Scheme::guarded("disk", &service::Fork)?;
    /// let mut service = service::Service::single(scheme, driver())?;
    /// # service.publish()
    /// # }
    /// ```
    pub fn guarded(name: &str, by: &dyn Beside) -> Result<Scheme, Failure> {
        let scheme = Scheme::new(name)?;
        let failed = |errno| Failure::new("start a guard for", name, errno);
        let life = Life::guarded(name, &scheme.socket, by).map_err(failed)?;
        Ok(Scheme { life: Some(life), ..scheme })
    }
}

/// What a service can be made of: a [`Scheme`], or a name, which is a scheme without a guard.
pub trait IntoScheme {
    /// The scheme.
    fn into_scheme(self) -> Result<Scheme, Failure>;
}

impl IntoScheme for Scheme {
    fn into_scheme(self) -> Result<Scheme, Failure> {
        Ok(self)
    }
}

impl IntoScheme for &str {
    fn into_scheme(self) -> Result<Scheme, Failure> {
        Scheme::new(self)
    }
}

impl IntoScheme for &String {
    fn into_scheme(self) -> Result<Scheme, Failure> {
        Scheme::new(self)
    }
}
